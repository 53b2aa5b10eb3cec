#!/usr/bin/env python3
"""Writes tests/golden/steps.json: what reference tokenizers make of texts whose parts go together in other ways than those of the large families.

    python make_steps_golden.py > steps.json      (needs transformers 4.57 and tokenizers 0.22.2)

The form is that of wordpiece.json, see make_tokenizer_golden.py, whose texts it shares; a case without truncation also has `decoded`, the text of
its ids without special tokens. Where the library has no token for a text, `error` is "unknown".
"""
import json
import os
import sys

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers as n, pre_tokenizers as p, processors, trainers

HERE = os.path.dirname(os.path.abspath(__file__))
source = open(os.path.join(HERE, "make_tokenizer_golden.py"), encoding="utf-8").read().rsplit("\nmain()", 1)[0]
shared = {"__file__": __file__, "__name__": "shared"}
exec(compile(source, "make_tokenizer_golden.py", "exec"), shared)
TEXTS = shared["TEXTS"] = shared["FIXED"] + [
    "it's we'll they're I'd 'S 'sx IT'S We'Ll '\u017f \u2019s", "a  b   c", "a \n b\r\n\r\n c\n", "  lead", "trail  ", "\n\n x \t\n", "12 345 6a 1234567", "a<mask> b",
    "a  <mask>", "<s> x</s>", " \u3000x \u00a0 y", "\u180ex \u200by", "\U0001f600\U0001f601 ok \U0001f468\u200d\U0001f469", "a\x1cb \x1d c", "ªº ²½ Ⅷ",
    "the-final--countdown", "x=1;y+=2 // ok", "CamelCase HTTPServer aB", "\u30fc\u30ab\u30bf \u3072\u3089 \u6f22\u5b57ABC\u0433", "\u2581a \u2581\u2581b\u2581", "a\u0301e\u0302 \u212a\u017f",
    "def f(x):\n    return x\n\n\n", "<|endoftext|>", "``quoted'' text", "3.14-2/7 10,000", "\u0e2a\u0e27\u0e31\u0e2a \u0915\u094d\u0937", "\u00e9\u00e8", "zzz\u4e2dzz\u00ff\u00ff"] + shared["random_texts"](30)

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
CL100K = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
POSSESSIVE = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
QWEN2 = CL100K.replace(r"\p{N}{1,3}", r"\p{N}")
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+"
         r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK = ("[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+")
