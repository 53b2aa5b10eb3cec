#!/usr/bin/env python3
"""Makes the tiny encoders model_* beside this file and model_logits.json, what transformers computes with them.

    pip install "transformers>=4.57,<4.58" torch
    python make_model_golden.py

A folder holds one encoder and all heads of its architecture in one file; transformers and Millrace take what the class they
load needs. Everything comes from fixed seeds and is computed in float32 on the CPU, one row at a time, without padding. A case
is one row: its ids, its token types if any, the head, and the values that the head (or for "none" the last layer) gave; for
"masked_lm" only those at `positions`. The files are committed: tests never run this.
"""

import json
import os

import torch
import transformers
from safetensors.torch import save_file

from make_task_golden import HERE, POSITIONS, shortest, spread

SEED = 20240707
VOCABULARY = 64
LABELS = {0: "O", 1: "B-PER", 2: "B-LOC"}
HEADS = {
    "none": "Model",
    "sequence_classification": "ForSequenceClassification",
    "token_classification": "ForTokenClassification",
    "question_answering": "ForQuestionAnswering",
    "masked_lm": "ForMaskedLM",
}
# Names of what the word embedding and the bias of the scores share their memory with.
TIED = ("decoder.weight", "vocab_projector.weight", "generator_lm_head.weight", "decoder.bias")

SHORT = [2, 17, 5, 40, 3]
TYPED = [2, 21, 22, 3, 33, 34, 35, 3]
TYPES = [0, 0, 0, 0, 1, 1, 1, 1]
ONE = [9]
LONG = [2] + [4 + (7 * i) % 60 for i in range(34)] + [3]

BERT = dict(vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48,
            max_position_embeddings=POSITIONS)
OFFSET = dict(BERT, max_position_embeddings=POSITIONS + 2, type_vocab_size=1)
ARCHITECTURES = {
    "bert": ("Bert", dict(BERT, layer_norm_eps=1e-6, hidden_act="gelu_new", type_vocab_size=3)),
    "distilbert": ("DistilBert", dict(vocab_size=VOCABULARY, dim=32, n_layers=2, n_heads=4, hidden_dim=48, activation="relu",
                                      max_position_embeddings=POSITIONS)),
    "roberta": ("Roberta", dict(OFFSET, layer_norm_eps=1e-5, pad_token_id=1)),
    "xlm_roberta": ("XLMRoberta", dict(OFFSET, layer_norm_eps=1e-5, pad_token_id=1, tie_word_embeddings=False)),
    "camembert": ("Camembert", dict(OFFSET, max_position_embeddings=POSITIONS + 6, pad_token_id=5)),
    "electra": ("Electra", dict(BERT, embedding_size=16, hidden_act="relu")),
    "electra_square": ("Electra", dict(BERT, hidden_size=16, embedding_size=16, num_hidden_layers=1)),
    "albert": ("Albert", dict(BERT, num_hidden_layers=4, num_hidden_groups=2, inner_group_num=2, embedding_size=16)),
    "albert_uneven": ("Albert", dict(BERT, hidden_size=16, num_hidden_layers=3, num_hidden_groups=2, embedding_size=16)),
    "mpnet": ("MPNet", dict(OFFSET, layer_norm_eps=1e-5)),
    "deberta_v2": ("DebertaV2", dict(BERT, relative_attention=True, position_buckets=8, norm_rel_ebd="layer_norm",
                                     share_att_key=True, pos_att_type=["p2c", "c2p"], position_biased_input=False)),
    "deberta_v2_apart": ("DebertaV2", dict(BERT, relative_attention=True, max_relative_positions=12, type_vocab_size=2,
                                           pos_att_type="c2p|p2c", embedding_size=16, pooler_hidden_act="tanh",
                                           hidden_act="gelu_new")),
}

MODERN = dict(vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=4, num_attention_heads=4, intermediate_size=24,
              max_position_embeddings=POSITIONS, local_attention=6, pad_token_id=0, bos_token_id=2, eos_token_id=3,
              cls_token_id=2, sep_token_id=3)
MODERN_HEADS = ("none", "sequence_classification", "token_classification", "masked_lm")


def class_of(start, head):
    return getattr(transformers, start + HEADS[head])


