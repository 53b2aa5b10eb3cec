#!/usr/bin/env python3
"""Makes tokenization.json: what the tokenizers of the tiny checkpoints say of texts, pairs, words and lists.

    pip install "transformers>=4.57,<4.58"
    python make_tokenization_golden.py     (after make_task_golden.py and make_reading_golden.py)

A case is one call of the tokenizer for each input, with everything asked for that a BatchEncoding of transformers knows; the order of
the keys, `word_ids`, `tokens` and `decoded` are ours. A list of texts is one call, too, for the padding; its result is cut up by text.
The file is committed: tests never run this.
"""

import os

import transformers
from transformers import AutoTokenizer

from make_reading_golden import LONG, TEXTS, folder
from make_task_golden import write

MODELS = ["tiny_bert", "tiny_qa_left", "tiny_mpnet_qa", "tiny_roberta_mlm", "tiny_xlm_roberta_ner", "tiny_camembert_mlm",
          "tiny_albert_qa", "tiny_deberta_ner", "tiny_modernbert"]
EVERY_CALL = ["tiny_bert", "tiny_roberta_mlm", "tiny_xlm_roberta_ner"]
FLAGS = {"return_attention_mask": "attention_mask", "return_token_type_ids": "token_type_ids",
         "return_special_tokens_mask": "special_tokens_mask", "return_offsets_mapping": "offset_mapping"}
OURS = {"return_word_ids": "word_ids", "return_tokens": "tokens", "return_length": "length", "return_decoded": "decoded"}
PAIRS = [{"text": "the screen broke", "text_pair": "it was late"}, {"text": LONG, "text_pair": "too long, returned"},
         {"text": "", "text_pair": "x"}, {"text": "x", "text_pair": ""}, {"text": "Café \U0001f600", "text_pair": "東京 e\u0301"}]
LISTS = [["a phone", "the battery of the phone died", ""], [{"text": "a", "text_pair": "b"}, "c d e"]]
WORDS = [["The", "screen", "broke", "!"], ["don't", "worked,", "Störung"], ["x", " y", "", "z"], [["a", "b"], ["unreturnable"]]]

# Parameters, and which inputs they are for.
SINGLE, BOTH = TEXTS + [LONG], TEXTS + [LONG] + PAIRS
CALLS = [
    ({}, BOTH + LISTS),
    ({"add_special_tokens": False}, BOTH),
    ({"return_decoded": True, "return_length": True}, BOTH),
    ({"return_decoded": True, "skip_special_tokens": True, "clean_up_tokenization_spaces": True}, TEXTS),
    ({"return_decoded": True, "clean_up_tokenization_spaces": False, "return_tokens": False, "return_word_ids": False}, TEXTS),
    ({"truncation": True, "max_length": 7}, BOTH),
    ({"max_length": 6}, SINGLE),
    ({"max_length": 6, "padding": True}, SINGLE),
    ({"truncation": "only_second", "max_length": 15}, [PAIRS[0]]),
    ({"truncation": True, "max_length": 8, "stride": 2, "return_overflowing_tokens": True, "return_length": True}, SINGLE),
    ({"truncation": "only_first", "max_length": 26, "stride": 2, "return_overflowing_tokens": True, "padding": "max_length"}, PAIRS[:2]),
    ({"padding": "max_length", "max_length": 16, "truncation": True}, BOTH + LISTS),
    ({"padding": "max_length", "max_length": 9, "padding_side": "left"}, TEXTS),
    ({"padding": True, "pad_to_multiple_of": 8, "return_decoded": True}, TEXTS[:6] + LISTS),
    ({"padding": "longest", "return_attention_mask": False, "return_token_type_ids": False}, LISTS),
    ({"padding": "max_length", "return_special_tokens_mask": False, "return_offsets_mapping": False}, TEXTS[:3]),
    ({"is_split_into_words": True}, WORDS),
    ({"is_split_into_words": True, "truncation": True, "max_length": 6, "padding": "max_length"}, WORDS),
]


def arguments(parameters):
    call = {name: value for name, value in parameters.items()
            if name not in OURS and name not in ("skip_special_tokens", "clean_up_tokenization_spaces")}
    return {**{name: True for name in FLAGS}, **call}