CLIP = r"""'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""
BLOOM = " ?[^(\\s|[.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c])]+"
BEHAVIORS = ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous")
BYTES = [f"<0x{b:02X}>" for b in range(256)]


def finished(made, post=None, decoder=None, added=True):
    if post:
        made.post_processor = post
    if decoder:
        made.decoder = decoder
    if added:
        made.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True, normalized=False)])
        made.add_tokens([AddedToken("hello", single_word=True), AddedToken("  sp", rstrip=True)])
    return made


def words(splitter, normalizer=None):
    """Every word is one token, so that its place shows how the text was cut."""
    made = Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1, "b": 2, "the": 3, " ": 4, "\u2581a": 5, "12": 6, ".": 7, "\u0120a": 8, "'s": 9}, unk_token="[UNK]"))
    made.pre_tokenizer = splitter
    if normalizer:
        made.normalizer = normalizer
    return finished(made, added=False)


def byte_level(splitter, post=None, normalizer=None, ignore=False, decoder=None):
    made = Tokenizer(models.BPE(ignore_merges=ignore))
    if splitter:
        made.pre_tokenizer = splitter
    if normalizer:
        made.normalizer = normalizer
    made.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=330, initial_alphabet=p.ByteLevel.alphabet(), show_progress=False,
                                                        special_tokens=["<s>", "</s>", "<mask>", "<|endoftext|>"]))
    return finished(made, post, decoder or decoders.ByteLevel())


def split(pattern, behavior="isolated", invert=False):
    return p.Split(Regex(pattern), behavior, invert)


def raw(*steps):
    return p.Sequence([*steps, p.ByteLevel(add_prefix_space=False, use_regex=False)])


def characters(normalizer, splitter, special=(), alphabet=60, changes=None, decoder=None, post=None, **options):
    """BPE over characters; few of them, so that others are unknown. changes: to the model as it is written."""
    made = Tokenizer(models.BPE(**options))
    if normalizer:
        made.normalizer = normalizer
    if splitter:
        made.pre_tokenizer = splitter
    extra = {k: options[k] for k in ("continuing_subword_prefix", "end_of_word_suffix") if k in options}
    made.train_from_iterator([t for t in TEXTS if len(t) < 120 and max(map(ord, t), default=0) < 0x500],
                             trainers.BpeTrainer(vocab_size=alphabet + 320, limit_alphabet=alphabet, show_progress=False, special_tokens=list(special), **extra))
    whole = json.loads(made.to_str())
    whole["model"].update(changes or {})
    return finished(Tokenizer.from_str(json.dumps(whole)), post, decoder)


def pieces(splitter):
    made = Tokenizer(models.Unigram())
    made.normalizer = n.Sequence([n.NFKC(), n.Lowercase()])
    made.pre_tokenizer = splitter
    learnt = [t for t in TEXTS if len(t) < 120 and max(map(ord, t), default=0) < 0x250]
    made.train_from_iterator(learnt, trainers.UnigramTrainer(vocab_size=150, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False))
    return finished(made)


def word_pieces(normalizer, splitter, post=None):
    letters = [chr(c) for c in [*range(0x21, 0x7F), 0xE9, 0x4E2D, 0x3042]]
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *letters, *["##" + c for c in letters], "the", "##ing", "\u2581a", "\u2581", "##\u2581"]
    made = Tokenizer(models.WordPiece({t: i for i, t in enumerate(vocab)}, unk_token="[UNK]", max_input_chars_per_word=20))
    if normalizer:
        made.normalizer = normalizer
    if splitter:
        made.pre_tokenizer = splitter
    return finished(made, post, decoders.WordPiece())


def cutting():
    """Ways of cutting."""
    for behavior in BEHAVIORS:
        yield f"split_{behavior}", words(split(r"\w+|[^\w\s]+", behavior))
        yield f"split_inverted_{behavior}", words(split(r"\w+|[^\w\s]+", behavior, True))
        yield f"split_empty_{behavior}", words(split("b*|(?=[A-Z])", behavior))
        yield f"split_text_{behavior}", words(p.Split(" ", behavior))
        yield f"punctuation_{behavior}", words(p.Punctuation(behavior))
    yield "every_character", words(p.Split("", "isolated"))
    yield "delimiter", words(p.CharDelimiterSplit("-"))
    yield "scripts", words(p.UnicodeScripts())
    yield "scripts_and_space", words(p.Sequence([p.WhitespaceSplit(), p.UnicodeScripts(), p.Digits(False)]))
    yield "fixed", words(p.FixedLength(3))
    yield "digits", words(p.Digits(False))
    yield "whitespace", words(p.Whitespace())
    yield "lines", words(split(r"^\s*|$|\bx|\.\Z|(?<=[a-z])(?=[A-Z])|[[:upper:]&&[^A-M]]+"))
    for scheme in ("always", "first", "never"):
        yield f"metaspace_{scheme}", words(p.Sequence([p.Punctuation("merged_with_previous"), p.Metaspace(prepend_scheme=scheme)]))
    yield "metaspace_whole", words(p.Metaspace(prepend_scheme="always", split=False))
    yield "bytes", words(p.Sequence([p.ByteLevel(add_prefix_space=True), p.Digits(True)]))
    yield "bytes_whole", words(p.ByteLevel(add_prefix_space=False, use_regex=False))
    yield "bert_scripts", words(p.Sequence([p.BertPreTokenizer(), p.UnicodeScripts()]), n.Sequence([n.BertNormalizer(), n.Replace(Regex(r"(\p{L})\d|x+"), "_y")]))


def patterns():
    """The patterns that published tokenizers have."""
    llama3 = processors.Sequence([processors.ByteLevel(trim_offsets=True), processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 0)])])
    yield "gpt2_pattern", byte_level(raw(split(GPT2)))
    yield "cl100k", byte_level(raw(split(CL100K, "removed", True)), ignore=True)
    yield "llama3", byte_level(raw(split(CL100K)), llama3, ignore=True)
    yield "possessive", byte_level(raw(split(POSSESSIVE)))
    yield "qwen2", byte_level(raw(split(QWEN2)), processors.ByteLevel(trim_offsets=False), n.NFC())
    yield "o200k", byte_level(raw(split(O200K)), processors.ByteLevel(trim_offsets=True, add_prefix_space=False))
    yield "deepseek", byte_level(raw(split(r"\p{N}{1,3}"), split("[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"), split(DEEPSEEK)))
    yield "deepseek_coder", byte_level(raw(split("[\r\n]"), split(r"\s?\p{L}+"), split(r"\s?\p{P}+"), split("[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"), p.Digits(True)))
    yield "starcoder", byte_level(p.Sequence([p.Digits(True), p.ByteLevel(add_prefix_space=False, use_regex=True)]))
    yield "bloom", byte_level(raw(split(BLOOM)))
    yield "falcon", byte_level(p.Sequence([p.Punctuation("contiguous"), p.ByteLevel(add_prefix_space=False), p.Digits(False), split("[0-9][0-9][0-9]")]))
    yield "prefixed", byte_level(p.Sequence([p.WhitespaceSplit(), p.ByteLevel(add_prefix_space=True)]), processors.ByteLevel(trim_offsets=True, add_prefix_space=True))
    yield "normalizer_bytes", byte_level(split(r"\u0120?\p{L}+"), normalizer=n.Sequence([n.NFD(), n.ByteLevel()]))
    yield "no_pattern", byte_level(p.ByteLevel(add_prefix_space=False, use_regex=False))


def bpe():
    """BPE over characters, with every option."""
    llama = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    template = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)])
    under = n.Sequence([n.Prepend("\u2581"), n.Replace(" ", "\u2581")])
    sentence = ["<unk>", "<s>", "</s>", *BYTES]
    yield "llama2", characters(under, None, sentence, decoder=llama, post=template, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    yield "llama2_metaspace", characters(None, p.Metaspace(prepend_scheme="first", split=False), sentence, decoder=llama, post=template, unk_token="<unk>",
                                         fuse_unk=True, byte_fallback=True)
    yield "gemma", characters(n.Replace(" ", "\u2581"), p.Split(" ", "merged_with_previous"), sentence, decoder=llama, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    yield "few_bytes", characters(under, None, ["<unk>", "<s>", *BYTES[0x40:0xD4]], unk_token="<unk>", byte_fallback=True)
    yield "few_bytes_fused", characters(None, p.Whitespace(), ["<unk>", "<s>", *BYTES[0x40:0xD4]], unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    yield "clip", characters(n.Sequence([n.NFC(), n.Replace(Regex(r"\s+"), " "), n.Lowercase()]), p.Sequence([split(CLIP, "removed", True), p.ByteLevel(add_prefix_space=False)]),
                             ["<|startoftext|>", "<|endoftext|>"], alphabet=256, decoder=decoders.ByteLevel(), unk_token="<|endoftext|>", end_of_word_suffix="</w>",
                             post=processors.RobertaProcessing(("<|endoftext|>", 1), ("<|startoftext|>", 0), trim_offsets=False, add_prefix_space=False))
    yield "openai_gpt", characters(n.BertNormalizer(lowercase=True), p.BertPreTokenizer(), ["<unk>"], decoder=decoders.BPEDecoder(suffix="</w>"), unk_token="<unk>", end_of_word_suffix="</w>")
    yield "marked", characters(None, p.WhitespaceSplit(), ["<unk>"], decoder=decoders.WordPiece(), unk_token="<unk>", continuing_subword_prefix="##")
    yield "fused", characters(None, p.Whitespace(), ["<unk>"], alphabet=20, unk_token="<unk>", fuse_unk=True)
    yield "not_fused", characters(None, None, ["<unk>"], alphabet=20, unk_token="<unk>")
    yield "left_out", characters(n.NFD(), p.Whitespace(), alphabet=20)
    yield "not_there", characters(None, p.WhitespaceSplit(), alphabet=70, changes={"unk_token": "<none>"})
    yield "whole_words", characters(None, p.BertPreTokenizer(), ["<unk>", "world", "disaster"], unk_token="<unk>", changes={"ignore_merges": True, "dropout": 0.0})


def others():
    """WordLevel, and WordPiece and Unigram after other ways of cutting than theirs."""
    typed = processors.Sequence([processors.ByteLevel(trim_offsets=True, add_prefix_space=False), processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))])
    level = Tokenizer(models.WordLevel({"[UNK]": 0, **{w: i + 1 for i, w in enumerate(shared["WORDS"])}}, unk_token="[UNK]"))
    level.pre_tokenizer = p.Sequence([split(r"\s+", "removed"), split(r"\p{P}", "isolated")])
    yield "word_level", finished(level)
    missing = Tokenizer(models.WordLevel({"a": 0, "b": 1, "c": 2, "hello": 3, "the": 4}, unk_token="<unk>"))
    missing.pre_tokenizer = p.Whitespace()
    yield "word_level_without_unknown", finished(missing, added=False)
    trimmed = Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    trimmed.pre_tokenizer = split(r"\S", "merged_with_previous")
    yield "word_level_trimmed", finished(trimmed, processors.ByteLevel(trim_offsets=True, add_prefix_space=True))
    yield "word_piece_patterns", word_pieces(n.NFKC(), p.Sequence([split(r"\s+", "removed"), p.Punctuation("merged_with_previous"), p.Digits(True)]), typed)
    yield "word_piece_metaspace", word_pieces(n.Sequence([n.BertNormalizer(lowercase=True), n.Replace(Regex("[0-9]+"), "9")]), p.Metaspace(prepend_scheme="first"))
    yield "unigram_patterns", pieces(p.Sequence([p.WhitespaceSplit(), p.Digits(True), p.Punctuation()]))
    yield "unigram_scripts", pieces(p.Sequence([p.UnicodeScripts(), p.Metaspace(prepend_scheme="always"), split("[.,]+", "merged_with_next")]))


def case(backend, request):
    found = shared["case"](backend, request)
    if "error" in found and "error" in shared["case"](backend, (*request[:3], None)):
        found["error"] = "unknown"
    if "error" not in found and request[3] is None:
        found["decoded"] = backend.decode(found["windows"][0][0], skip_special_tokens=True)
    return found


def main():
    assert tokenizers.__version__ == "0.22.2", tokenizers.__version__
    made, plain = [], len(TEXTS)
    for kind, every in ((cutting, 5), (patterns, 2), (bpe, 2), (others, 2)):
        for k, (name, backend) in enumerate(kind()):
            text = backend.to_str()
            backend = Tokenizer.from_str(text)
            # Without a post-processor the library loses the sequence numbers of a pair that it cuts.
            all_requests = list(enumerate(shared["requests"](json.loads(text)["post_processor"] is not None)))
            chosen = [r for i, r in all_requests if (i < plain and (i + k) % every == 0) or (i >= plain and (i + k) % (4 * every) == 0)]
            cases = [c for c in (case(backend, r) for r in chosen) if sys.argv[1:] == ["all"] or len(json.dumps(c)) < 500]
            made.append({"name": name, "json": json.dumps(json.loads(text), ensure_ascii=True), "config": json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}), "cases": cases})
    json.dump({"made_by": f"make_steps_golden.py, tokenizers {tokenizers.__version__}", "texts": TEXTS, "tokenizers": made}, sys.stdout, ensure_ascii=True, separators=(",", ":"))
    print()


if __name__ == "__main__":
    main()
