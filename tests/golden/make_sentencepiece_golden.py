#!/usr/bin/env python3
"""Writes tests/golden/sentencepiece.json: what transformers makes of texts with a SentencePiece file and no tokenizer.json.

    python make_sentencepiece_golden.py [train] > sentencepiece.json     (needs transformers 4.57, tokenizers 0.22.2, sentencepiece)

With "train" it first trains tests/golden/spm/*.model anew; without, it takes those that are there. A tokenizer holds the name of its model,
the name under which a folder has that file, the other files of the folder as texts, and its cases. The form of a case is that of
wordpiece.json, see make_tokenizer_golden.py, whose texts it shares.
"""
import json
import os
import shutil
import sys
import tempfile

import sentencepiece
import tokenizers
import transformers
from sentencepiece import sentencepiece_model_pb2 as model_pb2
from transformers import AutoTokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = os.path.join(HERE, "spm")
source = open(os.path.join(HERE, "make_tokenizer_golden.py"), encoding="utf-8").read().rsplit("\nmain()", 1)[0]
shared = {"__file__": __file__, "__name__": "shared"}
exec(compile(source, "make_tokenizer_golden.py", "exec"), shared)
TEXTS = shared["TEXTS"] = shared["FIXED"] + [
    "it's we'll", "a  b   c", "a \n b", "  lead", "trail  ", "\n\n x", "a<mask> b", "a  <mask>", "<s> x</s>", " \u3000x \u00a0 y", "\u180ex \u200by",
    "e\u0301te\u0301 \u00e9", "\ufb01\u0301ne \ufb01ne \ufb01", "\uff21\uff22\uff23 \uff41\u0301b", "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\r\n\r\n", "a\r\nb", "\u1100\u1161\u11a8 \uac01", "\u2581a \u2581\u2581b", "``quoted'' text", "\ufdfa x", "x\u0001y\u007fz", "\u212b \u2126 \u00bd \u2075",
    "in 1990, 2, 3,000, and \u0665, x,", "a(b)-c (d) - e", "en_XX hello de_DE", "<s>NOTUSED <unk>NOTUSED </s>", "a <extra_id_0> b<extra_id_2> c",
    "x <new> y<new>z <NEW>", "[CLS] a [mask] [MASK] b[MASK]", "<unk> [UNK] <pad>"] + shared["random_texts"](30)


def corpus(path):
    learnt = [t for t in TEXTS if len(t) < 200 and max(map(ord, t), default=0) < 0x500]
    with open(path, "w", encoding="utf-8") as file:
        for text in learnt * 3 + shared["WORDS"] * 4:
            for line in text.replace("\0", "").splitlines():
                file.write(line + "\n")


def train(name, size, **how):
    with tempfile.TemporaryDirectory() as folder:
        corpus(f"{folder}/text")
        sentencepiece.SentencePieceTrainer.train(input=f"{folder}/text", model_prefix=f"{folder}/m", vocab_size=size, hard_vocab_limit=False, num_threads=1,
                                                 minloglevel=2, model_type="unigram", character_coverage=0.98, **how)
        proto = model_pb2.ModelProto()
        proto.ParseFromString(open(f"{folder}/m.model", "rb").read())
    if name == "albert":
        known = {p.piece for p in proto.pieces}
        for piece, score in ((",", -3.0), ("1990,", -4.0), ("\u25811990,", -4.0), ("2,", -2.5), ("\u25813,", -2.0), ("\u0665,", -2.0), ("\u2581x,", -3.0)):
            if piece not in known:
                proto.pieces.add(piece=piece, score=score)
    proto.trainer_spec.input[:] = []
    proto.trainer_spec.model_prefix = name
    with open(os.path.join(MODELS, name + ".model"), "wb") as file:
        file.write(proto.SerializeToString())


def train_all():
    os.makedirs(MODELS, exist_ok=True)
    real = {"normalization_rule_name": "nmt_nfkc"}
    train("fairseq", 400, **real)
    train("albert", 420, pad_id=0, unk_id=1, bos_id=-1, eos_id=-1, control_symbols=["[CLS]", "[SEP]", "[MASK]"], user_defined_symbols=["(", ")", "-"], **real)
    train("deberta", 420, pad_id=0, bos_id=1, eos_id=2, unk_id=3, pad_piece="[PAD]", bos_piece="[CLS]", eos_piece="[SEP]", unk_piece="[UNK]", **real)
    train("t5", 380, pad_id=0, eos_id=1, unk_id=2, bos_id=-1, normalization_rule_name="identity")


def settings(name, **values):
    return {"tokenizer_config.json": json.dumps({"tokenizer_class": name, **values})}


