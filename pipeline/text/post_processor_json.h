#pragma once

#include "pipeline/text/json_reader.h"
#include "pipeline/text/tokenizer_json.h"

#include <cstdint>

namespace millrace::pipeline {

/// Reads the post-processor of a tokenizer.json: one that puts special tokens around texts, after
/// one that trims offsets, or either of them. Errors are noted in `in`.
void read_post_processor(JsonReader& in, const Place& place, TokenizerSpec& spec);

/// The texts alone, the second with type 1.
void set_plain_template(TokenizerSpec& spec);

/// [CLS] A [SEP] and [CLS] A [SEP] B [SEP], the last two with type 1.
void set_bert_template(std::int32_t cls, std::int32_t sep, TokenizerSpec& spec);

/// <s> A </s> and <s> A </s> </s> B </s>, all of type 0.
void set_roberta_template(std::int32_t cls, std::int32_t sep, TokenizerSpec& spec);

}  // namespace millrace::pipeline
