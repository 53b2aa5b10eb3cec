#!/usr/bin/env python3
"""Named entities, answers and zero-shot labels on checkpoints of BERT-base's shape: `millrace pipe` against transformers.

    pip install "transformers>=4.57,<4.58" torch
    tasks.py MILLRACE VOCABULARY [ROUNDS]

MILLRACE is the program, VOCABULARY the vocab.txt of a BERT (deploy/install.sh brings one with MiniLM). The weights are random with a
fixed seed: the arithmetic does not depend on them. Both sides get the same records from memory and use two threads. Results are
compared first: entities, answers and labels must be equal, scores within 1e-3, or there is no row. Ours is timed from the first record
after a warm-up to the last answer of one running process, JSON in and out; the peer is `pipeline()` over the list, with batch_size 1
and 8, of which the better one counts. Prints one row a task: medians, and the median of each round's ratio with its range.
"""

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time

THREADS = int(os.environ.get("BENCH_THREADS", "2"))
os.environ["OMP_NUM_THREADS"] = str(THREADS)
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["HF_HUB_OFFLINE"] = "1"

import torch  # noqa: E402
import transformers  # noqa: E402
from transformers import (  # noqa: E402
    BertConfig, BertForQuestionAnswering, BertForSequenceClassification, BertForTokenClassification, BertTokenizerFast, pipeline)

WARM_UP = 8
TOLERANCE = 1e-3
LABELS = ["money", "delivery", "defect", "praise", "return", "question", "spam", "other"]
NER = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-MISC", "I-MISC"]


def words_of(vocabulary):
    with open(vocabulary, encoding="utf-8") as file:
        return [word for word in (line.rstrip("\n") for line in file) if word.isascii() and word.isalpha() and len(word) > 2]


def text(draw, words, mean):
    length = max(4, min(400, round(draw.lognormvariate(0, 0.5) * mean)))
    return " ".join(draw.choice(words) for _ in range(length)) + "."


def checkpoint(folder, kind, vocabulary, seed, labels=None):
    torch.manual_seed(seed)
    tokenizer = BertTokenizerFast(vocab_file=vocabulary, do_lower_case=True, model_max_length=512)
    names = {"id2label": dict(enumerate(labels)), "label2id": {label: i for i, label in enumerate(labels)}} if labels else {}
    model = kind(BertConfig(vocab_size=len(tokenizer), **names)).eval()
    with torch.no_grad():  # heads that prefer something, or no answer is sure
        for name, weight in model.named_parameters():
            if name.startswith(("classifier", "qa_outputs")):
                weight.mul_(20)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


class Millrace:
    """One running `millrace pipe`."""

    def __init__(self, program, task, folder, parameters):
        self.process = subprocess.Popen(
            [program, "pipe", "--task", task, "--model", folder, "--parameters", json.dumps(parameters)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8")

    def answers(self, records):
        lines = "".join(json.dumps(record) + "\n" for record in records)

        def feed():
            self.process.stdin.write(lines)
            self.process.stdin.flush()

        feeder = threading.Thread(target=feed)
        feeder.start()
        answers = [json.loads(self.process.stdout.readline()) for _ in records]
        feeder.join()
        return answers

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def difference(ours, theirs, at="answer"):
    if isinstance(ours, (int, float)) and isinstance(theirs, (int, float)):
        return "" if abs(ours - theirs) <= TOLERANCE else f"{at}: {ours} instead of {theirs}"
    if isinstance(theirs, dict) and isinstance(ours, dict):
        if list(ours) != list(theirs):
            return f"{at}: keys {list(ours)} instead of {list(theirs)}"
        return next(filter(None, (difference(ours[key], theirs[key], f"{at}.{key}") for key in theirs)), "")
    if isinstance(theirs, list) and isinstance(ours, list):
        if len(ours) != len(theirs):
            return f"{at}: {len(ours)} instead of {len(theirs)}"
        return next(filter(None, (difference(a, b, f"{at}[{i}]") for i, (a, b) in enumerate(zip(ours, theirs)))), "")
    return "" if ours == theirs else f"{at}: {ours!r} instead of {theirs!r}"


def plain(value):
    return json.loads(json.dumps(value, default=float))


def comparable(answer):
    """Zero-shot labels stand in the order of their scores: of two that score alike, within the tolerance, either may come first."""
    if isinstance(answer, dict) and "labels" in answer:
        return {**answer, "labels": sorted(answer["labels"]), "scores": [score for _, score in sorted(zip(answer["labels"], answer["scores"]))]}
    return answer


def measure(program, task, folder, records, parameters, call, rounds):
    millrace = Millrace(program, task, folder, parameters)
    peer = pipeline(task, model=folder, device="cpu")
    millrace.answers(records[:WARM_UP])
    call(peer, records[:WARM_UP], 8)
    rates = []
    for _ in range(rounds):
        begin = time.perf_counter()
        ours = millrace.answers(records)
        row = [len(records) / (time.perf_counter() - begin)]
        for size in (1, 8):
            begin = time.perf_counter()
            theirs = call(peer, records, size)
            row.append(len(records) / (time.perf_counter() - begin))
            for i, (a, b) in enumerate(zip(ours, plain(theirs))):
                if found := difference(comparable(a), comparable(b)):
                    sys.exit(f"tasks.py: {task}, record {i}, batch_size {size}: {found}")
        rates.append(row)
    millrace.close()
    ratios = [ours / max(single, eight) for ours, single, eight in rates]
    ours, single, eight = (statistics.median(column) for column in zip(*rates))
    print(f"{task:26} {ours:8.2f} {single:9.2f} {eight:9.2f} {statistics.median(ratios):6.2f}x  "
          f"{min(ratios):.2f} to {max(ratios):.2f}", flush=True)


def main():
    program, vocabulary = sys.argv[1:3]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    torch.set_num_threads(THREADS)
    draw = random.Random(11)
    words = words_of(vocabulary)
    print(f"BERT-base shapes, {THREADS} threads, transformers {transformers.__version__}, torch {torch.__version__}; records a second, equal results")
    print(f"{'task':26} {'ours':>8} {'batch 1':>9} {'batch 8':>9}   best of peer")
    with tempfile.TemporaryDirectory() as base:
        folder = os.path.join(base, "ner")
        checkpoint(folder, BertForTokenClassification, vocabulary, 1, NER)
        measure(program, "token-classification", folder, [text(draw, words, 20) for _ in range(192)],
                {"aggregation_strategy": "simple"},
                lambda pipe, records, size: pipe(records, batch_size=size, aggregation_strategy="simple"), rounds)
        folder = os.path.join(base, "qa")
        checkpoint(folder, BertForQuestionAnswering, vocabulary, 2)
        asked = [{"question": text(draw, words, 8), "context": text(draw, words, 110)} for _ in range(64)]
        measure(program, "question-answering", folder, asked, {},
                lambda pipe, records, size: pipe(records, batch_size=size), rounds)
        folder = os.path.join(base, "nli")
        checkpoint(folder, BertForSequenceClassification, vocabulary, 3, ["contradiction", "neutral", "entailment"])
        measure(program, "zero-shot-classification", folder, [text(draw, words, 20) for _ in range(24)],
                {"candidate_labels": LABELS},
                lambda pipe, records, size: pipe(records, candidate_labels=LABELS, batch_size=size), rounds)


main()
