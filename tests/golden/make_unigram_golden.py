#!/usr/bin/env python3
"""Writes tests/golden/unigram.json: what reference tokenizers of SentencePiece's families make of texts.

    python make_unigram_golden.py [all] > unigram.json     (needs transformers 4.57, tokenizers 0.22.2, sentencepiece)

With "all" the file holds every case and the character map of real models (nmt_nfkc), and is too large to keep; without, the map is one of a few
rules. The trainer of the library does not give the same pieces twice, so a new run gives other tokenizers; each is kept with its cases. The form is that of wordpiece.json, see make_tokenizer_golden.py, whose texts it shares.
"""
import base64
import json
import os
import sys
import tempfile

import sentencepiece
import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers.convert_slow_tokenizer import import_protobuf

HERE = os.path.dirname(os.path.abspath(__file__))
ALL = sys.argv[1:] == ["all"]
source = open(os.path.join(HERE, "make_tokenizer_golden.py"), encoding="utf-8").read().rsplit("\nmain()", 1)[0]
shared = {"__file__": __file__, "__name__": "shared"}
exec(compile(source, "make_tokenizer_golden.py", "exec"), shared)
TEXTS = shared["TEXTS"] = shared["FIXED"] + [
    "it's we'll", "a  b   c", "a \n b", "  lead", "trail  ", "\n\n x", "a<mask> b", "a  <mask>", "<s> x</s>", " \u3000x \u00a0 y", "\u180ex \u200by",
    "e\u0301te\u0301 \u00e9", "\ufb01\u0301ne \ufb01ne \ufb01", "\uff21\uff22\uff23 \uff41\u0301b", "\u200b\u200bx\u200by", "\U0001f600\U0001f601 ok",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u00a9\u200d\u00a9", "\r\n\r\n", "a\r\nb", "\u1100\u1161\u11a8 \uac01", "\u0915\u094d\u0937\u093f",
    "\u2581a \u2581\u2581b", "``quoted'' text", "\ufdfa x", "\u0e01\u0e33 \u0e40\u0e01", "\u0600\u0031", "x\u0001y\u007fz", "\u212b \u2126 \u00bd \u2075",
    "\u0041\u030a\u0323 q\u0307\u0323", "\u1e9b\u0323"] + shared["random_texts"](40)
if ALL:
    TEXTS += ["a" + "".join(map(chr, range(at, min(at + 6, 0x110000)))) + "b" for at in range(0x80, 0x30000, 6) if not 0xD7F8 <= at <= 0xDFFF]
    TEXTS += [f"a{chr(c)} {chr(c)}b{chr(c)}\u0301" for c in range(0x80, 0x3200)]
    TEXTS += ["x" * 100_000, " " * 40_000, "\u0301" * 2000]

RULES = [("fb01", "66 69"), ("65 301", "e9"), ("200b", ""), ("3000", "20"), ("a0", "20"), ("d", "20"), ("a", "20"), ("9", "20"), ("d a", "20"),
         ("2581", "20"), ("212b", "c5"), ("2126", "3a9"), ("bd", "31 2044 32"), ("fdfa", "635 644 649"), ("1100 1161 11a8", "ac01"), ("a9", "28 63 29"),
         ("41 30a", "c5")] + [(f"{0xff00 + c:x}", f"{0x20 + c:x}") for c in range(1, 95)]


def charsmap():
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/rules.tsv", "w") as file:
            file.writelines(f"{a.upper()}\t{b.upper()}\n" for a, b in RULES)
        rules = {"normalization_rule_name": "nmt_nfkc"} if ALL else {"normalization_rule_tsv": f"{folder}/rules.tsv"}
        with open(f"{folder}/text", "w") as file:
            file.writelines("hello world this is a text\n" for _ in range(100))
        sentencepiece.SentencePieceTrainer.train(input=f"{folder}/text", model_prefix=f"{folder}/m", vocab_size=20, hard_vocab_limit=False, minloglevel=2, **rules)
        proto = import_protobuf().ModelProto()
        proto.ParseFromString(open(f"{folder}/m.model", "rb").read())
        return proto.normalizer_spec.precompiled_charsmap


