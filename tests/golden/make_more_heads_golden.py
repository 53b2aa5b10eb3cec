#!/usr/bin/env python3
"""Makes tiny checkpoints of pairs of task and architecture that no other script has, and more_heads.json: what their pipelines give.

    python make_more_heads_golden.py     (needs transformers 4.57, torch, sentencepiece)

ELECTRA, whose embedding is narrower than its layers, and MPNet have WordPiece tokenizers trained on the texts of
make_reading_golden.py; the others those of make_sentencepiece_tasks_golden.py. Each case names its task.
"""
import os

import torch
import transformers
from tokenizers import BertWordPieceTokenizer, Regex, normalizers as n, pre_tokenizers as p
from transformers import (AlbertConfig, AlbertForSequenceClassification, AlbertTokenizerFast, DebertaV2Config,
                          DebertaV2ForSequenceClassification, DebertaV2TokenizerFast, ElectraConfig, ElectraForQuestionAnswering,
                          ElectraForTokenClassification, ElectraTokenizerFast, ModernBertConfig, ModernBertForMaskedLM, MPNetConfig,
                          MPNetForMaskedLM, MPNetTokenizerFast)

import make_reading_golden as reading
import make_unigram_golden as unigram
from make_sentencepiece_tasks_golden import SHAPE, modernbert_tokenizer, tokenizer
from make_task_golden import POSITIONS, SEED, checkpoint, write

WIDE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
OF_BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
OF_MPNET = ["<s>", "<pad>", "</s>", "[UNK]", "<mask>"]


def word_pieces(name, kind, specials, lower):
    """Trains WordPiece on the texts and saves the tokenizer of a class."""
    trained = BertWordPieceTokenizer(lowercase=lower, unk_token="[UNK]", sep_token=specials[3], cls_token=specials[2])
    texts = [text for text in reading.TEXTS if text] * 3 + [reading.LONG] * 3
    trained.train_from_iterator(texts, vocab_size=320, min_frequency=2, special_tokens=specials, show_progress=False)
    folder = reading.folder(name)
    os.makedirs(folder, exist_ok=True)
    trained.save_model(folder)
    made = kind(vocab_file=os.path.join(folder, "vocab.txt"), do_lower_case=lower, model_max_length=POSITIONS)
    made.save_pretrained(folder)
    return len(made)


def electra(rows, **more):
    return ElectraConfig(vocab_size=rows, embedding_size=16, max_position_embeddings=POSITIONS, **WIDE, **more)


def make_checkpoints():
    rows = word_pieces("tiny_electra_ner", ElectraTokenizerFast, OF_BERT, False)
    checkpoint("tiny_electra_ner", ElectraForTokenClassification, electra(rows, **reading.named(reading.LABELS[:5])), SEED + 50)
    rows = word_pieces("tiny_electra_qa", ElectraTokenizerFast, OF_BERT, True)
    checkpoint("tiny_electra_qa", ElectraForQuestionAnswering, electra(rows), SEED + 51)
    rows = word_pieces("tiny_mpnet_mlm", MPNetTokenizerFast, OF_MPNET, True)
    checkpoint("tiny_mpnet_mlm", MPNetForMaskedLM,
               MPNetConfig(vocab_size=rows, max_position_embeddings=POSITIONS + 2, pad_token_id=1, **WIDE), SEED + 52)
    rows = modernbert_tokenizer("tiny_modernbert_mlm")
    checkpoint("tiny_modernbert_mlm", ModernBertForMaskedLM,
               ModernBertConfig(vocab_size=rows, max_position_embeddings=POSITIONS, local_attention=8, pad_token_id=1, bos_token_id=0,
                                eos_token_id=2, cls_token_id=0, sep_token_id=2, **SHAPE), SEED + 53)
    rows = tokenizer("tiny_deberta_nli", DebertaV2TokenizerFast,
                     n.Sequence([n.Strip(), n.Precompiled(unigram.MAP), n.Replace(Regex(" {2,}"), " ")]), p.Metaspace(),
                     ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"], "[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1")
    checkpoint("tiny_deberta_nli", DebertaV2ForSequenceClassification,
               DebertaV2Config(vocab_size=rows, max_position_embeddings=POSITIONS, type_vocab_size=0, relative_attention=True,
                               position_buckets=8, norm_rel_ebd="layer_norm", share_att_key=True, pos_att_type=["p2c", "c2p"],
                               position_biased_input=False, pad_token_id=0, pooler_hidden_size=SHAPE["hidden_size"], pooler_dropout=0,
                               **SHAPE, **reading.named(["entailment", "neutral", "contradiction"])), SEED + 54)
    rows = tokenizer("tiny_albert", AlbertTokenizerFast,
                     n.Sequence([n.Replace("``", '"'), n.Replace("''", '"'), n.NFKD(), n.StripAccents(), n.Lowercase(),
                                 n.Precompiled(unigram.MAP), n.Replace(Regex(" {2,}"), " ")]),
                     p.Sequence([p.WhitespaceSplit(), p.Metaspace()]),
                     ["<pad>", "[CLS]", "[SEP]", "<unk>", "[MASK]"], "[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1")
    checkpoint("tiny_albert", AlbertForSequenceClassification,
               AlbertConfig(vocab_size=rows, embedding_size=8, max_position_embeddings=POSITIONS, **SHAPE,
                            **reading.named(["negative", "neutral", "positive"])), SEED + 55)


def cases():
    found = []

    def case(pipe, task, model, inputs, parameters, outputs=reading.plain):
        found.append({"task": task, "model": model, "parameters": parameters, "inputs": inputs,
                      "outputs": [outputs(reading.one(pipe(text, **parameters), text)) for text in inputs]})

    def unlisted(output):
        return reading.plain(output[0] if len(output) == 1 else output)

    texts = [text for text in reading.TEXTS if text]
    pipe = reading.load("token-classification", "tiny_electra_ner")
    for parameters in reading.TOKEN_PARAMETERS[1:9:2]:
        case(pipe, "ner", "tiny_electra_ner", reading.TEXTS + [reading.LONG], parameters)
    pipe = reading.load("question-answering", "tiny_electra_qa")
    for parameters in reading.ANSWER_PARAMETERS[::2]:
        inputs, outputs = reading.answered(pipe, parameters)
        found.append({"task": "question-answering", "model": "tiny_electra_qa", "parameters": parameters, "inputs": inputs, "outputs": outputs})
    for model in ("tiny_mpnet_mlm", "tiny_modernbert_mlm"):
        pipe = reading.load("fill-mask", model)
        asked = [text.replace("[MASK]", pipe.tokenizer.mask_token) for text in (
            "the [MASK] broke", "[MASK]", "I bought a[MASK], it's not so good.", "[MASK] [MASK]!", "St\u00f6rung im [MASK]: \u6771\u4eac", "  [MASK]  ")]
        for parameters in ({}, {"top_k": 12}):
            case(pipe, "fill-mask", model, asked, parameters)
    pipe = reading.load("zero-shot-classification", "tiny_deberta_nli")
    for parameters in reading.CHOICE_PARAMETERS[1:6:2]:
        case(pipe, "zero-shot-classification", "tiny_deberta_nli", texts, parameters)
    for model in ("tiny_deberta_nli", "tiny_albert"):
        pipe = reading.load("text-classification", model)
        case(pipe, "text-classification", model, reading.TEXTS + [reading.LONG], {"truncation": True, "top_k": None}, unlisted)
    return found


def main():
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    make_checkpoints()
    write("more_heads.json", cases(), f"transformers {transformers.__version__}", os.path.basename(__file__))


if __name__ == "__main__":
    main()
