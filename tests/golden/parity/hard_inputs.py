"""Inputs on which two implementations of a pipeline are most likely to disagree. compare.py asks both about each.

An input is what one record holds: a text, an object, or a list of them. The last ones of each task are no inputs of it at
all: both sides are expected to refuse those.
"""

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"

TEXTS = [
    # nothing, and almost nothing
    "", " ", "   ", "\t\n\r", "\u00a0", "\u3000", "\u200b", "\u2028\u2029", "x", ".", "?!?!...", "-",
    # plain ones
    "I loved it", "The screen broke after two days.", "Waste of time. Never again!",
    "The plot was terrible, but the acting was quite good!", "THE FOOD WAS GREAT", "tHe fOOd wAs gReAt",
    "don't won't can't it's we're o'clock I'd", "so-so (really) \"quoted\" 'single' [bracket] {brace} <angle>",
    "My name is Wolfgang and I live in Berlin, near New York City.", "100% of $5.50 & 3/4 @home #fail 1,234,567.89 5e-3",
    "Mail me@example.org or see https://example.org/a_b?c=d&e=%20#f", "worked working works slowest unreturnable",
    "   leading and trailing   ", "many      blanks\tand\ttabs", "line one\nline two\r\nline three\rline four",
    "no\u00a0break\u3000wide\u2009thin\u200bzero\ufeffmark",
    # letters with marks, composed and not
    "\u00c9T\u00c9 \u00e0 Z\u00fcrich, na\u00efve caf\u00e9", "e\u0301te\u0301 nai\u0308ve Zu\u0308rich",
    "a\u0301\u0301\u0301\u0301\u0301",
    "\u0301 a mark alone", "Z\u0351\u036b\u0343\u036aa\u0328\u0360l\u034eg\u0321o\u0489",
    "\u1e69 \u1e9b\u0323 \ufb01ne \ufb03 \u2460 \u00bd x\u00b2",
    "\u0130stanbul I\u0307 \u0131 \u00df \u1e9e \u01c5 \u03a3\u03c2", "\uac00\uac01 \u1100\u1161\u11a8",
    # scripts
    "\u6771\u4eac\u306f\u5927\u304d\u3044\u3002\u30ab\u30bf\u30ab\u30ca \uff76\uff9e",
    "\u4e2d\u6587\u5b57\u7b26\u548cEnglish\u6df7\u5408 2024\u5e74", "\U00020000\U0002a6d6 rare ideographs",
    "\u0627\u0644\u0633\u0644\u0627\u0645 \u0639\u0644\u064a\u0643\u0645\u060c \u0645\u0631\u062d\u0628\u0627\u064b",
    "\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd \u05e2\u05d5\u05dc\u05dd", "\u202eright to left\u202c and back",
    "\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e \u0915\u094d\u0937",
    "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e0a\u0e32\u0e27\u0e42\u0e25\u0e01",
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440! \u0457\u0439",
    "\u0393\u03b5\u03b9\u03ac \u03c3\u03bf\u03c5 \u039a\u03cc\u03c3\u03bc\u03b5", "\U00010348\U0001d54f\U0001d56b \U0001f170",
    # symbols that are several code points
    "\U0001f600 smile \U0001f601\U0001f602", FAMILY + " family",
    "\U0001f44d\U0001f3fd thumb \U0001f1e9\U0001f1ea flag 1\ufe0f\u20e3 key \u2764\ufe0f", "a" + FAMILY + "b" + FAMILY + "c",
    # control characters, and what is no character
    "a\u0000b", "\u0000", "a\u0001b\u0007c\u001bd\u007fe\u009ff", "soft\u00adhyphen \u2060joiner \u200e\u200f",
    "\ufffd \ufffe \uffff \ufdd0", "\ue000 private \U000f0000 \U0010ffff",
    "\ud800", "half \udc00 a pair",
    # text that means something elsewhere
    "NaN", "inf -Infinity 1e999", "null", "{\"text\": \"a\", \"label\": 1}", "\\n \\u0041 %s {0} ${HOME} $(x)",
    "\u2581already \u2581marked", "##ing \u0120word @@ </w>",
    "<s> </s> <pad> <unk> <mask> [CLS] [SEP] [PAD] [UNK] <|endoftext|>",
    # words that no vocabulary has
    "qwertzuiopasdfghjklyxcvbnm" * 6, "a" * 101, "ab" * 60, "!" * 50, "\u6771" * 45,
]


def with_specials(specials):
    """Texts in which the tokenizer's own special tokens are written."""
    joined = " ".join(specials)
    return [joined, joined.replace(" ", "")] + [f"a {token} b{token}c" for token in specials[:3]]


