#!/usr/bin/env python3
"""Makes tokenization.json, what the tokenizers of the tiny checkpoints say of texts, pairs, words and lists, and
tokenization_word_pairs.json, the same of pairs that are cut into words.

    pip install "transformers>=4.57,<4.58"
    python make_tokenization_golden.py     (after make_task_golden.py and make_reading_golden.py)

A case is one call of the tokenizer for each input, with everything asked for that a BatchEncoding of transformers knows; the order of
the keys, `word_ids`, `tokens` and `decoded` are ours. A list of texts is one call, too, for the padding; its result is cut up by text.
The files are committed: tests never run this.
"""

import os

import transformers
from transformers import AutoTokenizer

from make_reading_golden import LONG, TEXTS, folder
from make_task_golden import write
from parity.tokenizer_call import answer, arguments

MODELS = ["tiny_bert", "tiny_qa_left", "tiny_mpnet_qa", "tiny_roberta_mlm", "tiny_xlm_roberta_ner", "tiny_camembert_mlm",
          "tiny_albert_qa", "tiny_deberta_ner", "tiny_modernbert"]
EVERY_CALL = ["tiny_bert", "tiny_roberta_mlm", "tiny_xlm_roberta_ner"]
PAIRS = [{"text": "the screen broke", "text_pair": "it was late"}, {"text": LONG, "text_pair": "too long, returned"},
         {"text": "", "text_pair": "x"}, {"text": "x", "text_pair": ""}, {"text": "Café \U0001f600", "text_pair": "東京 e\u0301"}]
LISTS = [["a phone", "the battery of the phone died", ""], [{"text": "a", "text_pair": "b"}, "c d e"]]
WORDS = [["The", "screen", "broke", "!"], ["don't", "worked,", "Störung"], ["x", " y", "", "z"], [["a", "b"], ["unreturnable"]]]

WORD_PAIRS = [{"text": ["The", "screen", "broke", "!"], "text_pair": ["It", "was", "late", "again"]},
              {"text": LONG.split()[:24], "text_pair": ["too", "long,", "returned"]}, {"text": ["late"], "text_pair": LONG.split()[:16]},
              {"text": ["x", " y", "", "z", "unreturnable"], "text_pair": ["don't", "", "Störung", "東京", "e\u0301"]},
              {"text": ["a", "b"], "text_pair": []}, {"text": ["a", "b"], "text_pair": None}, {"text": [], "text_pair": ["b", "c"]},
              {"text": ["[MASK]", "it"], "text_pair": ["[SEP]", "<mask> <s>"]}, []]
WORD_LISTS = [[{"text": ["a"], "text_pair": ["b", "unreturnable"]}, ["c", "d", "e"], {"text": ["f"]}],
              [WORD_PAIRS[0], WORD_PAIRS[3]]]

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
WORD_MODELS = ["tiny_bert", "tiny_qa_left", "tiny_mpnet_qa", "tiny_roberta_ner", "tiny_xlm_roberta_ner", "tiny_camembert_mlm",
               "tiny_albert_qa", "tiny_deberta_ner", "tiny_modernbert"]
EVERY_WORD_CALL = ["tiny_bert", "tiny_roberta_ner", "tiny_xlm_roberta_ner"]
WORD_CALLS = [
    ({}, WORD_PAIRS + WORD_LISTS),
    ({"truncation": True, "max_length": 17, "stride": 2, "return_overflowing_tokens": True}, WORD_PAIRS[:4]),
    ({"add_special_tokens": False, "return_decoded": True, "return_length": True}, WORD_PAIRS),
    ({"truncation": "only_first", "max_length": 24, "stride": 3, "return_overflowing_tokens": True, "padding": "max_length"},
     WORD_PAIRS[:2]),
    ({"truncation": "only_second", "max_length": 18, "stride": 2, "return_overflowing_tokens": True, "return_length": True},
     [WORD_PAIRS[2]]),
    ({"truncation": "longest_first", "max_length": 10, "padding": "max_length", "padding_side": "left"}, WORD_PAIRS + WORD_LISTS),
    ({"padding": True, "pad_to_multiple_of": 4}, WORD_LISTS),
    ({"truncation": "only_first", "max_length": 20}, WORD_PAIRS[:2]),
]


def check_against_call(tokenizer, text, parameters):
    """The way around __call__ above must be the same for what both can do."""
    given = (text["text"], text.get("text_pair")) if isinstance(text, dict) else (text,)
    direct = tokenizer(*given, **arguments(parameters))
    around = answer(tokenizer, text, parameters)
    for key in ("input_ids", "attention_mask", "token_type_ids", "special_tokens_mask"):
        if key in around:
            assert direct[key] == around[key], (text, parameters, key)


def texts_and_pairs():
    cases = []
    for model in MODELS:
        tokenizer = AutoTokenizer.from_pretrained(folder(model))
        for parameters, inputs in CALLS if model in EVERY_CALL else CALLS[::4]:
            if parameters.get("is_split_into_words") and model == "tiny_roberta_mlm":
                continue  # refused there without add_prefix_space, which is not a parameter of a call
            for text in (one for one in inputs if isinstance(one, str)):
                check_against_call(tokenizer, text, parameters)
            cases.append({"model": model, "parameters": parameters, "inputs": inputs,
                          "outputs": [answer(tokenizer, one, parameters) for one in inputs]})
    return cases


def word_pairs():
    cases = []
    for model in WORD_MODELS:
        tokenizer = AutoTokenizer.from_pretrained(folder(model))
        for further, inputs in WORD_CALLS if model in EVERY_WORD_CALL else WORD_CALLS[:2]:
            parameters = {"is_split_into_words": True, **further}
            for one in inputs:
                if not (isinstance(one, list) and one):  # lists hold pairs beside texts
                    check_against_call(tokenizer, one, parameters)
            cases.append({"model": model, "parameters": parameters, "inputs": inputs,
                          "outputs": [answer(tokenizer, one, parameters) for one in inputs]})
    return cases


def main():
    transformers.logging.set_verbosity_error()
    for name, cases in (("tokenization.json", texts_and_pairs()), ("tokenization_word_pairs.json", word_pairs())):
        write(name, cases, f"transformers {transformers.__version__}", os.path.basename(__file__))


if __name__ == "__main__":
    main()