def config_of(start, values, head):
    labels = {0: "start", 1: "end"} if head == "question_answering" else LABELS
    return class_of(start, "none").config_class(**values, id2label=labels, label2id={v: k for k, v in labels.items()})


def weights_of(start, values, seed):
    """Returns the encoder and the heads of every class under their names."""
    weights = {}
    for head in HEADS:
        if head == "none":
            continue
        made = spread(class_of(start, head)(config_of(start, values, head)), seed).state_dict()
        weights.update({name: weight.clone() for name, weight in made.items()})
    tied = TIED if values.get("tie_word_embeddings", True) else ("decoder.bias",)
    return {name: weight for name, weight in weights.items() if not name.endswith(tied)}


def save(folder, config, weights):
    os.makedirs(folder, exist_ok=True)
    save_file(weights, os.path.join(folder, "model.safetensors"), {"format": "pt"})
    config.save_pretrained(folder)


def load(folder, start, head):
    wanted = {"num_labels": 2} if head == "question_answering" else {}
    model, told = class_of(start, head).from_pretrained(folder, dtype=torch.float32, output_loading_info=True, **wanted)
    missing = [name for name in told["missing_keys"] if "pooler" not in name]
    assert not missing, missing
    return model.eval()


def values_of(model, head, ids, types):
    row = {"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids), dtype=torch.long)}
    if types:
        row["token_type_ids"] = torch.tensor([types])
    with torch.no_grad():
        output = model(**row)
    if head == "none":
        return output.last_hidden_state[0]
    if head == "question_answering":
        return torch.stack([output.start_logits[0], output.end_logits[0]], dim=1)
    return output.logits if head == "sequence_classification" else output.logits[0]


def cases_of(name, start, config):
    rows = [(SHORT, None), (ONE, None), (LONG, None)]
    if getattr(config, "type_vocab_size", 0) > 1:
        rows.append((TYPED, TYPES))
    if config.pad_token_id:
        pad = config.pad_token_id
        rows.append(([2, 17, pad, 40, pad, pad, 18, 3], None))
    cases = []
    for head in HEADS:
        model = load(os.path.join(HERE, name), start, head)
        for ids, types in rows:
            if head in ("none", "masked_lm") and ids is LONG and name not in ("model_mpnet", "model_deberta_v2"):
                continue
            case = {"model": name, "head": head, "ids": ids}
            if types:
                case["type_ids"] = types
            values = values_of(model, head, ids, types)
            if head == "masked_lm":
                case["positions"] = sorted({0, len(ids) // 2, len(ids) - 1}, reverse=True)
                values = values[case["positions"]]
            case["values"] = [shortest(value) for value in values.tolist()]
            cases.append(case)
    return cases


def make_old_names():
    """A base model as the first checkpoints were saved: no prefix, gamma and beta."""
    config = config_of("Bert", dict(BERT, hidden_size=16, num_hidden_layers=1), "none")
    weights = spread(transformers.BertModel(config), SEED).state_dict()
    save(os.path.join(HERE, "model_old_names"), config, with_old_names(weights))
    return hidden_cases("model_old_names")


def make_old_head():
    """The same for a masked language model; it stores scores that transformers does not read."""
    config = config_of("Bert", dict(BERT, hidden_size=16, num_hidden_layers=1), "masked_lm")
    weights = spread(transformers.BertForMaskedLM(config), SEED).state_dict()
    weights = {name: weight.clone() for name, weight in weights.items() if not name.endswith("decoder.bias")}
    weights["cls.predictions.decoder.weight"].fill_(7)
    save(os.path.join(HERE, "model_old_head"), config, with_old_names(weights))
    model = load(os.path.join(HERE, "model_old_head"), "Bert", "masked_lm")
    values = values_of(model, "masked_lm", SHORT, None)[[1, 3]]
    return [{"model": "model_old_head", "head": "masked_lm", "ids": SHORT, "positions": [1, 3],
             "values": [shortest(value) for value in values.tolist()]}]


def with_old_names(weights):
    return {name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): weight
            for name, weight in weights.items()}


def make_shards():
    """A base model in two shards, one in float16 and one in bfloat16."""
    config = config_of("Bert", dict(BERT, hidden_size=16, num_hidden_layers=1), "none")
    weights = spread(transformers.BertModel(config), SEED + 1).state_dict()
    folder = os.path.join(HERE, "model_half_shards")
    os.makedirs(folder, exist_ok=True)
    config.save_pretrained(folder)
    places = {}
    for part, dtype in ((0, torch.float16), (1, torch.bfloat16)):
        file = f"model-0000{part + 1}-of-00002.safetensors"
        shard = {name: weights[name].to(dtype) for name in sorted(weights)[part::2]}
        save_file(shard, os.path.join(folder, file), {"format": "pt"})
        places.update({name: file for name in shard})
    with open(os.path.join(folder, "model.safetensors.index.json"), "w", encoding="utf-8") as file:
        json.dump({"metadata": {}, "weight_map": places}, file)
    return hidden_cases("model_half_shards")


def hidden_cases(name):
    model = load(os.path.join(HERE, name), "Bert", "none")
    return [{"model": name, "head": "none", "ids": SHORT,
             "values": [shortest(value) for value in values_of(model, "none", SHORT, None).tolist()]}]


def make_modernbert():
    """Answers have a file of their own: their scores have the name of those of labels."""
    cases = []
    variants = [("model_modernbert", dict(MODERN), MODERN_HEADS),
                ("model_modernbert_biased", dict(MODERN, norm_bias=True, attention_bias=True, mlp_bias=True,
                                                 classifier_bias=True, classifier_pooling="mean", num_hidden_layers=2,
                                                 hidden_activation="silu", global_attn_every_n_layers=2), MODERN_HEADS),
                ("model_modernbert_answers", dict(MODERN, num_hidden_layers=1), ("question_answering",))]
    for index, (name, values, heads) in enumerate(variants):
        weights = {}
        for head in heads:
            if head == "none":
                continue
            made = spread(class_of("ModernBert", head)(config_of("ModernBert", values, head)), SEED + 100 + index)
            weights.update({key: weight.clone() for key, weight in made.state_dict().items() if key != "decoder.weight"})
        save(os.path.join(HERE, name), config_of("ModernBert", values, heads[-1]), weights)
        for head in heads:
            model = load(os.path.join(HERE, name), "ModernBert", head)
            for ids in (SHORT, ONE, LONG):
                case = {"model": name, "head": head, "ids": ids}
                values_found = values_of(model, head, ids, None)
                if head == "masked_lm":
                    case["positions"] = sorted({0, len(ids) // 2, len(ids) - 1}, reverse=True)
                    values_found = values_found[case["positions"]]
                case["values"] = [shortest(value) for value in values_found.tolist()]
                cases.append(case)
    return cases


def buckets_of_distances():
    from transformers.models.mpnet.modeling_mpnet import MPNetEncoder

    return MPNetEncoder.relative_position_bucket(torch.arange(-200, 201)).tolist()


def main():
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    cases = []
    for index, (name, (start, values)) in enumerate(ARCHITECTURES.items()):
        config = config_of(start, values, "sequence_classification")
        config.architectures = [start + "ForSequenceClassification"]
        weights = weights_of(start, values, SEED + index)
        if name == "camembert":  # the bias under the other of its two names
            weights["lm_head.decoder.bias"] = weights.pop("lm_head.bias")
        save(os.path.join(HERE, "model_" + name), config, weights)
        cases += cases_of("model_" + name, start, config)
    cases += make_old_names() + make_old_head() + make_shards() + make_modernbert()
    origin = (f"tests/golden/make_model_golden.py with transformers {transformers.__version__}, "
              f"torch {torch.__version__.split('+')[0]}, float32 on CPU")
    with open(os.path.join(HERE, "relative_buckets.json"), "w", encoding="utf-8") as file:
        json.dump({"origin": origin, "first_distance": -200, "buckets": buckets_of_distances()}, file)
        file.write("\n")
    with open(os.path.join(HERE, "model_logits.json"), "w", encoding="utf-8") as file:
        file.write('{"origin": ' + json.dumps(origin) + ',\n "cases": [\n')
        file.write(",\n".join(json.dumps(case) for case in cases))
        file.write("\n]}\n")


if __name__ == "__main__":
    main()
