#!/usr/bin/env python3
"""Writes tests/golden/wordpiece.json: what the reference tokenizers make of a few hundred texts.

    python make_tokenizer_golden.py MINILM_FOLDER > wordpiece.json      (needs transformers 4.57 and tokenizers 0.22.2)

`tokenizers` holds for each tokenizer where it comes from (`folder` beside this file, "minilm", or `json` and `config` as
texts) and its cases. A case names its texts by number. A window is [ids, type ids, offsets flat, special mask, sequence,
words]; type ids, mask and sequence are one character a token, "-" stands for none.
"""
import json
import os
import random
import sys

import tokenizers
import transformers
from tokenizers import AddedToken, models, normalizers, pre_tokenizers, processors
from transformers import AutoTokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
SEED = 20240601

FIXED = [
    "", " ", "\t\n\r ", "\u3000\u00a0\u2028", "a", "Hello, world!", "UNAFFABLE unaffable unAffable",
    "@united thanks for NOTHING!!! 3hr delay... #fail https://t.co/Ab1cD 😡😡", "I can't don't won't; it's o'clock",
    "naïve café Ångström coöperate", "e\u0301 E\u0301 a\u0308\u0323 q\u0307\u0323", "ﬁ ﬂ ﬀ Ⅷ ½ ² ℌ", "İstanbul I\u0307 ı i̇ I",
    "Straße STRASSE ẞ ß", "ΣΊΣΥΦΟΣ σίσυφος Σ ς", "ǅ ǈ ǋ Ǆ ǆ", "Привет, мир! Ёлка ЙОД", "שלום עולם", "مرحبا بالعالم ١٢٣",
    "中国人 hello 日本語テキスト 漢字とかな", "豈更車 \U0002f800\U0002f81a", "한국어 텍스트 각 \u1100\u1161\u11a8 힣", "नमस्ते दुनिया क्षत्रिय",
    "สวัสดีชาวโลก", "👩‍👩‍👧‍👦 ❤️ 👍🏽 🇩🇪 ☺", "a\u200bb\u200cc\u200dd\ufeffe\u00adf\u2060g", "a\x00b\x01c\x7fd\x85e\ufffdf", "\x1f\x1e\x1d\x1c x",
    "\ue000 private \U0010ffff", "\U00010400\U00010428 Deseret \U00016e40\U00016e60", "\U0001d400\U0001d7d8 math",
    "a\u302e\u0301 가\u302f\u0300 \u3099か\u3099", "\U0001d15e\U0001d165\U0001d16d music", "\u0344 \u0340\u0341\u0343 \u0374 \u037e \u1fef",
    "x" * 100, "x" * 101, "é" * 100 + " " + "é" * 101, "ab" * 150, "-" * 30 + "_" * 5 + "$+<=>^`|~", "«quoted» „low“ ‚x‘ ‹y› ¿qué? ¡hola!",
    "[CLS] [SEP] [PAD] [UNK] [MASK]", "[MASK][MASK]a[MASK]", "the [MASK] sat", " [mask] [Mask] [MASK", "[[MASK]] [SEP]x",
    "a b\tc\nd\r\ne  f", "1,234.56 3.14 12:30 2024-01-01", "user@example.com C++ C# .NET", "\u0301a \u0301", "A\u030a\u0327\u0323",
    "word\u0600word \u06ddx", "\u180ea \u200ea \u202ea", "ſ K Å µ", "ŉ ǰ ΐ ΰ և ẖ ẗ ẘ ẙ ẚ ﬓ", "ᾳ ᾼ ῼ Ω ᾈ",
    "hello helloworld hello! Hello", "É é E\u0301x", " <x>  <xy> <x>a", "Wor Word wor Wor.", "  sp  sp x",
]

RANGES = [(0x20, 0x7F)] * 5 + [(0xA0, 0x250)] * 2 + [(0x300, 0x370), (0x370, 0x530), (0, 0x20), (0x590, 0x700), (0x900, 0x980),
          (0x1100, 0x1200), (0x1E00, 0x2000), (0x2000, 0x2070), (0x3000, 0x3100), (0x302A, 0x3030), (0x4E00, 0x4F00), (0xAC00, 0xD7B0),
          (0xF900, 0xFB50), (0x10400, 0x10450), (0x1D15E, 0x1D16E), (0x1F600, 0x1F640), (0x2F800, 0x2FA20), (0x10000, 0x20000)]
WORDS = "the of and you that was for on are with they have this from word what when your said there use each how".split()


def random_texts(count):
    rnd = random.Random(SEED)
    texts = []
    for _ in range(count):
        parts = []
        for _ in range(rnd.randrange(1, 7)):
            if rnd.random() < 0.4:
                parts.append(rnd.choice(WORDS))
            else:
                parts.append("".join(chr(rnd.randrange(*rnd.choice(RANGES))) for _ in range(rnd.randrange(1, 6))))
        texts.append(rnd.choice([" ", "", " "]).join(parts))
    return texts