MAP = charsmap()


def trained(normalizer, splitter, specials, single, pair, fallback=False):
    made = Tokenizer(models.Unigram())
    if normalizer:
        made.normalizer = normalizer
    made.pre_tokenizer = splitter
    learnt = [t for t in TEXTS if len(t) < 400 and max(map(ord, t), default=0) < 0x250]
    trainer = trainers.UnigramTrainer(vocab_size=4000 if ALL else 260, special_tokens=specials, unk_token=specials[3], show_progress=False)
    made.train_from_iterator(learnt * 2, trainer)
    whole = json.loads(made.to_str())
    if fallback:
        whole["model"]["byte_fallback"] = True
        whole["model"]["vocab"] += [[f"<0x{b:02X}>", -20.0] for b in range(256)]
    made = Tokenizer.from_str(json.dumps(whole))
    made.decoder = decoders.Metaspace()
    if single:
        made.post_processor = processors.TemplateProcessing(single=single, pair=pair, special_tokens=[(s, i) for i, s in enumerate(specials) if s in single + pair])
    made.add_special_tokens([AddedToken(specials[4], lstrip=True, special=True, normalized=False)])
    made.add_tokens([AddedToken("hello", single_word=True), AddedToken(" \uff41sp", rstrip=True)])
    return json.dumps(json.loads(made.to_str()), ensure_ascii=True)


def main():
    assert tokenizers.__version__ == "0.22.2", tokenizers.__version__
    n, p = normalizers, pre_tokenizers
    both = p.Sequence([p.WhitespaceSplit(), p.Metaspace()])
    roberta = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    bert = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
    made = []
    for name, *how in (
            ("xlm_roberta", n.Sequence([n.Precompiled(MAP), n.Strip(False, True), n.Replace(Regex(" {2,}"), "\u2581")]), p.Metaspace(), roberta,
             "<s> $A </s>", "<s> $A </s> </s> $B </s>"),
            ("camembert", n.Sequence([n.Precompiled(MAP), n.Replace(Regex(" {2,}"), " ")]), both, roberta, "<s> $A </s>", "<s> $A </s> </s> $B </s>"),
            ("albert", n.Sequence([n.Replace("``", '"'), n.Replace("''", '"'), n.NFKD(), n.StripAccents(), n.Lowercase(), n.Precompiled(MAP),
                                   n.Replace(Regex(" {2,}"), " ")]), both, bert, "[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1"),
            ("deberta", n.Sequence([n.Strip(), n.Precompiled(MAP), n.Replace(Regex(" {2,}"), " ")]), p.Metaspace(prepend_scheme="always"), bert,
             "[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", True),
            ("t5", n.Precompiled(MAP), p.Metaspace(prepend_scheme="first"), roberta, "$A </s>", "$A </s> $B </s>"),
            ("nfkc", n.Sequence([n.NFKC(), n.Lowercase()]), p.Metaspace(), roberta, "<s> $A </s>", "<s> $A </s> </s> $B </s>"),
            ("nfc", n.NFC(), p.Metaspace(), roberta, "<s> $A </s>", "<s> $A </s> </s> $B </s>", True),
            ("whole", n.Sequence([n.Nmt(), n.NFD(), n.Prepend("_"), n.Lowercase()]), p.Metaspace(prepend_scheme="never", split=False), roberta, "", "")):
        text = trained(*how)
        backend = Tokenizer.from_str(text)
        cases = [shared["case"](backend, r) for k, r in enumerate(shared["requests"](name != "whole")) if ALL or k % (3 if name[:2] != "nf" else 9) == 0 or (r[1] is None and r[0] >= len(shared["FIXED"]) and name != "whole")]
        if not ALL:
            cases = [c for c in cases if len(json.dumps(c)) < 1200]
        made.append({"name": name, "json": text, "config": json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}), "cases": cases})
    json.dump({"made_by": f"make_unigram_golden.py, tokenizers {tokenizers.__version__}", "texts": TEXTS, "tokenizers": made}, sys.stdout,
              ensure_ascii=True, separators=(",", ":"))
    print()


if __name__ == "__main__":
    main()
