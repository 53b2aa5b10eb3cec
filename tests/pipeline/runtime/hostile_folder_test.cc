#include "tests/pipeline/runtime/checkpoint_copy.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

// Checkpoint folders that are damaged or made to harm: each is refused before anything runs, with
// the file and what is wrong with it, by lint as by load. The numbers are those of the promises
// about files.

namespace millrace::pipeline {
namespace {

namespace fs = std::filesystem;

using testing::HasSubstr;
using tests::bytes_of;
using tests::CheckpointCopy;
using tests::codes_of;
using tests::options_of;

void write(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::vector<Error> errors_of(const CheckpointCopy& folder) {
  return load_pipeline(options_of(folder.path(), "text-classification")).errors;
}

/// The messages of all that load says, after seeing that lint refuses the folder, too.
std::string complaint(const CheckpointCopy& folder, bool lint_sees_it = true) {
  if (lint_sees_it) {
    EXPECT_FALSE(lint_pipeline(options_of(folder.path(), "text-classification")).empty());
  }
  std::string all;
  for (const Error& problem : errors_of(folder)) all += problem.text() + "\n";
  return all;
}

/// A weights file with another table; {length} of the table is written before it.
std::string with_table(const std::string& table, const std::string& data) {
  std::uint64_t length = table.size();
  std::string text(8, '\0');
  std::memcpy(text.data(), &length, 8);
  return text + table + data;
}

TEST(HostileFolder, X1_weights_that_are_cut_off_say_how_much_is_there) {
  const CheckpointCopy folder("tiny_bert");
  const fs::path file = folder.path() / "model.safetensors";
  const std::string whole = bytes_of(file);
  std::uint64_t table = 0;
  std::memcpy(&table, whole.data(), 8);
  std::vector<std::size_t> lengths;
  for (std::size_t at = 0; at < 8 + table; at += at < 16 ? 1 : 97) lengths.push_back(at);
  for (std::size_t i = 0; i < 16; ++i)
    lengths.push_back(8 + table + i * (whole.size() - 8 - table) / 16);

  for (const std::size_t length : lengths) {
    write(file, whole.substr(0, length));
    const auto errors = lint_pipeline(options_of(folder.path(), "text-classification"));
    ASSERT_FALSE(errors.empty()) << length;
    EXPECT_EQ(errors.front().code, "BAD_WEIGHTS") << length << ": " << errors.front().text();
    EXPECT_THAT(errors.front().message, HasSubstr("model.safetensors")) << length;
  }
}

TEST(HostileFolder, X2_a_length_of_the_table_that_cannot_be_is_refused_unread) {
  const CheckpointCopy folder("tiny_bert");
  for (const std::uint64_t length :
       {std::uint64_t{0}, std::uint64_t{1} << 63, std::uint64_t{1} << 40, ~std::uint64_t{0}}) {
    std::string text(8, '\0');
    std::memcpy(text.data(), &length, 8);
    write(folder.path() / "model.safetensors", text + "{}");
    EXPECT_THAT(complaint(folder), HasSubstr("BAD_WEIGHTS")) << length;
  }
}

TEST(HostileFolder, X3_a_table_that_contradicts_itself_names_the_tensor) {
  const CheckpointCopy folder("tiny_bert");
  const auto table = [](const std::string& shape, const std::string& offsets) {
    return R"({"evil":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  for (const std::string& wrong : {table("[1]", "[4,8]"),
                                   table("[4611686018427387905]", "[0,4]"),
                                   table("[-1]", "[0,4]"),
                                   table("[1]", "[0,400]")}) {
    write(folder.path() / "model.safetensors", with_table(wrong, "1234"));
    EXPECT_THAT(complaint(folder), testing::AllOf(HasSubstr("BAD_WEIGHTS"), HasSubstr("evil")))
        << wrong;
  }
}

TEST(HostileFolder, X4_all_weights_that_do_not_fit_the_config_are_named) {
  const CheckpointCopy folder("tiny_bert");
  folder.set_config("intermediate_size", 48);

  const std::string all = complaint(folder, false);

  EXPECT_THAT(all, HasSubstr("encoder.layer.0.intermediate.dense.weight, expected [48"));
  EXPECT_THAT(all, HasSubstr("encoder.layer.1.output.dense.weight"));
}

TEST(HostileFolder, X5_a_missing_weight_is_named_and_never_made_up) {
  const CheckpointCopy folder("tiny_bert");
  folder.hide("bert.encoder.layer.0.attention.self.query.bias");

  EXPECT_THAT(complaint(folder, false),
              testing::AllOf(HasSubstr("WEIGHT_MISSING"),
                             HasSubstr("encoder.layer.0.attention.self.query.bias")));
}

// The load warns, with the count; here is what a record is told.
TEST(HostileFolder, X6_weights_that_are_no_numbers_fail_the_records_that_meet_them) {
  const CheckpointCopy folder("tiny_bert");
  folder.spoil("classifier.bias");

  const auto loaded = load_pipeline(options_of(folder.path(), "text-classification"));

  ASSERT_TRUE(loaded.pipeline);
  const auto result = run_pipeline(*loaded.pipeline, {Json("good")});
  ASSERT_FALSE(result[0]);
  EXPECT_EQ(result[0].error().code, "NONFINITE");
}

TEST(HostileFolder, X6_strict_weights_that_are_no_numbers_are_refused_all_of_them) {
  for (const auto& [model, task, first, second] : std::vector<std::array<std::string, 4>>{
           {"tiny_bert",
            "text-classification",
            "bert.encoder.layer.1.output.LayerNorm.bias",
            "classifier.bias"},
           {"tiny_modernbert", "text-classification", "model.final_norm.weight", "classifier.bias"},
           {"tiny_bart_nli",
            "zero-shot-classification",
            "model.decoder.layers.0.fc1.bias",
            "classification_head.out_proj.bias"}}) {
    const CheckpointCopy folder(model);
    PipelineOptions strict = options_of(folder.path(), task);
    strict.strict_weights = true;
    EXPECT_TRUE(load_pipeline(strict).errors.empty()) << model;
    folder.spoil(first);
    folder.spoil(second);
    const auto kept = load_pipeline(options_of(folder.path(), task));

    const auto refused = load_pipeline(strict);

    EXPECT_TRUE(kept.pipeline) << model;  // and is not shared with who is strict
    EXPECT_FALSE(refused.pipeline) << model;
    EXPECT_THAT(codes_of(refused.errors),
                testing::ElementsAre("WEIGHT_NONFINITE", "WEIGHT_NONFINITE"))
        << model;
    std::string all;
    for (const Error& problem : refused.errors) all += problem.text() + "\n";
    EXPECT_THAT(all,
                testing::AllOf(HasSubstr(first + ", expected none, found 1"), HasSubstr(second)));
  }
}

TEST(HostileFolder, X7_an_index_of_shards_stays_in_the_folder) {
  const CheckpointCopy folder("tiny_bert");
  fs::remove(folder.path() / "model.safetensors");
  for (const char* outside : {"../model.safetensors", "/etc/passwd", "a/b.safetensors"}) {
    const Json index = {{"weight_map", {{"classifier.weight", outside}}}};
    write(folder.path() / "model.safetensors.index.json", index.dump());
    EXPECT_THAT(complaint(folder), HasSubstr("model.safetensors.index.json")) << outside;
  }
}

TEST(HostileFolder, X8_a_vocabulary_beyond_the_embedding_gives_both_numbers) {
  const CheckpointCopy folder("tiny_bert");
  folder.set_config("vocab_size", 64);

  EXPECT_THAT(complaint(folder),
              testing::AllOf(HasSubstr("VOCABULARY_MISMATCH"), HasSubstr("64 rows")));
}

/// Every part of tokenizer.json in turn is something else, or gone: an error or a tokenizer, and
/// never the end of the process.
void spoil_everywhere(const Json& whole, const fs::path& file, const Json& other) {
  for (const auto& part : whole.items()) {
    if (!part.value().is_structured()) continue;
    Json spoilt = whole;
    spoilt[part.key()] = other;
    write(file, spoilt.dump());
    (void)lint_pipeline(options_of(file.parent_path(), "tokenization"));
    if (!part.value().is_object()) continue;
    for (const auto& inner : part.value().items()) {
      Json deeper = whole;
      deeper[part.key()][inner.key()] = other;
      write(file, deeper.dump());
      (void)lint_pipeline(options_of(file.parent_path(), "tokenization"));
    }
  }
}

TEST(HostileFolder, X9_a_malformed_tokenizer_is_refused_with_its_place) {
  for (const char* model : {"tiny_bert", "tiny_roberta_ner", "tiny_xlm_roberta_nli"}) {
    const CheckpointCopy folder(model);
    const fs::path file = folder.path() / "tokenizer.json";
    const Json whole = Json::parse(bytes_of(file));
    for (const Json& other : {Json(nullptr),
                              Json(7),
                              Json("x"),
                              Json::array(),
                              Json::object(),
                              Json::array({Json::array({"a"})})}) {
      spoil_everywhere(whole, file, other);
    }
    Json wrong = whole;
    wrong["model"]["vocab"] = 7;
    write(file, wrong.dump());
    EXPECT_THAT(complaint(folder),
                testing::AllOf(HasSubstr("tokenizer.json"), HasSubstr("/model/vocab")))
        << model;
    wrong = whole;
    wrong["pre_tokenizer"] = {{"type", "Chainsaw"}};
    write(file, wrong.dump());
    EXPECT_THAT(complaint(folder), HasSubstr("Chainsaw")) << model;
  }
}

TEST(HostileFolder, X9_merges_beyond_the_vocabulary_are_refused) {
  const CheckpointCopy folder("tiny_roberta_ner");
  const fs::path file = folder.path() / "tokenizer.json";
  Json spec = Json::parse(bytes_of(file));
  spec["model"]["merges"].push_back(Json::array({"no such piece", "nor this"}));
  write(file, spec.dump());

  std::string all;
  for (const Error& problem :
       load_pipeline(options_of(folder.path(), "token-classification")).errors)
    all += problem.text();
  EXPECT_THAT(all, testing::AllOf(HasSubstr("BAD_TOKENIZER"), HasSubstr("/model/merges")));
}

TEST(HostileFolder, X10_numbers_of_the_config_are_bounded_and_code_in_it_is_never_run) {
  const CheckpointCopy folder("tiny_bert");
  for (const auto& [key, value] :
       std::vector<std::pair<std::string, Json>>{{"num_hidden_layers", 1'000'000'000},
                                                 {"num_hidden_layers", -1},
                                                 {"hidden_size", -32},
                                                 {"hidden_size", 1e300},
                                                 {"num_attention_heads", 0},
                                                 {"max_position_embeddings", -5},
                                                 {"hidden_act", "__import__('os')"},
                                                 {"hidden_act", 7},
                                                 {"layer_norm_eps", "tiny"},
                                                 {"tie_word_embeddings", 3},
                                                 {"is_decoder", "no"},
                                                 {"problem_type", 1}}) {
    const CheckpointCopy copy("tiny_bert");
    copy.set_config(key, value);
    const std::string all = complaint(copy, false);
    // An unknown activation is named itself.
    EXPECT_THAT(all, testing::AnyOf(HasSubstr(key), HasSubstr("__import__"))) << value;
  }
  folder.set_config("auto_map", {{"AutoModel", "evil.EvilModel"}});
  folder.set_config("custom_pipelines", {{"text-classification", {{"impl", "evil.Pipeline"}}}});
  folder.set_config("_attn_implementation_internal", "evil/kernel");
  EXPECT_TRUE(errors_of(folder).empty());
}

TEST(HostileFolder, X12_a_pickle_is_refused_and_the_way_out_is_told) {
  for (const char* pickle : {"pytorch_model.bin", "model.pt", "model.ckpt"}) {
    const CheckpointCopy folder("tiny_bert");
    fs::rename(folder.path() / "model.safetensors", folder.path() / pickle);

    EXPECT_THAT(complaint(folder), HasSubstr("NO_WEIGHTS")) << pickle;
  }
  const CheckpointCopy folder("tiny_bert");
  fs::rename(folder.path() / "model.safetensors", folder.path() / "pytorch_model.bin");
  EXPECT_THAT(complaint(folder), HasSubstr("safe_serialization=True"));
}

}  // namespace
}  // namespace millrace::pipeline