MASK = {"content": "<mask>", "single_word": False, "lstrip": True, "rstrip": True, "normalized": True}
FAIRSEQ, SPIECE = ("fairseq", "sentencepiece.bpe.model"), "spiece.model"
FOLDERS = [
    ("xlm_roberta", *FAIRSEQ, settings("XLMRobertaTokenizer")),
    ("xlm_roberta_by_model", *FAIRSEQ, {"config.json": json.dumps({"model_type": "xlm-roberta"})}),
    ("xlm_roberta_named", *FAIRSEQ, settings("XLMRobertaTokenizerFast", mask_token="<mask>", bos_token="<s>", model_max_length=512)),
    ("xlm_roberta_mapped", *FAIRSEQ, {**settings("XLMRobertaTokenizer", cls_token="hello"),
                                      "special_tokens_map.json": json.dumps({"mask_token": MASK, "additional_special_tokens": ["<NEW>"]}),
                                      "added_tokens.json": json.dumps({"<new>": 500})}),
    ("xlm_roberta_added", *FAIRSEQ, settings("XLMRobertaTokenizer", mask_token="<mask>", added_tokens_decoder={
        "0": {"content": "<s>", "lstrip": False, "rstrip": False, "normalized": False, "single_word": False, "special": True},
        "600": {"content": "<new>", "lstrip": True, "rstrip": False, "normalized": False, "single_word": False, "special": False},
        "601": {"content": "<mask>", "lstrip": False, "rstrip": True, "normalized": False, "single_word": False, "special": True}})),
    ("camembert", *FAIRSEQ, settings("CamembertTokenizer")),
    ("camembert_listed", *FAIRSEQ, settings("CamembertTokenizer", additional_special_tokens=["<s>NOTUSED"])),
    ("mbart", *FAIRSEQ, settings("MBartTokenizer")),
    ("mbart_german", *FAIRSEQ, settings("MBartTokenizer", src_lang="de_DE", additional_special_tokens=["<new>"])),
    ("mbart50", *FAIRSEQ, settings("MBart50Tokenizer", src_lang="sl_SI")),
    ("albert", "albert", SPIECE, settings("AlbertTokenizer")),
    ("albert_accents", "albert", SPIECE, settings("AlbertTokenizer", keep_accents=True, do_lower_case=False, mask_token="[MASK]")),
    ("deberta", "deberta", "spm.model", settings("DebertaV2Tokenizer")),
    ("deberta_cut", "deberta", "spm.model", settings("DebertaV2Tokenizer", do_lower_case=True, split_by_punct=True)),
    ("deberta_bare", "fairseq", "spm.model", settings("DebertaV2Tokenizer")),
    ("t5", "t5", SPIECE, settings("T5Tokenizer")),
    ("t5_first", "t5", SPIECE, settings("T5Tokenizer", legacy=False, extra_ids=3)),
    ("t5_never", "t5", SPIECE, settings("T5Tokenizer", add_prefix_space=False, additional_special_tokens=["<new>"])),
]
MAIN = {"xlm_roberta", "camembert", "mbart", "albert", "deberta", "t5"}


def loaded(model, file, files):
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(os.path.join(MODELS, model + ".model"), os.path.join(folder, file))
        for name, text in files.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
                out.write(text)
        return AutoTokenizer.from_pretrained(folder)


def main():
    assert tokenizers.__version__ == "0.22.2" and transformers.__version__.startswith("4.57"), "other versions than the committed ones"
    if sys.argv[1:] == ["train"]:
        train_all()
    made = []
    for name, model, file, files in FOLDERS:
        tokenizer = loaded(model, file, files)
        assert tokenizer.is_fast
        backend = tokenizer.backend_tokenizer
        backend.no_padding()
        cases = []
        for n, request in enumerate(shared["requests"](True)):
            plain = len(shared["FIXED"]) <= request[0] and request[1] is None and request[3] is None
            if n % (3 if name in MAIN else 12) and not (plain and request[0] < len(shared["FIXED"]) + 31):
                continue
            case = shared["case"](backend, request)
            if "error" not in case and not request[3]:
                case["decoded"] = tokenizer.decode(case["windows"][0][0], skip_special_tokens=True)
            if len(json.dumps(case)) < 1200:
                cases.append(case)
        made.append({"name": name, "model": model + ".model", "file": file, "files": files, "size": len(tokenizer), "cases": cases})
    json.dump({"made_by": f"make_sentencepiece_golden.py, transformers {transformers.__version__}, tokenizers {tokenizers.__version__}, "
                          f"sentencepiece {sentencepiece.__version__}", "texts": TEXTS, "tokenizers": made}, sys.stdout, ensure_ascii=True,
              separators=(",", ":"))
    print()


if __name__ == "__main__":
    main()
