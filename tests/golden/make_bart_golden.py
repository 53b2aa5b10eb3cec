#!/usr/bin/env python3
"""Makes tiny checkpoints of BART and mBART, bart_logits.json and bart_tasks.json: what transformers computes with them.

    pip install "transformers>=4.57,<4.58" torch sentencepiece
    python make_bart_golden.py

As make_model_golden.py (the folders model_*, rows of ids, bart_logits.json) and make_sentencepiece_tasks_golden.py (the folders tiny_*,
texts, bart_tasks.json), whose rows, texts and parameters it shares. The files are committed: tests never run this.
"""

import json
import math
import os

import torch
import transformers
from tokenizers import ByteLevelBPETokenizer, Regex, normalizers as n, pre_tokenizers as p
from transformers import BartConfig, BartForQuestionAnswering, BartForSequenceClassification, BartTokenizerFast
from transformers import MBartConfig, MBartForSequenceClassification, MBartTokenizerFast

import make_reading_golden as reading
import make_unigram_golden as unigram
from make_model_golden import save, values_of
from make_task_golden import HERE, POSITIONS, SEED, shortest, write

VOCABULARY = 64
HEADS = {
    "none": "Model",
    "sequence_classification": "ForSequenceClassification",
    "question_answering": "ForQuestionAnswering",
    "masked_lm": "ForConditionalGeneration",
}
NLI = ["contradiction", "neutral", "entailment"]
SHAPE = dict(vocab_size=VOCABULARY, d_model=16, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4,
             encoder_ffn_dim=24, decoder_ffn_dim=24, max_position_embeddings=POSITIONS)
# The halves differ in all that they may differ in.
UNEVEN = dict(SHAPE, encoder_layers=1, decoder_layers=3, encoder_attention_heads=2, decoder_ffn_dim=40, scale_embedding=True,
              activation_function="gelu_new")
FOLDERS = {
    "model_bart": ("Bart", dict(SHAPE)),
    "model_bart_uneven": ("Bart", dict(UNEVEN, decoder_start_token_id=0, eos_token_id=5)),
    "model_bart_untied": ("Bart", dict(SHAPE, encoder_layers=1, decoder_layers=1, tie_word_embeddings=False)),
    "model_mbart": ("MBart", dict(SHAPE)),
    "model_mbart_uneven": ("MBart", dict(UNEVEN, activation_function="relu")),
}

LONG = [0] + [6 + (7 * i) % 58 for i in range(34)] + [2]
ROWS = [
    [0, 17, 5, 40, 2],
    [0, 21, 22, 2, 2, 33, 34, 35, 2],  # a pair
    [2],
    [0, 17, 2, 40, 41, 5, 60],  # something behind the last end, as languages stand in mBART
    [0, 2, 17, 1, 40, 1, 1, 18, 5],  # pads between
    LONG,
]


def class_of(kind, head):
    return getattr(transformers, kind + HEADS[head])


