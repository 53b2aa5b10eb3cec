#!/usr/bin/env python3
"""Writes tests/golden/decoders.json: what the reference decoders make of lists of tokens.

    python make_decoder_golden.py > decoders.json      (needs transformers 4.57 and tokenizers 0.22.2)

`decoders` holds for each decoder its part of a tokenizer.json and, for each list of `tokens`, its text. `decoded` holds
calls of decode() of tiny_bert: ids, skip_special_tokens, clean_up_tokenization_spaces, text.
"""
import json
import os
import random
import sys

import tokenizers
import transformers
from tokenizers import Regex, Tokenizer, decoders, models
from transformers import AutoTokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
SEED = 20240602
META = "\u2581"
FIXED = [
    [], [""], ["", "a", ""], ["un", "##aff", "##able", ".", "do", "not", "'", "s", "##", "##", "#"], ["##a", "##", "b"],
    ["it", "do not", "n't", "'m", "'ve", " 're", "a , b ' c", "?", "!", ","], [META, META + "a", "b" + META, META + META + "c"],
    [META + "a", META, "b"], ["<0x41>", "<0xE4>", "<0xB8>", "<0xAD>", "x", "<0xFF>", "<0xE4>", "<0x+5>", "<0xg1>", "<0x1>"],
    ["a</w>", "b", "</w>c</w>", "</w></w>"], ["\u0120hello", "\u0120w", "orld", "\u00c3\u00a9", "\u010a", "\u00f0\u0141\u013a", "\u0122"],
    ["\u00e4\u00b8", "\u00e4\u00b8\u0143", "\u00ed\u0142\u0122", "\u00f4\u0132\u0122\u0122", "\u00e0\u0122", "\u00c0\u00af", "中", "a\u00ad"],
    ["  a  ", " ", "   ", "\u3000a"], ["[CLS]", "a", "[SEP]"], ["HHHHeyHH", "HH", "H"],
    ["<pad>", "h", "h", "<pad>", "e", "l", "l", "<pad>", "l", "|", "|", "w", " ."], ["a<pad>b", "|x|", " do not", "n't", " n't", "_", "_", " 's"],
    ["  a \n b", "\n", "x1y22", "\u3000\u4e2d "],
]
PIECES = ["a", "b", "##a", "##", "##s", ".", ",", "'", "n't", "do", "not", " ", META, META + "w", "w" + META, "<0xE4>", "<0xB8>", "<0xAD>",
          "<0x20>", "</w>", "e</w>", "\u0120", "\u00e4", "\u00b8", "\u0143", "\u00f0", "\u0141", "\u013a", "\u0122", "é", "中", "[SEP]", "", "H", "HH"]


def token_lists(count):
    rnd = random.Random(SEED)
    return [[rnd.choice(PIECES) + rnd.choice(["", "", rnd.choice(PIECES)]) for _ in range(rnd.randrange(1, 9))] for _ in range(count)]


TOKENS = FIXED + token_lists(60)


def known():
    yield decoders.WordPiece()
    yield decoders.WordPiece(prefix="@@", cleanup=False)
    yield decoders.WordPiece(cleanup=False)
    yield decoders.ByteLevel()
    for scheme in ("always", "first", "never"):
        yield decoders.Metaspace(prepend_scheme=scheme)
    yield decoders.BPEDecoder()
    yield decoders.ByteFallback()
    yield decoders.Fuse()
    yield decoders.Strip("H", 1, 0)
    yield decoders.Replace(META, " ")
    yield decoders.CTC()
    yield decoders.CTC(cleanup=False)
    yield decoders.CTC("", "_", True)
    yield decoders.Replace(Regex(r"\s+$|[0-9]+"), "<>")
    yield decoders.Replace(Regex("b*"), "$1")
    yield decoders.Sequence([decoders.Sequence([decoders.CTC(), decoders.Fuse()]), decoders.Replace(Regex("^ | (?=[.,])"), "")])
    yield decoders.Sequence([decoders.Replace(META, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])


def part_of(decoder):
    made = Tokenizer(models.WordPiece({"[UNK]": 0}, unk_token="[UNK]"))
    made.decoder = decoder
    return json.loads(made.to_str())["decoder"]


def parts():
    for decoder in known():
        yield part_of(decoder), decoder
    for old in ('{"type":"Metaspace","replacement":"\u2581","add_prefix_space":true}',
                '{"type":"Metaspace","replacement":"\u2581","str_rep":"\u2581","add_prefix_space":true,"prepend_scheme":"first"}'):
        whole = json.loads(Tokenizer(models.WordPiece({"[UNK]": 0}, unk_token="[UNK]")).to_str())
        whole["decoder"] = json.loads(old)
        yield whole["decoder"], Tokenizer.from_str(json.dumps(whole)).decoder


def decoded():
    rnd = random.Random(SEED + 1)
    tokenizer = AutoTokenizer.from_pretrained(os.path.join(HERE, "tiny_bert"))
    for n in range(60):
        ids = [rnd.randrange(len(tokenizer)) if rnd.random() < 0.8 else rnd.choice([*tokenizer.all_special_ids, len(tokenizer) + 3])
               for _ in range(rnd.randrange(12))]
        yield [ids, n % 2 == 0, n % 3 == 0, tokenizer.decode(ids, skip_special_tokens=n % 2 == 0, clean_up_tokenization_spaces=n % 3 == 0)]


def main():
    assert tokenizers.__version__ == "0.22.2" and transformers.__version__.startswith("4.57"), "other versions than the committed ones"
    json.dump({"made_by": f"make_decoder_golden.py, transformers {transformers.__version__}, tokenizers {tokenizers.__version__}",
               "tokens": TOKENS, "decoders": [{"decoder": part, "texts": [decoder.decode(t) for t in TOKENS]} for part, decoder in parts()],
               "decoded": list(decoded())}, sys.stdout, ensure_ascii=True, separators=(",", ":"))
    print()


main()
