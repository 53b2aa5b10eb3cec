#!/usr/bin/env python3
"""Runs every make_*.py beside this file, in order: all fixtures and tiny checkpoints are made anew.

    python tests/golden/generate.py               all of them
    python tests/golden/generate.py NAME ...      these only, for example make_model_golden
    python tests/golden/generate.py --list        what would run

Run it with the Python of the reference: transformers 4.57, tokenizers 0.22.2, torch, sentencepiece (compare.sh makes such
an environment). MILLRACE_MINILM names the MiniLM folder, as the env file of deploy/install.sh does; minilm_vectors.json is
made only where sentence-transformers is installed, too.

The tests never run this: they read the committed files. A run changes files, and some need not come out the same: the
trainer of Unigram gives other pieces in each run, so that unigram.json, sentencepiece_tasks.json, more_heads.json and the
checkpoints with such a tokenizer are others afterwards, each file true to its own tokenizers. Torch on another processor
moves the last digits of numbers. Commit what belongs together, and let the tests say that it fits.
"""
import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
from typing import NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))


class Script(NamedTuple):
    name: str
    arguments: tuple = ()
    output: str = ""  # the file, from this folder, that what it prints is written to; "" if it writes its files itself
    needs: tuple = ()  # settings without which it cannot run


MINILM = os.environ.get("MILLRACE_MINILM", "")
WITH_VECTORS = (MINILM,) if MINILM and importlib.util.find_spec("sentence_transformers") else ()

# Checkpoints before what is computed with them.
SCRIPTS = [
    Script("make_unicode_ranges", output="../../pipeline/text/unicode_ranges.cc"),
    Script("make_pattern_classes", output="../../pipeline/text/pattern_classes.cc"),
    Script("make_task_golden", WITH_VECTORS),
    Script("make_reading_golden"),
    Script("make_sentencepiece_tasks_golden"),
    Script("make_model_golden"),
    Script("make_bart_golden"),
    Script("make_more_heads_golden"),
    Script("make_unplaced_golden"),
    Script("make_tokenizer_golden", (MINILM,), "wordpiece.json", ("MILLRACE_MINILM",)),
    Script("make_bpe_golden", output="byte_level.json"),
    Script("make_unigram_golden", output="unigram.json"),
    Script("make_decoder_golden", output="decoders.json"),
    Script("make_steps_golden", output="steps.json"),
    Script("make_class_golden", output="tokenizer_classes.json"),
    Script("make_sentencepiece_golden", output="sentencepiece.json"),
    Script("make_tokenization_golden"),
]


def stop(text):
    sys.exit(f"generate: {text}")


def check_all_have_a_row():
    there = {name[:-3] for name in os.listdir(HERE) if name.startswith("make_") and name.endswith(".py")}
    known = {script.name for script in SCRIPTS}
    if there != known:
        stop(f"SCRIPTS and the folder differ on {', '.join(sorted(there ^ known))}")


def run(script):
    missing = [name for name in script.needs if not os.environ.get(name)]
    if missing:
        stop(f"{script.name} needs {', '.join(missing)}; source the env file of deploy/install.sh")
    command = [sys.executable, os.path.join(HERE, script.name + ".py"), *script.arguments]
    if not script.output:
        subprocess.run(command, check=True)
        return
    # A script that fails must leave the file that is there.
    path = os.path.normpath(os.path.join(HERE, script.output))
    with tempfile.NamedTemporaryFile(dir=os.path.dirname(path), delete=False) as made:
        try:
            subprocess.run(command, check=True, stdout=made)
        except BaseException:
            os.unlink(made.name)
            raise
    os.chmod(made.name, 0o644)
    os.replace(made.name, path)


def main():
    parser = argparse.ArgumentParser(description="Makes the fixtures and tiny checkpoints anew.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="scripts to run; all by default")
    parser.add_argument("--list", action="store_true", help="print what would run")
    arguments = parser.parse_args()
    check_all_have_a_row()
    names = [name.removesuffix(".py") for name in arguments.names]
    unknown = sorted(set(names) - {script.name for script in SCRIPTS})
    if unknown:
        stop(f"there is no {', '.join(unknown)}; these are: {', '.join(script.name for script in SCRIPTS)}")
    for script in SCRIPTS:
        if names and script.name not in names:
            continue
        print(f"{script.name} {' '.join(script.arguments)}".strip() + (f" > {script.output}" if script.output else ""), flush=True)
        if not arguments.list:
            try:
                run(script)
            except subprocess.CalledProcessError as problem:
                stop(f"{script.name} failed with exit status {problem.returncode}")


if __name__ == "__main__":
    main()