def spread(model, seed):
    """Gives every weight and buffer enough weight that scores differ."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in list(model.named_parameters()) + list(model.named_buffers()):
            noise = torch.randn(weight.shape, generator=generator)
            if "norm" in name:
                weight.copy_(1 + 0.1 * noise if name.endswith("weight") else 0.1 * noise)
            elif name.endswith("bias"):
                weight.copy_(0.1 * noise)
            elif "embed" in name or "shared" in name:
                weight.copy_((0.5 / math.sqrt(weight.shape[-1]) if model.config.scale_embedding else 0.5) * noise)
            else:
                weight.copy_(noise / math.sqrt(weight.shape[-1]))
    return model.eval()


def config_of(kind, values):
    return class_of(kind, "none").config_class(**values, **reading.named(NLI))


def weights_of(kind, values, seed):
    """Returns the model and its heads under their names, every tied table once."""
    weights = {}
    for head in ("sequence_classification", "question_answering", "masked_lm"):
        made = spread(class_of(kind, head)(config_of(kind, values)), seed).state_dict()
        weights.update({name: weight.clone() for name, weight in made.items()})
    tied = values.get("tie_word_embeddings", True)
    return {name: weight for name, weight in weights.items()
            if not tied or not name.endswith(("embed_tokens.weight", "lm_head.weight"))}


def load(name, kind, head):
    wanted = {"num_labels": 2} if head == "question_answering" else {}
    model, told = class_of(kind, head).from_pretrained(os.path.join(HERE, name), dtype=torch.float32, output_loading_info=True, **wanted)
    assert not told["missing_keys"], told["missing_keys"]
    return model.eval()


def cases_of(name, kind, heads=tuple(HEADS)):
    cases = []
    for head in heads:
        model = load(name, kind, head)
        for ids in ROWS:
            if head == "sequence_classification" and model.config.eos_token_id not in ids:
                continue
            if head in ("none", "masked_lm") and ids is LONG and name not in ("model_bart", "model_mbart"):
                continue
            case = {"model": name, "head": head, "ids": ids}
            values = values_of(model, head, ids, None)
            if head == "masked_lm":
                case["positions"] = sorted({0, len(ids) // 2}, reverse=True)
                values = values[case["positions"]]
            case["values"] = [shortest(value) for value in values.tolist()]
            cases.append(case)
    return cases


def make_variants():
    """The same weights under the names of other files: without a prefix, and with the table in the decoder only."""
    cases = []
    kind, values = FOLDERS["model_bart"]
    values = dict(values, encoder_layers=1, decoder_layers=1)
    weights = weights_of(kind, values, SEED)
    config = config_of(kind, values)
    bare = {name.removeprefix("model."): weight for name, weight in weights.items() if name.startswith("model.")}
    # What old files have besides: settings that no version of now reads, and the versions of fairseq.
    old = dict(normalize_before=True, normalize_embedding=False, add_final_layer_norm=True, extra_pos_embeddings=5,
               static_position_embeddings=True, _num_labels=7)
    for key, value in old.items():
        setattr(config, key, value)
    bare["encoder.version"] = torch.tensor([3.0])
    save(os.path.join(HERE, "model_bart_bare"), config, bare)
    cases += cases_of("model_bart_bare", kind, ("none",))
    words = weights.pop("model.shared.weight")
    weights["model.decoder.embed_tokens.weight"] = words
    weights["model.encoder.embed_tokens.weight"] = torch.zeros_like(words)
    del weights["final_logits_bias"]
    save(os.path.join(HERE, "model_bart_decoder_words"), config, weights)
    cases += cases_of("model_bart_decoder_words", kind, ("sequence_classification", "masked_lm"))
    return cases


def bart_tokenizer(name):
    """Trains byte-level BPE on the texts of make_reading_golden.py."""
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(reading.TEXTS * 3 + [reading.LONG] * 3, vocab_size=420, min_frequency=2, show_progress=False,
                                special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    folder = reading.folder(name)
    os.makedirs(folder, exist_ok=True)
    trained.save_model(folder)
    files = [os.path.join(folder, file) for file in ("vocab.json", "merges.txt")]
    made = BartTokenizerFast(vocab_file=files[0], merges_file=files[1], model_max_length=POSITIONS)
    made.save_pretrained(folder)
    for file in files:
        os.remove(file)
    return len(made)


def mbart_tokenizer(name):
    """Makes a tokenizer as those on the hub are: the pieces of XLM-R, then the languages, one of which stands behind the end."""
    unigram.TEXTS[:] = [text for text in reading.TEXTS if text] * 3 + [reading.LONG[:390]] * 3
    text = json.loads(unigram.trained(
        n.Sequence([n.Precompiled(unigram.MAP), n.Strip(False, True), n.Replace(Regex(" {2,}"), "\u2581")]), p.Metaspace(),
        ["<s>", "<pad>", "</s>", "<unk>", "<mask>"], "$A </s>", "$A $B </s>"))
    text["added_tokens"] = [token for token in text["added_tokens"] if token["special"]]
    os.makedirs(reading.folder(name), exist_ok=True)
    path = os.path.join(reading.folder(name), "tokenizer.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(text, file)
    made = MBartTokenizerFast(tokenizer_file=path, src_lang="de_DE", model_max_length=POSITIONS)
    made.save_pretrained(reading.folder(name))
    return len(made)


def checkpoint(name, model_class, config, seed):
    torch.manual_seed(seed)
    spread(model_class(config), seed).save_pretrained(os.path.join(HERE, name), safe_serialization=True)


def make_checkpoints():
    rows = bart_tokenizer("tiny_bart_nli")
    checkpoint("tiny_bart_nli", BartForSequenceClassification, BartConfig(**dict(SHAPE, vocab_size=rows), **reading.named(NLI)), SEED + 60)
    rows = bart_tokenizer("tiny_bart_qa")
    checkpoint("tiny_bart_qa", BartForQuestionAnswering, BartConfig(**dict(SHAPE, vocab_size=rows)), SEED + 61)
    rows = mbart_tokenizer("tiny_mbart_nli")
    checkpoint("tiny_mbart_nli", MBartForSequenceClassification,
               MBartConfig(**dict(SHAPE, vocab_size=rows, scale_embedding=True), **reading.named(NLI[::-1])), SEED + 62)


def task_cases():
    found = []

    def case(pipe, task, model, inputs, parameters, outputs=reading.plain):
        found.append({"task": task, "model": model, "parameters": parameters, "inputs": inputs,
                      "outputs": [outputs(pipe(text, **parameters)) for text in inputs]})

    texts = [text for text in reading.TEXTS if text]
    for model in ("tiny_bart_nli", "tiny_mbart_nli"):
        pipe = reading.load("zero-shot-classification", model)
        for parameters in reading.CHOICE_PARAMETERS[:-1]:  # but for labels that are too long
            case(pipe, "zero-shot-classification", model, texts + ["the end</s> and </s></s> more"], parameters)
        case(pipe, "zero-shot-classification", model, [texts[:2]], {"candidate_labels": "good,bad"})
        pipe = reading.load("text-classification", model)
        for parameters in ({"truncation": True}, {"truncation": True, "top_k": None}):
            case(pipe, "text-classification", model, reading.TEXTS + [reading.LONG], parameters,
                 lambda out: reading.plain(out[0] if len(out) == 1 else out))
        pipe = reading.load("feature-extraction", model)
        case(pipe, "feature-extraction", model, [reading.TEXTS[2], "", reading.TEXTS[8]], {})
        pipe = reading.load("fill-mask", model)
        masked = ["the <mask> broke", "<mask>", "I bought a<mask>, it's not so good.", "<mask> <mask>!", "  <mask>  "]
        for parameters in ({}, {"top_k": 12}):
            case(pipe, "fill-mask", model, masked, parameters)
    model = "tiny_bart_qa"
    pipe = reading.load("question-answering", model)
    for parameters in reading.ANSWER_PARAMETERS[::2]:
        inputs, outputs = reading.answered(pipe, parameters)
        found.append({"task": "question-answering", "model": model, "parameters": parameters, "inputs": inputs, "outputs": outputs})
    return found


def main():
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    cases = []
    for index, (name, (kind, values)) in enumerate(FOLDERS.items()):
        config = config_of(kind, values)
        config.architectures = [kind + "ForSequenceClassification"]
        save(os.path.join(HERE, name), config, weights_of(kind, values, SEED + index))
        cases += cases_of(name, kind)
    source = f"transformers {transformers.__version__}"
    script = os.path.basename(__file__)
    write("bart_logits.json", cases + make_variants(), source, script)
    make_checkpoints()
    write("bart_tasks.json", task_cases(), source, script)


if __name__ == "__main__":
    main()
