#!/usr/bin/env python3
"""Compares the tokenizer with Hugging Face tokenizers: one thread, the same 2,000 tweets and 200 news texts of 2 kB.

    python bench/tokenizer.py TOKENIZER_BENCH MODEL_FOLDER      (needs tokenizers; TOKENIZER_BENCH is bench/tokenizer_bench.cc built)

Ids and offsets of all texts are compared first; a difference ends the run. Prints one table for each length.
"""
import json
import os
import random
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import tokenizers  # noqa: E402  (reads the environment)

TWEETS, NEWS, SEED, TURNS, ROUNDS, SECONDS = 2000, 200, 7, 3, 3, 0.3
WORDS = """the of and to in is you that it he was for on are as with his they at be this have from or one had by word but not
what all were we when your can said there use an each which she do how their if will up other about out many then them these
so some her would make like him into time has look two more write go see number no way could people my than first water been
call who oil its now find long down day did get come made may part over new sound take only little work know place year live
me back give most very after thing our just name good sentence man think say great where help through much before line right
too mean old any same tell boy follow came want show also around form three small set put end does another well large must
big even such because turn here why ask went men read need land different home us move try kind hand picture again change
off play spell air away animal house point page letter mother answer found study still learn should America world absolutely
unbelievable customer service delayed flight tokenization transformers streaming incredible disappointed refund""".split()
EXTRAS = ["@VirginAmerica", "@united", "#fail", "#travel", "https://t.co/Xy3kQ9", "lol", "omg!!!", "can't", "won't", "I'm", "$129.99",
          "2h30m", "w/", "café", "naïve", "😀", "❤️", "👍🏽", "…", "“great”", "—", "日本", "RT", "&amp;", "100%"]


def tweet(rnd):
    words = []
    while sum(map(len, words)) + len(words) < 125:
        word = rnd.choice(EXTRAS) if rnd.random() < 0.12 else rnd.choice(WORDS)
        if rnd.random() < 0.08:
            word = word.capitalize()
        if rnd.random() < 0.1:
            word += rnd.choice([".", ",", "!", "?", "..."])
        words.append(word)
    return " ".join(words)


def news(rnd):
    """Sentences of 8 to 30 words, with names, numbers and quotations, of 2,000 bytes."""
    sentences, size = [], 0
    while size < 2000:
        words = [rnd.choice(WORDS) for _ in range(rnd.randint(8, 30))]
        for position in range(1, len(words)):
            if rnd.random() < 0.08:
                words[position] = words[position].capitalize()
            elif rnd.random() < 0.03:
                words[position] = str(rnd.randint(2, 30000))
            if rnd.random() < 0.07:
                words[position - 1] += rnd.choice([",", ";", " –", ":"])
        sentence = " ".join(words).capitalize() + "."
        sentences.append(f"“{sentence}”" if rnd.random() < 0.1 else sentence)
        size += len(sentences[-1].encode()) + 1
    return " ".join(sentences)


def best(encode, texts):
    """Microseconds a text; the best round, as others on the machine only make it slower."""
    result = float("inf")
    for _ in range(ROUNDS):
        start, done = time.perf_counter(), 0
        while time.perf_counter() - start < SECONDS:
            for text in texts:
                encode(text)
            done += len(texts)
        result = min(result, (time.perf_counter() - start) / done * 1e6)
    return result


def turn(binary, folder, peer, text_file, ids_file, texts):
    """Microseconds a text of ours with offsets and without, of the peer likewise, and our milliseconds of loading."""
    ours = json.loads(subprocess.run([binary, folder, text_file, ids_file], check=True, capture_output=True).stdout)
    return ours["offsets_us"], ours["ids_us"], best(peer.encode, texts), best(lambda text: peer.encode_batch_fast([text]), texts), ours["load_ms"]


def compare(peer, texts, ids_file):
    tokens = 0
    with open(ids_file, encoding="utf-8") as lines:
        for number, (text, line) in enumerate(zip(texts, lines, strict=True)):
            encoding = peer.encode(text)
            expected = " ".join(f"{i}:{a}-{b}" for i, (a, b) in zip(encoding.ids, encoding.offsets))
            if line.rstrip("\n") != expected:
                sys.exit(f"text {number} differs: {text!r}")
            tokens += len(encoding.ids)
    return tokens


def measure(binary, folder, peer, kind, texts):
    with tempfile.TemporaryDirectory() as temporary:
        text_file, ids_file = os.path.join(temporary, "texts"), os.path.join(temporary, "ids")
        with open(text_file, "w", encoding="utf-8") as out:
            out.write("\n".join(texts) + "\n")
        first = turn(binary, folder, peer, text_file, ids_file, texts)
        tokens = compare(peer, texts, ids_file)
        # In turn, as a neighbour on the machine may slow one side for a while.
        turns = [first] + [turn(binary, folder, peer, text_file, ids_file, texts) for _ in range(TURNS - 1)]
    offsets, ids, peer_offsets, peer_ids, load = (min(column) for column in zip(*turns))
    rows = [("ids and offsets", offsets, peer_offsets), ("ids only (peer: encode_batch_fast)", ids, peer_ids)]
    size = sum(len(text.encode()) for text in texts) / len(texts)
    print(f"{os.path.basename(os.path.normpath(folder))}: {len(texts)} {kind}, {size:.0f} bytes and {tokens / len(texts):.1f} tokens each; "
          f"ids and offsets equal; tokenizers {tokenizers.__version__}, one thread, best of {TURNS} turns of {ROUNDS}")
    print(f"{'':36}{'Millrace':>12}{'tokenizers':>12}{'ratio':>8}")
    for name, mine, other in rows:
        print(f"{name:36}{mine:9.2f} us{other:9.2f} us{other / mine:7.1f}x")
    print(f"{'load':36}{load:9.1f} ms", flush=True)


def main():
    binary, folder = sys.argv[1:3]
    peer = tokenizers.Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    peer.no_padding()
    peer.no_truncation()
    rnd = random.Random(SEED)
    measure(binary, folder, peer, "tweets", [tweet(rnd) for _ in range(TWEETS)])
    measure(binary, folder, peer, "news texts", [news(rnd) for _ in range(NEWS)])


main()