TEXTS = FIXED + random_texts(80)


def custom(normalizer, pre_tokenizer, post_processor):
    letters = [chr(c) for c in [*range(0x21, 0x7F), 0xE9, 0xC9, 0x301, 0x302E, 0x3B1, 0x4E2D, 0x56FD, 0x0130, 0x0307]]
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *["##" + c for c in letters if c not in "!.,"]]
    made = tokenizers.Tokenizer(models.WordPiece({t: i for i, t in enumerate(vocab)}, unk_token="[UNK]", max_input_chars_per_word=20))
    made.normalizer, made.pre_tokenizer = normalizer, pre_tokenizer
    if post_processor:
        made.post_processor = post_processor
    made.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in vocab[:5]])
    made.add_tokens([AddedToken("hello", normalized=True, single_word=True), AddedToken("É", normalized=True),
                     AddedToken("<x>", lstrip=True, rstrip=True, normalized=False), AddedToken("<xy>", lstrip=True, normalized=True),
                     AddedToken("Wor", normalized=False, single_word=True), AddedToken("  sp", normalized=False, rstrip=True),
                     AddedToken("中", normalized=True)])
    return made


def customs():
    bert = normalizers.BertNormalizer
    typed = processors.TemplateProcessing(single="[CLS]:3 $A:4 [SEP]:5 [SEP]:2", pair="[CLS]:3 $B:4 [SEP]:5 $A:6 [SEP]:7",
                                          special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    pair = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    yield "added", custom(bert(True, True, None, True), pre_tokenizers.BertPreTokenizer(), pair)
    yield "accents", custom(bert(False, False, False, True), pre_tokenizers.BertPreTokenizer(), typed)
    yield "sequence", custom(bert(True, False, True, False), pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=True)]), typed)
    yield "bare", custom(None, pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()]), None)


def requests(truncates_pairs):
    """(first, second or None, specials, truncation or None)"""
    rnd = random.Random(SEED + 1)
    yield from ((i, None, True, None) for i in range(len(TEXTS)))
    yield from ((i, None, False, None) for i in range(0, 60, 6))
    long = [i for i, text in enumerate(TEXTS) if 12 <= len(text) < 60]
    for _ in range(25):
        yield rnd.choice(long), rnd.choice(long), rnd.random() < 0.8, None
    for n in range(45):
        second = rnd.choice(long) if truncates_pairs and n % 2 else None
        strategy = rnd.choice(["longest_first", "longest_first", "only_first", "only_second"]) if second is not None else "longest_first"
        yield rnd.choice(long), second, True, [rnd.randrange(7, 16), rnd.choice([0, 0, 1, 2]), strategy, rnd.choice(["right", "left"])]


def window(e):
    def mark(value):
        return "-" if value is None else str(value)

    return [e.ids, "".join(map(str, e.type_ids)), [x for o in e.offsets for x in o], "".join(map(str, e.special_tokens_mask)),
            "".join(map(mark, e.sequence_ids)), [-1 if w is None else w for w in e.word_ids]]


def case(backend, request):
    first, second, specials, truncation = request
    backend.no_truncation()
    if truncation:
        backend.enable_truncation(truncation[0], stride=truncation[1], strategy=truncation[2], direction=truncation[3])
    found = {"texts": [first] if second is None else [first, second], "specials": specials, "truncation": truncation}
    try:
        encoding = backend.encode(TEXTS[first], None if second is None else TEXTS[second], add_special_tokens=specials)
        found["windows"] = [window(encoding), *map(window, encoding.overflowing)]
    except BaseException as failure:  # a panic of the library is no Exception
        found["error"] = "stride" if "stride" in str(failure) else "short"
    return found


def main():
    assert tokenizers.__version__ == "0.22.2" and transformers.__version__.startswith("4.57"), "other versions than the committed ones"
    made = []
    for name in ("tiny_bert", "tiny_distilbert", "minilm"):
        loaded = AutoTokenizer.from_pretrained(sys.argv[1] if name == "minilm" else os.path.join(HERE, name))
        backend = loaded.backend_tokenizer
        backend.no_padding()
        made.append({"name": name, "folder": name, "cases": [case(backend, r) for r in requests(True)]})
    for name, backend in customs():
        text = backend.to_str()
        # Without a post-processor the library loses the sequence numbers of a pair that it cuts.
        chosen = [r for n, r in enumerate(requests(name != "bare")) if n < 64 or n % 3 == 0]
        made.append({"name": name, "json": text, "config": '{"tokenizer_class": "PreTrainedTokenizerFast"}',
                     "cases": [case(backend, r) for r in chosen]})
    json.dump({"made_by": f"make_tokenizer_golden.py, transformers {transformers.__version__}, tokenizers {tokenizers.__version__}",
               "texts": TEXTS, "tokenizers": made}, sys.stdout, ensure_ascii=True, separators=(",", ":"))
    print()


main()
