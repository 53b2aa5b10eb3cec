"""The task `tokenization` by a tokenizer of transformers: everything that a BatchEncoding knows of a record.

The order of the keys, `word_ids`, `tokens` (those of the vocabulary) and `decoded` are Millrace's. A list of texts is one call, too, for
the padding; its result is cut up by text.
"""

FLAGS = {"return_attention_mask": "attention_mask", "return_token_type_ids": "token_type_ids",
         "return_special_tokens_mask": "special_tokens_mask", "return_offsets_mapping": "offset_mapping"}
OURS = {"return_word_ids": "word_ids", "return_tokens": "tokens", "return_length": "length", "return_decoded": "decoded"}


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
    is_list = isinstance(given, list) and (not split or (given != [] and all(isinstance(one, (list, dict)) for one in given)))
    texts = given if is_list else [given]
    # A pair and a text cannot stand in one call; the tokenizer below it can.
    batch = []
    for one in texts:
        if isinstance(one, dict):
            # As in a call with one text: an empty second text is none.
            batch.append((one["text"], one["text_pair"]) if one.get("text_pair") else one["text"])
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