def around(limit):
    """Texts of as many words as the model takes tokens, a few less, a few more, and many more."""
    repeated = [" ".join(["good"] * count) for count in (*range(limit - 5, limit + 2), 2 * limit)]
    words = ["movie", "phone", "Zu\u0308rich", "\u6771\u4eac"] * (limit // 8)
    return repeated + [" ".join(f"the {word} was {i}," for i, word in enumerate(words))]


def padded(limit, pad):
    """As many words as the model takes tokens, and padding written among them, which takes no position in some models."""
    words = ["good"] * (limit - 3)
    return [" ".join([pad] * (count - 1) + words + [pad]) for count in (1, 2, 3, 6)]


def nothing_but_padding(limit, pad):
    return " ".join([pad] * (limit + 1))


def plain_texts(facts):
    padding = padded(facts.limit, facts.pad) + [nothing_but_padding(facts.limit, facts.pad)]
    return TEXTS + with_specials(facts.specials) + padding + around(facts.limit)


NO_TEXTS = [None, True, 42, float("nan"), float("inf"), [None], [["a"], 5], ["a", None]]


def classified(facts):
    texts = plain_texts(facts)
    long = texts[-1]
    pairs = [{"text": first, "text_pair": second} for first, second in (
        ("the food was great", "the price was not"), ("", "only the second"), ("only the first", ""), ("", ""), (" ", " "),
        ("\u6771\u4eac " + FAMILY, "e\u0301 \u0000 x"), (facts.specials[0], facts.specials[-1]), (long, "short"),
        ("short", long), (long, long))]
    forms = [{"text": "alone"}, {"text": "alone", "text_pair": None}, [["the old form", "of a pair"]], ["one of a list"],
             ["two", "of a list"], texts[:20], [{"text": "a", "text_pair": "b"}, "c"], [long, "short"], []]
    return texts + pairs + forms + NO_TEXTS + [{}, {"text": 5}, {"text_pair": "without a first"}, [["a", "b", "c"]]]


def labelled(facts):
    texts = plain_texts(facts)
    forms = [["one of a list"], ["two", "of a list"], [text for text in texts[:20] if text], [texts[-1], "short"], []]
    return texts + forms + NO_TEXTS + [{}, {"text": 5}, [["words", "of"], ["two", "texts"]]]


def asked(facts):
    """Every text as a context, a few as questions, and all forms."""
    texts = plain_texts(facts)
    long, context = texts[-1], "The screen broke after two days in Zu\u0308rich, and then the battery."
    # Of a context whose tokens share one embedding and one position, all spans score the same: which is best is left to the last bit.
    undecided = nothing_but_padding(facts.limit, facts.pad)
    contexts = [{"question": "what broke?", "context": text} for text in texts if text != undecided]
    questions = [{"question": text, "context": context} for text in texts[:4] + texts[11:24:4] + texts[30:56:3] + texts[-9:]]
    pairs = [{"question": "what?", "context": "x"},
             {"question": "how fast", "context": "fast Fast FAST slow fast slow FAST fa\u0301st"},
             {"question": "what is the worst", "context": long}, {"question": long, "context": long}]
    forms = [{"question": ["what broke?"], "context": context}, {"question": ["what broke?", "when?"], "context": context},
             {"question": ["what broke?", "where?"], "context": [context, "here, there"]}, [pairs[0]], pairs[:2],
             [pairs[1], pairs[2]]]
    return contexts + questions + pairs + forms + NO_TEXTS + [
        "a text alone", {}, {"question": "a"}, {"context": "a"}, {"question": None, "context": "a"},
        {"question": "a", "context": None},
        {"question": 5, "context": "a"}, {"question": ["a", "b"], "context": ["c"]}, {"question": "a", "context": ["c"]},
        ["a", "b"]]


def masked(facts):
    """The mask before, after and within every text, and many of them."""
    mask, texts = facts.mask or "[MASK]", plain_texts(facts)
    forms = ("{mask} {text}", "{text} {mask}", "{text}{mask}", "the {mask} of {text}")
    single = [forms[i % len(forms)].format(mask=mask, text=text) for i, text in enumerate(texts)]
    several = [mask + mask, f"{mask} {mask}!", f"a {mask} b {mask} c {mask}", " ".join([mask] * 12), f" {mask} ", f"x{mask}y",
               mask.lower(), mask.upper(),
               f"{FAMILY}{mask}{FAMILY}", " ".join([mask] * (facts.limit + 2))]
    lists = [[f"the {mask} broke"], [f"the {mask} broke", f"{mask} {mask}"], single[:10], []]
    return single + several + lists + NO_TEXTS + ["no mask at all", "", ["no mask", mask], {}, {"text": mask}]


def chosen(facts):
    """Every text with the labels of the parameters, and some with their own."""
    texts = plain_texts(facts)
    long, text = texts[-1], "the battery of this phone died in Zu\u0308rich"
    own = [{"sequences": text, "candidate_labels": labels} for labels in (
        ["good", "bad"], "good, bad,, ugly ", ["battery"], "battery", ["", " ", "x,y"], ["good", "good", "bad"],
        ["\u6771\u4eac", "Zu\u0308rich", FAMILY],
        [f"label {i}" for i in range(20)], [facts.specials[0], facts.specials[-1]], ["{}", "{0}", "%s"], [long, "short"],
        ["a\u0000b", "\u202ex"])]
    forms = [{"sequences": text}, {"sequences": [text], "candidate_labels": ["a", "b"]},
             {"sequences": [text, "x"], "candidate_labels": "a,b"},
             [text], [text, "x"], [long, "short"], []]
    return texts + own + forms + NO_TEXTS + [
        {}, {"sequences": ""}, {"sequences": 5}, {"sequences": text, "candidate_labels": []},
        {"sequences": text, "candidate_labels": " , "},
        {"sequences": text, "candidate_labels": 5}, {"candidate_labels": ["a"]}]


def extracted(facts):
    texts = plain_texts(facts)
    forms = [["one of a list"], ["two", "of a list"], texts[:12], [texts[-1], "short"], []]
    return texts + forms + NO_TEXTS + [{}, {"text": 5}]
