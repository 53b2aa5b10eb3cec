#!/usr/bin/env python3
"""What users write today: transformers.pipeline on the same texts, fed from memory, with two threads.

    pip install "transformers>=4.57,<4.58" torch
    transformers_peer.py MODEL TEXTS VECTORS [WARM_UP]

MODEL is a sentence-transformers checkpoint folder, TEXTS JSON lines {"text"}, VECTORS the worker's results, JSON lines
{"text", "vector"} in any order. First the results are compared: every vector of every way to run it must have a cosine
of at least 0.99999 with the worker's, or nothing is printed. Then one JSON object with records per second is printed:
`single` (batch_size 1), `batch` (batch_size 32, in the order given) and `sorted` (batch_size 32, sorted by length by hand).
"""

import json
import os
import sys
import time

THREADS = int(os.environ.get("BENCH_THREADS", "2"))
os.environ["OMP_NUM_THREADS"] = str(THREADS)
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["HF_HUB_OFFLINE"] = "1"

import torch  # noqa: E402
import transformers  # noqa: E402

LEAST_COSINE = 0.99999
BATCH = 32


class MeanPooling(transformers.FeatureExtractionPipeline):
    """The stock pipeline returns padding too; pooling inside is both right and the fastest way to have it."""

    def _forward(self, model_inputs):
        hidden = self.model(**model_inputs)[0]
        mask = model_inputs["attention_mask"].unsqueeze(-1).to(hidden.dtype)
        return {"vector": (hidden * mask).sum(1) / mask.sum(1)}

    def postprocess(self, model_outputs, **_):
        return model_outputs["vector"][0]


def main():
    model, texts_file, vectors_file = sys.argv[1:4]
    warm_up = int(sys.argv[4]) if len(sys.argv) > 4 else 64
    torch.set_num_threads(THREADS)
    with open(texts_file, encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in file]
    with open(vectors_file, encoding="utf-8") as file:
        ours = {row["text"]: row["vector"] for row in map(json.loads, file)}
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    pipe = MeanPooling(
        model=transformers.AutoModel.from_pretrained(model, dtype=torch.float32).eval(), tokenizer=tokenizer, device="cpu"
    )
    in_length = sorted(texts, key=lambda text: len(tokenizer(text)["input_ids"]))
    expected = torch.tensor([ours[text] for text in texts])
    place = {text: i for i, text in enumerate(texts)}

    def run(batch_texts, size):
        list(pipe(batch_texts[:warm_up], batch_size=size))
        begin = time.perf_counter()
        vectors = list(pipe(batch_texts, batch_size=size))
        seconds = time.perf_counter() - begin
        rows = expected[[place[text] for text in batch_texts]]
        least = torch.nn.functional.cosine_similarity(torch.stack(vectors), rows).min().item()
        if least < LEAST_COSINE:
            sys.exit(f"transformers_peer: the worker's vectors differ: cosine {least}, at least {LEAST_COSINE} expected")
        return len(batch_texts) / seconds, least

    single, cosine_single = run(texts, 1)
    batch, cosine_batch = run(texts, BATCH)
    by_length, cosine_sorted = run(in_length, BATCH)
    print(
        json.dumps(
            {
                "single": single,
                "batch": batch,
                "sorted": by_length,
                "least_cosine": min(cosine_single, cosine_batch, cosine_sorted),
                "versions": f"transformers {transformers.__version__}, torch {torch.__version__}, {THREADS} threads",
            }
        )
    )


main()
