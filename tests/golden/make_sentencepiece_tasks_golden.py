#!/usr/bin/env python3
"""Makes tiny checkpoints whose tokenizers are SentencePiece's, one of ModernBERT, and sentencepiece_tasks.json: what their pipelines give.

    python make_sentencepiece_tasks_golden.py     (needs transformers 4.57, torch, sentencepiece)

As make_reading_golden.py, whose texts, parameters and cases it shares; each case names its task.
"""
import json
import os

import torch
import transformers
from tokenizers import ByteLevelBPETokenizer, Regex, Tokenizer, normalizers as n, pre_tokenizers as p, processors
from transformers import (AlbertConfig, AlbertForQuestionAnswering, AlbertTokenizerFast, CamembertConfig, CamembertForMaskedLM,
                          CamembertTokenizerFast, DebertaV2Config, DebertaV2ForTokenClassification, DebertaV2TokenizerFast,
                          ModernBertConfig, ModernBertForSequenceClassification, PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaForSequenceClassification, XLMRobertaForTokenClassification,
                          XLMRobertaTokenizerFast)

import make_reading_golden as reading
import make_unigram_golden as unigram
from make_task_golden import POSITIONS, SEED, checkpoint, write

SHAPE = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 32}


def tokenizer(name, kind, normalizer, splitter, specials, single, pair):
    unigram.TEXTS[:] = [text for text in reading.TEXTS if text] * 3 + [reading.LONG[:390]] * 3
    text = json.loads(unigram.trained(normalizer, splitter, specials, single, pair))
    text["added_tokens"] = [token for token in text["added_tokens"] if token["special"]]
    os.makedirs(reading.folder(name), exist_ok=True)
    path = os.path.join(reading.folder(name), "tokenizer.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(text, file)
    made = kind(tokenizer_file=path, model_max_length=POSITIONS)
    made.save_pretrained(reading.folder(name))
    return len(made)


def roberta(kind, rows, labels=None):
    return kind(vocab_size=rows, max_position_embeddings=POSITIONS + 2, type_vocab_size=1, bos_token_id=0, pad_token_id=1, eos_token_id=2,
                **SHAPE, **(reading.named(labels) if labels else {}))


def make_checkpoints():
    five = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    xlm = (n.Sequence([n.Precompiled(unigram.MAP), n.Strip(False, True), n.Replace(Regex(" {2,}"), "\u2581")]), p.Metaspace(), five,
           "<s> $A </s>", "<s> $A </s> </s> $B </s>")
    rows = tokenizer("tiny_xlm_roberta_ner", XLMRobertaTokenizerFast, *xlm)
    checkpoint("tiny_xlm_roberta_ner", XLMRobertaForTokenClassification, roberta(XLMRobertaConfig, rows, reading.LABELS), SEED + 40)
    rows = tokenizer("tiny_xlm_roberta_nli", XLMRobertaTokenizerFast, *xlm)
    checkpoint("tiny_xlm_roberta_nli", XLMRobertaForSequenceClassification,
               roberta(XLMRobertaConfig, rows, ["contradiction", "neutral", "entailment"]), SEED + 41)
    both = p.Sequence([p.WhitespaceSplit(), p.Metaspace()])
    rows = tokenizer("tiny_camembert_mlm", CamembertTokenizerFast,
                     n.Sequence([n.Precompiled(unigram.MAP), n.Replace(Regex(" {2,}"), " ")]), both, five, "<s> $A </s>",
                     "<s> $A </s> </s> $B </s>")
    checkpoint("tiny_camembert_mlm", CamembertForMaskedLM, roberta(CamembertConfig, rows), SEED + 42)
    rows = tokenizer("tiny_albert_qa", AlbertTokenizerFast,
                     n.Sequence([n.Replace("``", '"'), n.Replace("''", '"'), n.NFKD(), n.StripAccents(), n.Lowercase(),
                                 n.Precompiled(unigram.MAP), n.Replace(Regex(" {2,}"), " ")]), both,
                     ["<pad>", "[CLS]", "[SEP]", "<unk>", "[MASK]"], "[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1")
    checkpoint("tiny_albert_qa", AlbertForQuestionAnswering,
               AlbertConfig(vocab_size=rows, embedding_size=8, max_position_embeddings=POSITIONS, **SHAPE), SEED + 43)


    rows = tokenizer("tiny_deberta_ner", DebertaV2TokenizerFast,
                     n.Sequence([n.Strip(), n.Precompiled(unigram.MAP), n.Replace(Regex(" {2,}"), " ")]), p.Metaspace(),
                     ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"], "[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1")
    checkpoint("tiny_deberta_ner", DebertaV2ForTokenClassification,
               DebertaV2Config(vocab_size=rows, max_position_embeddings=POSITIONS, type_vocab_size=0, relative_attention=True,
                               position_buckets=8, norm_rel_ebd="layer_norm", share_att_key=True, pos_att_type=["p2c", "c2p"],
                               position_biased_input=False, pad_token_id=0, **SHAPE, **reading.named(reading.LABELS)), SEED + 44)
    rows = modernbert_tokenizer("tiny_modernbert")
    checkpoint("tiny_modernbert", ModernBertForSequenceClassification,
               ModernBertConfig(vocab_size=rows, max_position_embeddings=POSITIONS, local_attention=8, pad_token_id=1, bos_token_id=0,
                                eos_token_id=2, cls_token_id=0, sep_token_id=2, classifier_pooling="mean", **SHAPE,
                                **reading.named(["negative", "neutral", "positive"])), SEED + 45)


def modernbert_tokenizer(name):
    """Makes a tokenizer as those on the hub are: NFC before byte-level BPE, and a template."""
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(reading.TEXTS * 3 + [reading.LONG] * 3, vocab_size=400, min_frequency=2, show_progress=False,
                                special_tokens=["[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"])
    made = Tokenizer.from_str(trained.to_str())
    made.normalizer = n.NFC()
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]",
                                                        special_tokens=[("[CLS]", 0), ("[SEP]", 2)])
    whole = PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=POSITIONS, cls_token="[CLS]", pad_token="[PAD]",
                                    sep_token="[SEP]", unk_token="[UNK]", mask_token="[MASK]",
                                    model_input_names=["input_ids", "attention_mask"])
    whole.save_pretrained(reading.folder(name))
    return len(whole)


