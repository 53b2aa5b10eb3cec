#!/usr/bin/env python3
"""Makes the tiny checkpoints and goldens of the tasks that read tokens, answers and entailments.

    pip install "transformers>=4.57,<4.58" torch
    python make_reading_golden.py

As make_task_golden.py beside this file: fixed seeds, float32 on the CPU, a case is one call `pipe(inputs, **parameters)`, and
`outputs[i]` is what transformers gave for `inputs[i]`. Two things are ours: an answer of probability 0 is left out, and a list
of one input gives a list. The files are committed: tests never run this.
"""

import json
import os

import torch
import transformers
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertTokenizerFast,
    DistilBertConfig,
    DistilBertForQuestionAnswering,
    DistilBertForTokenClassification,
    DistilBertTokenizerFast,
    MPNetConfig,
    MPNetForQuestionAnswering,
    MPNetTokenizerFast,
    RobertaConfig,
    RobertaForMaskedLM,
    RobertaForQuestionAnswering,
    RobertaForTokenClassification,
    RobertaTokenizerFast,
    pipeline,
)
from tokenizers import ByteLevelBPETokenizer

from make_task_golden import CASED, HERE, POSITIONS, SEED, checkpoint, tokenizer, write

TEXTS = [
    "The screen broke after two days.",
    "I bought a phone, you bought a battery; they returned everything!",
    "don't buy this...",
    "it's so-so (really)",
    "",
    " ",
    "x",
    "   leading and trailing   ",
    "Störung im Café: 東京 \U0001f600 #fail @home",
    "e\u0301te\u0301 na\u00efve",
    "qwertzuiopasdfghjkl",
    "worked working works slowest unreturnable",
    "love\u00a0hate\u3000best\tworst\nend",
    "a\u0000b\ufffdc\u200bd",
    "100% of $5 & 3/4",
    "[MASK] is not [UNK] but [SEP]",
    "THE PLOT WAS GREAT",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 family",
    "\u0130stanbul \u00df \ufb01ne",
    "?!?!",
]
LONG = " ".join(f"the {w} was {a} and the {b} worked again," for w, a, b in (
    ("movie", "great", "phone"), ("acting", "awful", "battery"), ("plot", "fast", "screen"), ("food", "bad", "product"),
    ("service", "late", "film"), ("money", "good", "time"), ("day", "terrible", "night")))
LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "MISC", "B-X-Y", "I-X-Y"]


def named(labels):
    return {"id2label": dict(enumerate(labels)), "label2id": {label: i for i, label in enumerate(labels)}}


def bert(rows, labels=None):
    return BertConfig(vocab_size=rows, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
                      max_position_embeddings=POSITIONS, **(named(labels) if labels else {}))


def distilbert(rows, labels=None):
    return DistilBertConfig(vocab_size=rows, dim=32, n_layers=2, n_heads=4, hidden_dim=64, max_position_embeddings=POSITIONS,
                            **(named(labels) if labels else {}))


def roberta(rows, labels=None):
    return RobertaConfig(vocab_size=rows, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
                         max_position_embeddings=POSITIONS + 2, type_vocab_size=1, bos_token_id=0, pad_token_id=1, eos_token_id=2,
                         **(named(labels) if labels else {}))


