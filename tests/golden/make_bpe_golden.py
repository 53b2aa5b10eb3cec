#!/usr/bin/env python3
"""Writes tests/golden/byte_level.json: what reference tokenizers of the byte-level family make of texts.

    python make_bpe_golden.py [all] > byte_level.json      (needs transformers 4.57 and tokenizers 0.22.2)

With "all" the file holds every case, and is too large to keep. The form is that of wordpiece.json, see make_tokenizer_golden.py, whose texts it shares.
"""
import json
import os
import sys

import tokenizers
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

HERE = os.path.dirname(os.path.abspath(__file__))
source = open(os.path.join(HERE, "make_tokenizer_golden.py"), encoding="utf-8").read().rsplit("\nmain()", 1)[0]
shared = {"__file__": __file__, "__name__": "shared"}
exec(compile(source, "make_tokenizer_golden.py", "exec"), shared)
TEXTS = shared["TEXTS"] = shared["FIXED"] + [
    "it's we'll they're I'd 'S 'sx", "a  b   c", "a \n b", "  lead", "trail  ", "\n\n x", "12 345 6a", "a<mask> b", "a  <mask>", "<s> x</s>",
    " \u3000x \u00a0 y", "\u180ex \u200by", "été \u00e9", "\U0001f600\U0001f601 ok", "a\x1cb \x1d c", "ªº ²½ Ⅷ"] + shared["random_texts"](40)


def trained(prefix, trim, ignore, roberta, pairs):
    made = Tokenizer(models.BPE(ignore_merges=ignore))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix, trim_offsets=trim)
    trainer = trainers.BpeTrainer(vocab_size=330, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
                                  special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    made.train_from_iterator(TEXTS * 2, trainer)
    made.decoder = decoders.ByteLevel()
    made.post_processor = (processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=trim, add_prefix_space=prefix) if roberta
                           else processors.ByteLevel(add_prefix_space=prefix, trim_offsets=trim))
    made.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True, normalized=False)])
    made.add_tokens([AddedToken("hello", single_word=True), AddedToken("  sp", rstrip=True)])
    whole = json.loads(made.to_str())
    if not pairs:
        whole["model"]["merges"] = [" ".join(m) for m in whole["model"]["merges"]]
    return json.dumps(whole, ensure_ascii=False)


def main():
    assert tokenizers.__version__ == "0.22.2", tokenizers.__version__
    made = []
    for name, *how in (("roberta", False, True, False, True, False), ("bart", True, True, False, True, True),
                       ("gpt2", False, False, False, False, True), ("whole_words", True, False, True, False, True),
                       ("trimmed", True, True, False, False, True)):
        text = trained(*how)
        backend = Tokenizer.from_str(text)
        config = {"tokenizer_class": "PreTrainedTokenizerFast", "add_prefix_space": how[0]}
        cases = [shared["case"](backend, r) for n, r in enumerate(shared["requests"](True))
                 if n % (3 if name in ("roberta", "trimmed") else 9) == 0 or sys.argv[1:] == ["all"]]
        if sys.argv[1:] != ["all"]:
            cases = [c for c in cases if len(json.dumps(c)) < 2000]
        made.append({"name": name, "json": text, "config": json.dumps(config), "cases": cases})
    json.dump({"made_by": f"make_bpe_golden.py, tokenizers {tokenizers.__version__}", "texts": TEXTS, "tokenizers": made}, sys.stdout,
              ensure_ascii=True, separators=(",", ":"))
    print()


if __name__ == "__main__":
    main()