def shown(tokenizer, encodings, rows, parameters):
    """The result for the rows of one text in a batch; a row is a window of it."""
    overflows = parameters.get("return_overflowing_tokens", False)
    decode = {name: parameters[name] for name in ("skip_special_tokens", "clean_up_tokenization_spaces") if name in parameters}
    columns = {
        "input_ids": lambda i: encodings["input_ids"][i],
        "attention_mask": lambda i: encodings["attention_mask"][i],
        "token_type_ids": lambda i: encodings["token_type_ids"][i],
        "special_tokens_mask": lambda i: encodings["special_tokens_mask"][i],
        "offset_mapping": lambda i: [list(pair) for pair in encodings["offset_mapping"][i]],
        "word_ids": lambda i: encodings.word_ids(i),
        "tokens": lambda i: tokenizer.convert_ids_to_tokens(encodings["input_ids"][i]),
        "decoded": lambda i: tokenizer.decode(encodings["input_ids"][i], **decode),
    }
    wanted = {key: parameters.get(flag, True) for flag, key in FLAGS.items()}
    wanted.update({"word_ids": parameters.get("return_word_ids", True), "tokens": parameters.get("return_tokens", True),
                   "decoded": parameters.get("return_decoded", False), "input_ids": True})
    result = {key: [of(i) for i in rows] if overflows else of(rows[0]) for key, of in columns.items() if wanted[key]}
    if parameters.get("return_length", False):
        result["length"] = [len(encodings["input_ids"][i]) for i in rows]
    if overflows:
        result["overflow_to_sample_mapping"] = [0] * len(rows)
    return result


def answer(tokenizer, given, parameters):
    split = parameters.get("is_split_into_words", False)
    is_list = isinstance(given, list) and (not split or all(isinstance(one, list) for one in given))
    texts = given if is_list else [given]
    # A pair and a text cannot stand in one call; the tokenizer below it can.
    batch = []
    for one in texts:
        if isinstance(one, dict):
            # As in a call with one text: an empty second text is none.
            batch.append((one["text"], one["text_pair"]) if one["text_pair"] else one["text"])
        else:
            batch.append(one)
    encodings = tokenizer._batch_encode_plus(batch, **strategies(tokenizer, arguments(parameters)))
    mapping = encodings.get("overflow_to_sample_mapping", list(range(len(batch))))
    results = [shown(tokenizer, encodings, [i for i, text in enumerate(mapping) if text == n], parameters) for n in range(len(batch))]
    return results if is_list else results[0]


def strategies(tokenizer, call):
    """What __call__ makes of its arguments before it encodes a batch."""
    names = ("padding", "truncation", "max_length", "pad_to_multiple_of")
    padding, truncation, max_length, _ = tokenizer._get_padding_truncation_strategies(
        **{"padding": False, "truncation": None, "max_length": None, "pad_to_multiple_of": None,
           **{name: call[name] for name in names if name in call}})
    call = {name: value for name, value in call.items() if name not in ("padding", "truncation", "max_length")}
    return {**call, "padding_strategy": padding, "truncation_strategy": truncation, "max_length": max_length}


def check_against_call(tokenizer, text, parameters):
    """The way around __call__ above must be the same for what both can do."""
    direct = tokenizer(text, **arguments(parameters))
    around = answer(tokenizer, text, parameters)
    for key in ("input_ids", "attention_mask", "token_type_ids", "special_tokens_mask"):
        if key in around:
            assert direct[key] == around[key], (text, parameters, key)


def main():
    transformers.logging.set_verbosity_error()
    cases = []
    for model in MODELS:
        tokenizer = AutoTokenizer.from_pretrained(folder(model))
        for parameters, inputs in CALLS if model in EVERY_CALL else CALLS[::4]:
            if parameters.get("is_split_into_words") and model in ("tiny_roberta_mlm", "tiny_modernbert"):
                continue  # refused there without add_prefix_space, which is not a parameter of a call
            for text in (one for one in inputs if isinstance(one, str)):
                check_against_call(tokenizer, text, parameters)
            cases.append({"model": model, "parameters": parameters, "inputs": inputs,
                          "outputs": [answer(tokenizer, one, parameters) for one in inputs]})
    write("tokenization.json", cases, f"transformers {transformers.__version__}", os.path.basename(__file__))


if __name__ == "__main__":
    main()