def byte_level(name, adds_prefix_space):
    """Trains byte-level BPE on the texts of this file."""
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(TEXTS * 3 + [LONG] * 3, vocab_size=420, min_frequency=2, show_progress=False,
                                special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    os.makedirs(folder(name), exist_ok=True)
    trained.save_model(folder(name))
    made = RobertaTokenizerFast(vocab_file=os.path.join(folder(name), "vocab.json"),
                                merges_file=os.path.join(folder(name), "merges.txt"),
                                add_prefix_space=adds_prefix_space, model_max_length=POSITIONS)
    made.save_pretrained(folder(name))
    os.remove(os.path.join(folder(name), "vocab.json"))
    os.remove(os.path.join(folder(name), "merges.txt"))
    return len(made)


def mpnet(name):
    """Makes a tokenizer as those on the hub are: WordPiece with the post-processor of RoBERTa."""
    rows = tokenizer(BertTokenizerFast, folder(name), True, ["<s>", "<pad>", "</s>", "<mask>"])
    with open(os.path.join(folder(name), "tokenizer.json"), encoding="utf-8") as file:
        spec = json.load(file)
    ids = spec["model"]["vocab"]
    spec["post_processor"] = {"type": "RobertaProcessing", "sep": ["</s>", ids["</s>"]], "cls": ["<s>", ids["<s>"]],
                              "trim_offsets": True, "add_prefix_space": False}
    spec["added_tokens"] = [{"id": ids[token], "content": token, "single_word": False, "lstrip": token == "<mask>",
                             "rstrip": False, "normalized": False, "special": True}
                            for token in ("<s>", "<pad>", "</s>", "[UNK]", "<mask>")]
    for file in os.listdir(folder(name)):
        os.remove(os.path.join(folder(name), file))
    with open(os.path.join(folder(name), "tokenizer.json"), "w", encoding="utf-8") as file:
        json.dump(spec, file)
    MPNetTokenizerFast(tokenizer_file=os.path.join(folder(name), "tokenizer.json"),
                       model_max_length=POSITIONS).save_pretrained(folder(name))
    if os.path.exists(os.path.join(folder(name), "vocab.txt")):
        os.remove(os.path.join(folder(name), "vocab.txt"))
    return rows


def folder(name):
    return os.path.join(HERE, name)


def make_checkpoints():
    rows = tokenizer(BertTokenizerFast, folder("tiny_ner"), True, [])
    checkpoint("tiny_ner", BertForTokenClassification, bert(rows, LABELS), SEED + 20)
    rows = tokenizer(DistilBertTokenizerFast, folder("tiny_ner_cased"), False, CASED)
    checkpoint("tiny_ner_cased", DistilBertForTokenClassification, distilbert(rows, LABELS[:5]), SEED + 21)
    rows = tokenizer(BertTokenizerFast, folder("tiny_qa"), True, [])
    checkpoint("tiny_qa", BertForQuestionAnswering, bert(rows), SEED + 22)
    rows = tokenizer(DistilBertTokenizerFast, folder("tiny_qa_left"), False, CASED)
    checkpoint("tiny_qa_left", DistilBertForQuestionAnswering, distilbert(rows), SEED + 23)
    left = DistilBertTokenizerFast.from_pretrained(folder("tiny_qa_left"), padding_side="left")
    left.save_pretrained(folder("tiny_qa_left"))
    rows = byte_level("tiny_roberta_ner", True)
    checkpoint("tiny_roberta_ner", RobertaForTokenClassification, roberta(rows, LABELS), SEED + 25)
    rows = byte_level("tiny_roberta_qa", False)
    checkpoint("tiny_roberta_qa", RobertaForQuestionAnswering, roberta(rows), SEED + 26)
    rows = tokenizer(BertTokenizerFast, folder("tiny_mlm"), True, [])
    checkpoint("tiny_mlm", BertForMaskedLM, bert(rows), SEED + 28)
    rows = byte_level("tiny_roberta_mlm", False)
    checkpoint("tiny_roberta_mlm", RobertaForMaskedLM, roberta(rows), SEED + 29)
    rows = mpnet("tiny_mpnet_qa")
    checkpoint("tiny_mpnet_qa", MPNetForQuestionAnswering,
               MPNetConfig(vocab_size=rows, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
                           max_position_embeddings=POSITIONS + 2, pad_token_id=1), SEED + 27)
    rows = tokenizer(BertTokenizerFast, folder("tiny_nli"), True, [])
    checkpoint("tiny_nli", BertForSequenceClassification, bert(rows, ["contradiction", "neutral", "Entailment"]), SEED + 24)


def plain(value):
    """Returns numpy's numbers as Python's."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    value = value.item() if hasattr(value, "item") else value
    return float(f"{value:.7g}") if isinstance(value, float) else value


def load(task, name):
    return pipeline(task, model=folder(name), device="cpu", dtype=torch.float32)


TOKEN_PARAMETERS = [
    {},
    {"ignore_labels": []},
    {"ignore_labels": ["O", "MISC", "PER", "B-LOC"]},
    *[{"aggregation_strategy": s} for s in ("none", "simple", "first", "average", "max")],
    *[{"aggregation_strategy": s, "ignore_labels": []} for s in ("simple", "first", "average", "max")],
    {"aggregation_strategy": "simple", "ignore_labels": ["PER", "X-Y"]},
    {"grouped_entities": True},
    {"grouped_entities": True, "ignore_subwords": True, "ignore_labels": []},
    {"grouped_entities": False, "aggregation_strategy": "simple"},
]


def one(output, words):
    """Words of one text come back as a list of one text."""
    return output[0] if isinstance(words, list) else output


def token_cases():
    cases = []
    for model in ("tiny_ner", "tiny_ner_cased", "tiny_roberta_ner"):
        pipe = load("token-classification", model)

        def case(inputs, parameters):
            cases.append({"model": model, "parameters": parameters, "inputs": inputs,
                          "outputs": [plain(one(pipe(text, **parameters), text)) for text in inputs]})

        for parameters in TOKEN_PARAMETERS:
            case((TEXTS if model == "tiny_ner" else TEXTS[::3]) + [LONG], parameters)
        for stride in (0, 3, 10):
            for strategy in ("simple", "first", "average", "max"):
                case([LONG, TEXTS[0], LONG + TEXTS[8]],
                     {"stride": stride, "aggregation_strategy": strategy, "ignore_labels": []})
        case([LONG], {"stride": 5})
        words = [["The", "screen", "broke", "!"], ["don't", "worked,", "Störung", "東京"], ["", "x", " "],
                 ["qwertz", "[MASK]", "slowest"], LONG.split(" ")]
        for parameters in ({}, {"aggregation_strategy": "simple", "ignore_labels": []}, {"aggregation_strategy": "first"},
                           {"delimiter": "", "ignore_labels": []}, {"delimiter": " – ", "aggregation_strategy": "max"},
                           {"aggregation_strategy": "average", "stride": 4, "ignore_labels": []}):
            case(words, {"is_split_into_words": True, **parameters})
    return cases


QUESTIONS = [
    {"question": "what broke", "context": TEXTS[0]},
    {"question": "What did you buy?", "context": TEXTS[1]},
    {"question": "why?", "context": "x"},
    {"question": "x", "context": " "},
    {"question": " ", "context": TEXTS[8]},
    {"question": "東京?", "context": TEXTS[8]},
    {"question": "[CLS] what [SEP]", "context": "[CLS] this [SEP] that [MASK]"},
    {"question": "how fast", "context": "fast Fast FAST slow fast slow FAST"},
    {"question": "who", "context": TEXTS[12]},
    {"question": "what", "context": TEXTS[13]},
    {"question": "which", "context": TEXTS[9] + TEXTS[18]},
    {"question": "what works", "context": LONG},
    {"question": "what is the worst of the food and the service", "context": LONG},
    {"question": "which?", "context": "qwertzuiopasdfghjkl unreturnable, slowest"},
    {"question": "family", "context": TEXTS[17] + "!"},
]
ANSWER_PARAMETERS = [
    {},
    {"top_k": 1, "align_to_words": False},
    {"top_k": 3},
    {"top_k": 3, "align_to_words": False},
    {"topk": 5},
    {"top_k": 20, "max_answer_len": 2},
    {"max_answer_len": 1},
    {"max_answer_len": 100, "top_k": 2},
    {"handle_impossible_answer": True},
    {"handle_impossible_answer": True, "top_k": 4},
    {"max_seq_len": 24, "doc_stride": 4},
    {"max_seq_len": 20, "doc_stride": 0, "top_k": 3},
    {"max_seq_len": 30, "doc_stride": 8, "handle_impossible_answer": True, "top_k": 6},
    {"doc_stride": 10, "padding": "longest"},
    {"max_question_len": 3, "padding": True},
]


def answers(output):
    """Drops what has probability 0, as Millrace does."""
    found = output if isinstance(output, list) else [output]
    kept = [one for one in found if one["score"] != 0] or found[:1]
    return kept[0] if len(kept) == 1 else kept


def answered(pipe, parameters):
    """Returns the questions that transformers answers, and what it gives."""
    inputs, outputs = [], []
    for question in QUESTIONS:
        try:
            outputs.append(answers(plain(pipe(**question, **parameters))))
            inputs.append(question)
        except ValueError as problem:  # as many spans as are asked for: a slip of transformers
            if "kth" not in str(problem):
                raise
        except BaseException as problem:  # the question leaves no room: told as an error by Millrace
            if "Panic" not in type(problem).__name__ and "too short" not in str(problem):
                raise
    return inputs, outputs


def answer_cases():
    cases = []
    for model in ("tiny_qa", "tiny_qa_left", "tiny_roberta_qa", "tiny_mpnet_qa"):
        pipe = load("question-answering", model)
        for parameters in ANSWER_PARAMETERS:
            if model == "tiny_qa_left" and "padding" in parameters:
                continue  # padding on the left moves the positions; rows of Millrace are never padded
            inputs, outputs = answered(pipe, parameters)
            cases.append({"model": model, "parameters": parameters, "inputs": inputs, "outputs": outputs})
        pair = {"question": ["what broke", "when"], "context": TEXTS[0]}
        cases.append({"model": model, "parameters": {}, "inputs": [pair], "outputs": [plain(pipe(**pair))]})
        pair = {"question": ["what broke", "when"], "context": [TEXTS[0], TEXTS[1]]}
        cases.append({"model": model, "parameters": {}, "inputs": [pair], "outputs": [plain(pipe(**pair))]})
        cases.append({"model": model, "parameters": {}, "inputs": [QUESTIONS[:2]], "outputs": [plain(pipe(QUESTIONS[:2]))]})
    return cases


CHOICE_PARAMETERS = [
    {"candidate_labels": "good, bad,, ugly "},
    {"candidate_labels": ["good", "bad"]},
    {"candidate_labels": ["battery"]},
    {"candidate_labels": ["", " ", "x,y"]},
    {"candidate_labels": ["good", "good", "bad"]},
    {"candidate_labels": "good,bad", "multi_label": True},
    {"candidate_labels": ["screen", "plot", "food", "money"], "multi_label": True},
    {"candidate_labels": "late", "multi_label": False},
    {"candidate_labels": "good,bad,late", "multi_class": True},
    {"candidate_labels": "good,bad", "hypothesis_template": "it was {}"},
    {"candidate_labels": "good,bad", "hypothesis_template": "{0} or {0}? {{not}}"},
    {"candidate_labels": ["東京", "Störung", "\U0001f600"], "hypothesis_template": "{}"},
    {"candidate_labels": ["the movie was great and the phone worked again and the film"] * 2 + ["x"]},
]


def choice_cases():
    pipe = load("zero-shot-classification", "tiny_nli")
    inputs = [text for text in TEXTS if text] + [LONG]
    cases = []
    for parameters in CHOICE_PARAMETERS:
        cases.append({"model": "tiny_nli", "parameters": parameters, "inputs": inputs,
                      "outputs": [plain(pipe(text, **parameters)) for text in inputs]})
    cases.append({"model": "tiny_nli", "parameters": {"candidate_labels": "good,bad"}, "inputs": [inputs[:2]],
                  "outputs": [plain(pipe(inputs[:2], candidate_labels="good,bad"))]})
    return cases


MASK_PARAMETERS = [
    {},
    {"top_k": 1},
    {"top_k": 0},
    {"top_k": 12},
    {"targets": "good"},
    {"targets": ["good", "bad", "qwertz", "", "good", "screen"]},
    {"targets": ["love", "東京", "##s"], "top_k": 2},
    {"tokenizer_kwargs": {"truncation": True, "max_length": 12}},
    {"tokenizer_kwargs": {"add_special_tokens": False}, "top_k": 3},
]


def mask_cases():
    cases = []
    for model, mask in (("tiny_mlm", "[MASK]"), ("tiny_roberta_mlm", "<mask>")):
        pipe = load("fill-mask", model)
        texts = [text.replace("[MASK]", mask) for text in (
            "the [MASK] broke", "[MASK]", "I bought a[MASK], it's not so good.", "[MASK] [MASK]!", "don't [MASK] this... we're",
            "a [MASK] b [MASK] c [MASK]", "Störung im [MASK]: 東京 \U0001f600", "   [MASK]   ", "x[MASK]y", "[PAD] [MASK] <pad> it")]
        for parameters in MASK_PARAMETERS:
            inputs = texts[:3] + texts[4:5] if "tokenizer_kwargs" in parameters else texts
            if "targets" in parameters:  # transformers takes them with one mask only as it should
                inputs = [text for text in inputs if text.count(mask) == 1]
            cases.append({"model": model, "parameters": parameters, "inputs": inputs,
                          "outputs": [plain(pipe(text, **parameters)) for text in inputs]})
        cases.append({"model": model, "parameters": {"top_k": 2}, "inputs": [texts[:2]],
                      "outputs": [plain(pipe(texts[:2], top_k=2))]})
    return cases


def main():
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    make_checkpoints()
    source = f"transformers {transformers.__version__}"
    write("token_classification.json", token_cases(), source, os.path.basename(__file__))
    write("question_answering.json", answer_cases(), source, os.path.basename(__file__))
    write("fill_mask.json", mask_cases(), source, os.path.basename(__file__))
    write("zero_shot_classification.json", choice_cases(), source, os.path.basename(__file__))


if __name__ == "__main__":
    main()
