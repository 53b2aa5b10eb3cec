#!/usr/bin/env python3
"""Writes texts of tweet length as JSON lines: {"text": ...}. The same arguments always give the same texts.

    texts.py VOCAB_TXT COUNT

The number of tokens, the two special ones included, is log-normal with mean 24 (sigma 0.46: 1 % have more than 63), from
5 to 128. Words are whole pieces of the vocabulary, the frequent ones more often, so that a word is a token.
"""

import json
import math
import random
import sys

MEAN, SIGMA, LEAST, MOST, SEED = 24, 0.46, 5, 128, 20240607


def main():
    vocabulary, count = sys.argv[1], int(sys.argv[2])
    draw = random.Random(SEED)
    with open(vocabulary, encoding="utf-8") as file:
        pieces = [line.rstrip("\n") for line in file]
    words = [piece for piece in pieces if piece.isascii() and piece.isalpha() and len(piece) > 1][:8000]
    rank_weights = [1 / (rank + 20) for rank in range(len(words))]
    mu = math.log(MEAN) - SIGMA**2 / 2
    for _ in range(count):
        tokens = round(draw.lognormvariate(mu, SIGMA))
        tokens = min(max(tokens, LEAST), MOST)
        print(json.dumps({"text": " ".join(draw.choices(words, rank_weights, k=tokens - 2))}))


main()