def cases():
    found = []

    def case(pipe, task, model, inputs, parameters, outputs=reading.plain):
        found.append({"task": task, "model": model, "parameters": parameters, "inputs": inputs,
                      "outputs": [outputs(reading.one(pipe(text, **parameters), text)) for text in inputs]})

    model = "tiny_xlm_roberta_ner"
    pipe = reading.load("token-classification", model)
    for parameters in reading.TOKEN_PARAMETERS:
        case(pipe, "ner", model, reading.TEXTS + [reading.LONG], parameters)
    case(pipe, "ner", model, [reading.LONG, reading.TEXTS[0]], {"stride": 3, "aggregation_strategy": "first", "ignore_labels": []})
    case(pipe, "ner", model, [["The", "screen", "broke", "!"], ["don't", "worked,", "St\u00f6rung"], ["x", " y"]],
         {"is_split_into_words": True, "aggregation_strategy": "simple", "ignore_labels": []})
    model = "tiny_xlm_roberta_nli"
    texts = [text for text in reading.TEXTS if text]
    pipe = reading.load("zero-shot-classification", model)
    for parameters in reading.CHOICE_PARAMETERS[:-1]:
        case(pipe, "zero-shot-classification", model, texts, parameters)
    pipe = reading.load("text-classification", model)
    for parameters in ({"truncation": True}, {"truncation": True, "top_k": None}):
        case(pipe, "text-classification", model, texts, parameters, lambda out: reading.plain(out[0] if len(out) == 1 else out))
    model = "tiny_deberta_ner"
    pipe = reading.load("token-classification", model)
    for parameters in reading.TOKEN_PARAMETERS[1:9]:
        case(pipe, "ner", model, reading.TEXTS + [reading.LONG], parameters)
    model = "tiny_modernbert"
    pipe = reading.load("text-classification", model)
    for parameters in ({"truncation": True}, {"truncation": True, "top_k": None}):
        case(pipe, "text-classification", model, reading.TEXTS + [reading.LONG], parameters,
             lambda out: reading.plain(out[0] if len(out) == 1 else out))
    model = "tiny_camembert_mlm"
    pipe = reading.load("fill-mask", model)
    texts = [text.replace("[MASK]", "<mask>") for text in (
        "the [MASK] broke", "[MASK]", "I bought a[MASK], it's not so good.", "[MASK] [MASK]!", "St\u00f6rung im [MASK]: \u6771\u4eac", "  [MASK]  ")]
    for parameters in ({}, {"top_k": 1}, {"top_k": 12}):
        case(pipe, "fill-mask", model, texts, parameters)
    model = "tiny_albert_qa"
    pipe = reading.load("question-answering", model)
    for parameters in reading.ANSWER_PARAMETERS:
        inputs, outputs = reading.answered(pipe, parameters)
        found.append({"task": "question-answering", "model": model, "parameters": parameters, "inputs": inputs, "outputs": outputs})
    return found


def main():
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    make_checkpoints()
    write("sentencepiece_tasks.json", cases(), f"transformers {transformers.__version__}", os.path.basename(__file__))


if __name__ == "__main__":
    main()
