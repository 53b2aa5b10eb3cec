#!/usr/bin/env python3
"""Writes tests/golden/tokenizer_classes.json: what classes of transformers make of a tokenizer.json and its settings.

    python make_class_golden.py > tokenizer_classes.json      (needs transformers 4.57 and tokenizers 0.22.2)

`files` holds texts of tokenizer.json. `entries` holds the number of one, tokenizer_config.json as a text, the ids of special tokens, whether texts are filled up on the left, whether type ids
are given, and calls: texts, ids, type ids and the decoded text.
"""
import json
import os
import sys
import tempfile

import tokenizers
import transformers
from tokenizers import Regex, Tokenizer, decoders, models, normalizers as n, pre_tokenizers as p, processors, trainers
from transformers import AutoTokenizer

TEXTS = ["the cat sat", " Hello  world ", "", "it's 12 \u00e9\n", "<s> the </s>", "\x1ccat\u3000"]
NAMES = ("bos_token", "eos_token", "unk_token", "pad_token")


def made(model, splitter, normalizer, decoder, specials, post=None, **extra):
    backend = Tokenizer(model)
    if normalizer:
        backend.normalizer = normalizer
    backend.pre_tokenizer = splitter
    backend.train_from_iterator(TEXTS * 3, trainers.BpeTrainer(vocab_size=400, initial_alphabet=p.ByteLevel.alphabet(), show_progress=False, special_tokens=specials, **extra))
    backend.decoder = decoder
    if post:
        backend.post_processor = post
    return backend


def entries():
    sentence = ["<unk>", "<s>", "</s>", "<bos>", "<eos>", "<pad>", *(f"<0x{b:02X}>" for b in range(256))]
    text = "<|endoftext|>"
    template = processors.TemplateProcessing(single="<s> $A </s>", pair="<s> $A </s> $B", special_tokens=[("<s>", 1), ("</s>", 2)])
    back = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    llama = made(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True), None, n.Sequence([n.Prepend("\u2581"), n.Replace(" ", "\u2581")]), back, sentence, template)
    level = made(models.BPE(), p.ByteLevel(add_prefix_space=False), None, decoders.ByteLevel(), [text, "<s>", "</s>", "<pad>", "<unk>"], processors.ByteLevel(trim_offsets=True))
    clip = made(models.BPE(unk_token=text, end_of_word_suffix="</w>"), p.Sequence([p.Split(Regex(r"[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), "removed", True),
                p.ByteLevel(add_prefix_space=False)]), n.Sequence([n.NFC(), n.Replace(Regex(r"\s+"), " "), n.Lowercase()]), decoders.ByteLevel(),
                ["<|startoftext|>", text], processors.RobertaProcessing((text, 1), ("<|startoftext|>", 0), trim_offsets=False, add_prefix_space=False), end_of_word_suffix="</w>")
    yield llama, {"tokenizer_class": "LlamaTokenizer"}
    yield llama, {"tokenizer_class": "LlamaTokenizerFast", "add_eos_token": True, "add_bos_token": False, "padding_side": "right"}
    yield llama, {"tokenizer_class": "GemmaTokenizer", "add_eos_token": True}
    yield llama, {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>"}
    yield level, {"tokenizer_class": "GPTNeoXTokenizer"}
    yield level, {"tokenizer_class": "GPTNeoXTokenizerFast", "add_bos_token": True, "pad_token": "<pad>"}
    yield level, {"tokenizer_class": "Qwen2Tokenizer"}
    yield level, {"tokenizer_class": "BloomTokenizerFast"}
    yield level, {"tokenizer_class": "GPT2Tokenizer"}
    yield clip, {"tokenizer_class": "CLIPTokenizer"}


def called(tokenizer, texts):
    ids = tokenizer(*texts)
    return {"texts": texts, "ids": ids["input_ids"], "type_ids": ids.get("token_type_ids"), "decoded": tokenizer.decode(ids["input_ids"], skip_special_tokens=len(texts) == 1)}


def main():
    assert tokenizers.__version__ == "0.22.2" and transformers.__version__.startswith("4.57"), "other versions than the committed ones"
    files, out = [], []
    for backend, settings in entries():
        with tempfile.TemporaryDirectory() as folder:
            backend.save(os.path.join(folder, "tokenizer.json"))
            with open(os.path.join(folder, "tokenizer_config.json"), "w", encoding="utf-8") as file:
                json.dump(settings, file)
            tokenizer = AutoTokenizer.from_pretrained(folder)
        text = json.dumps(json.loads(backend.to_str()))
        files += [] if text in files else [text]
        out.append({"file": files.index(text), "config": json.dumps(settings),
                    "special": {name: getattr(tokenizer, name + "_id") for name in NAMES}, "pads_left": tokenizer.padding_side == "left",
                    "type_ids": "token_type_ids" in tokenizer.model_input_names,
                    "calls": [called(tokenizer, [text]) for text in TEXTS] + [called(tokenizer, TEXTS[:2]), called(tokenizer, TEXTS[3:5])]})
    json.dump({"made_by": f"make_class_golden.py, transformers {transformers.__version__}, tokenizers {tokenizers.__version__}", "files": files, "entries": out}, sys.stdout,
              ensure_ascii=True, separators=(",", ":"))
    print()


main()
