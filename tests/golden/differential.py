#!/usr/bin/env python3
"""Compares the tokenizers of the tests with the reference on every Unicode scalar value, alone and between letters, and on hard texts.

    MILLRACE_BUILD_DIR=build/release MILLRACE_MINILM=FOLDER python tests/golden/differential.py [FAMILY [FIRST LAST]]

FAMILY is wordpiece, byte_level, unigram or steps, all by default; FIRST and LAST are code points in hexadecimal. Needs transformers 4.57 and
tokenizers 0.22.2. The tokenizers are those of the committed files beside this one; pipeline_text_test does the comparing, as it does with the
committed cases: ids, type ids, offsets, masks, sequences, words and, for steps, decoded texts. Prints the number of strings and what differs, a shard at a time, and exits with 1
after a difference. Takes about an hour on one core, and several for steps.
"""
import json
import os
import subprocess
import sys
import tempfile

from tokenizers import Tokenizer
from transformers import AutoTokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
SHARD = 1 << 14
PACKED = 64  # scalar values in a text of the family steps
FAMILIES = {"wordpiece": "WordPieceGolden.*", "byte_level": "ByteLevelGolden.*", "unigram": "UnigramGolden.*", "steps": "StepsGolden.*"}
HARD = ["a" * 1_000_000, " " * 40_000, "\u0301" * 5_000, "\u2581" * 5_000, "a\u0301 " * 20_000, "\U0001f468\u200d" * 3_000, "x y\n" * 50_000]

source = open(os.path.join(HERE, "make_tokenizer_golden.py"), encoding="utf-8").read().rsplit("\nmain()", 1)[0]
shared = {"__file__": os.path.join(HERE, "make_tokenizer_golden.py"), "__name__": "shared"}
exec(compile(source, "make_tokenizer_golden.py", "exec"), shared)


def backend(entry):
    if "json" in entry:
        return Tokenizer.from_str(entry["json"])
    folder = os.environ["MILLRACE_MINILM"] if entry["folder"] == "minilm" else os.path.join(HERE, entry["folder"])
    made = AutoTokenizer.from_pretrained(folder).backend_tokenizer
    made.no_padding()
    return made


def scratch_source(folder):
    """Makes a source folder whose golden files are the committed ones, but for those that are written over."""
    golden = os.path.join(folder, "tests", "golden")
    os.makedirs(golden)
    for name in os.listdir(HERE):
        os.symlink(os.path.join(HERE, name), os.path.join(golden, name))
    return golden


def case(family, known, request):
    found = shared["case"](known, request)
    if family == "steps" and "error" in found:
        found["error"] = "unknown"
    elif family == "steps":
        found["decoded"] = known.decode(found["windows"][0][0], skip_special_tokens=True)
    return found


def compare(family, chosen, texts):
    """Returns the number of strings and the output of the test, which is empty when all are equal."""
    shared["TEXTS"] = texts
    requests = [(i, None, True, None) for i in range(len(texts))]
    made = {"texts": texts, "tokenizers": [dict(entry, cases=[case(family, known, request) for request in requests]) for entry, known in chosen]}
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(scratch_source(folder), f"{family}.json")
        os.unlink(file)
        with open(file, "w", encoding="ascii") as out:
            json.dump(made, out)
        done = subprocess.run([os.path.join(os.environ["MILLRACE_BUILD_DIR"], "tests", "pipeline_text_test"),
                               f"--gtest_filter={FAMILIES[family]}", "--gtest_brief=1"],
                              env=os.environ | {"MILLRACE_SOURCE_DIR": folder}, capture_output=True, text=True)
    return len(texts) * len(chosen), "" if done.returncode == 0 else done.stdout[:4000] or done.stderr[:4000]


def scalar_texts(family, scalars):
    """Each alone and between letters; many in a text where the tokenizers are many."""
    if family != "steps":
        return scalars + [f"a{c}b" for c in scalars]
    return ["".join(f"a{c}b {c} " for c in scalars[at:at + PACKED]) for at in range(0, len(scalars), PACKED)]


def differs_on_scalars(name):
    """Of those that cut by the same classes one is enough."""
    alike = ("split_", "punctuation_", "metaspace_", "whole_words", "possessive", "few_bytes_fused", "fused", "gemma", "not_there", "word_level_w", "word_level_t")
    return not name.startswith(alike) or name in ("split_isolated", "punctuation_isolated", "metaspace_first")


def hard_shards(family, pairs):
    """The hard texts: all tokenizers at once, or one by one where they are many."""
    texts = HARD + [f"text {i}" for i in range(20)]
    return [(texts, pairs)] if family != "steps" else [(texts, [pair]) for pair in pairs]


def main():
    families = sys.argv[1:2] or list(FAMILIES)
    first, last = (int(value, 16) for value in sys.argv[2:4]) if len(sys.argv) > 3 else (0, 0x10FFFF)
    failed = False
    for family in families:
        committed = json.load(open(os.path.join(HERE, f"{family}.json"), encoding="utf-8"))
        pairs = [(entry, backend(entry)) for entry in committed["tokenizers"]]
        shards = []
        wide = [pair for pair in pairs if family != "steps" or differs_on_scalars(pair[0]["name"])]
        for begin in range(first, last + 1, SHARD):
            scalars = [chr(c) for c in range(begin, min(begin + SHARD, last + 1)) if not 0xD800 <= c < 0xE000]
            if scalars:
                shards.append((scalar_texts(family, scalars), wide))
        shards += hard_shards(family, pairs)
        total, differing = 0, 0
        for number, (texts, chosen) in enumerate(shards):
            print(f"{family}: {number} of {len(shards)}, {chosen[0][0]['name']}", file=sys.stderr, flush=True)
            count, output = compare(family, chosen, texts)
            total += count
            if output:
                differing += 1
                print(f"{family}: {ascii(texts[0][:1])} to {ascii(texts[-1][:3])}:\n{output}", flush=True)
        print(f"{family}: {len(pairs)} tokenizers, {total} strings, shards with a difference: {differing} of {len(shards)}", flush=True)
        failed = failed or differing > 0
    sys.exit(1 if failed else 0)


main()
