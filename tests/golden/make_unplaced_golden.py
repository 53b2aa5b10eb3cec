#!/usr/bin/env python3
"""Makes unplaced_tokens.json: what transformers gives for texts of more tokens than positions, where it takes them.

    python make_unplaced_golden.py     (needs transformers 4.57, torch)

RoBERTa and its kin give a token with the id of padding no position of its own, so a text that holds some may be longer than the
table. The cases are those of make_sentencepiece_tasks_golden.py, on the checkpoints of that script and of make_reading_golden.py;
`model_max_length` says what tokenizer_config.json is to say instead of its own, so that no tokenizer cuts. Every input has more
tokens than there are positions.
"""
import os

import torch
import transformers

import make_reading_golden as reading
from make_task_golden import POSITIONS, shortest, write

UNCUT = 1000
WORDS = reading.LONG.replace(",", "").split() * 2


def filled(tokenizer, free, count, rest=None, hidden=None):
    """Returns a text with `count` times the token `free` that has exactly as many other tokens as there are positions.

    rest: a text that the model reads beside it. hidden: the token that stands for its fourth word.
    """
    written = [*WORDS[:3], hidden or WORDS[3], *WORDS[4:]]
    id_ = tokenizer.convert_tokens_to_ids(free)
    for length in range(1, len(WORDS)):
        for marks in range(4):
            text = " ".join([written[0], *[free] * (count - 1), *written[1:length]]) + "!" * marks + " " + free
            ids = tokenizer(text, *([rest] if rest else []))["input_ids"]
            if len(ids) == POSITIONS + count and ids.count(id_) == count:
                return text
    raise AssertionError(f"no text with {count} {free} fills the table")


def cases():
    found = []

    def load(task, model, length=None):
        pipe = reading.load(task, model)
        pipe.tokenizer.model_max_length = length or pipe.tokenizer.model_max_length
        return pipe

    def case(pipe, task, model, inputs, parameters, outputs):
        given = pipe.tokenizer.model_max_length
        found.append({"task": task, "model": model, **({"model_max_length": given} if given != POSITIONS else {}),
                      "parameters": parameters, "inputs": inputs, "outputs": outputs})

    pipe = load("feature-extraction", "tiny_mpnet_qa")
    texts = [filled(pipe.tokenizer, "[UNK]", count) for count in (2, 3, 30)]
    hidden = [torch.tensor(pipe(text)[0]) for text in texts]
    case(pipe, "feature-extraction", "tiny_mpnet_qa", texts, {"pooling": "mean"}, [shortest(rows.mean(0).tolist()) for rows in hidden])

    pipe = load("text-classification", "tiny_xlm_roberta_nli")
    texts = [filled(pipe.tokenizer, "<pad>", count) for count in (1, 2)]
    case(pipe, "text-classification", "tiny_xlm_roberta_nli", texts, {"top_k": None},
         [reading.plain(pipe(text, top_k=None)) for text in texts])

    for model in ("tiny_roberta_mlm", "tiny_camembert_mlm"):
        pipe = load("fill-mask", model)
        texts = [filled(pipe.tokenizer, "<pad>", count, hidden="<mask>") for count in (1, 2)]
        case(pipe, "fill-mask", model, texts, {"top_k": 3}, [reading.plain(pipe(text, top_k=3)) for text in texts])

    pipe = load("token-classification", "tiny_roberta_ner", UNCUT)
    texts = [filled(pipe.tokenizer, "<pad>", count) for count in (1, 2)]
    for parameters in ({}, {"aggregation_strategy": "first", "stride": 3, "ignore_labels": []}):
        case(pipe, "ner", "tiny_roberta_ner", texts, parameters, [reading.plain(pipe(text, **parameters)) for text in texts])

    pipe = load("token-classification", "tiny_roberta_ner", POSITIONS + 2)  # the first of two windows is a longer one
    texts = [filled(pipe.tokenizer, "<pad>", 2) + " and never again"]
    case(pipe, "ner", "tiny_roberta_ner", texts, parameters, [reading.plain(pipe(text, **parameters)) for text in texts])

    asked = "what broke"
    for model, free, counts in (("tiny_mpnet_qa", "[UNK]", (2, 3, 30)), ("tiny_roberta_qa", "<pad>", (1, 2))):
        pipe = load("question-answering", model, UNCUT)
        inputs = [{"question": asked, "context": filled(pipe.tokenizer, free, count, rest=asked)} for count in counts]
        for parameters in ({"top_k": 3}, {"top_k": 2, "max_seq_len": POSITIONS + counts[0], "doc_stride": 4}):
            kept = [one for one in inputs if "max_seq_len" not in parameters or one is inputs[0]]
            case(pipe, "question-answering", model, kept, parameters,
                 [reading.answers(reading.plain(pipe(**one, **parameters))) for one in kept])

    pipe = load("zero-shot-classification", "tiny_xlm_roberta_nli", UNCUT)
    hypothesis = "This example is good."
    texts = [filled(pipe.tokenizer, "<pad>", count, rest=hypothesis) for count in (1, 2)]
    parameters = {"candidate_labels": ["good"]}
    case(pipe, "zero-shot-classification", "tiny_xlm_roberta_nli", texts, parameters,
         [reading.plain(pipe(text, **parameters)) for text in texts])
    return found


def main():
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    write("unplaced_tokens.json", cases(), f"transformers {transformers.__version__}", os.path.basename(__file__))


if __name__ == "__main__":
    main()
