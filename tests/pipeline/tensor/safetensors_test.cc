#include "pipeline/tensor/checkpoint.h"
#include "pipeline/tensor/safetensors_header.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

namespace millrace::pipeline {
namespace {

std::string file_of(const std::string& table, std::size_t data_bytes) {
  std::uint64_t length = table.size();
  std::string text(8, '\0');
  std::memcpy(text.data(), &length, 8);
  return text + table + std::string(data_bytes, '\0');
}

Result<SafetensorsHeader> parse(const std::string& text) {
  return parse_safetensors_header(std::as_bytes(std::span(text)), text.size());
}

TEST(SafetensorsHeader, reads_a_file_and_orders_tensors_by_their_bytes) {
  const auto header = parse(file_of(
      R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]},"a":{"dtype":"BF16","shape":[1,2],"data_offsets":[0,4]}})",
      12));

  ASSERT_TRUE(header) << header.error().text();
  ASSERT_EQ(header->tensors.size(), 2U);
  EXPECT_EQ(header->tensors[0].name, "a");
  EXPECT_EQ(header->tensors[0].type, StoredType::bf16);
  EXPECT_EQ(header->tensors[1].shape, (std::vector<std::int64_t>{2}));
  EXPECT_EQ(header->tensors[1].size_bytes, 8U);
}

TEST(SafetensorsHeader, refuses_whatever_contradicts_itself) {
  const auto f32 = [](const std::string& shape, const std::string& offsets) {
    return R"({"a":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  const std::vector<std::string> wrong = {
      "",
      "1234567",
      file_of("[]", 0),
      file_of("{", 0),
      file_of(f32("[2]", "[0,4]"), 4),
      file_of(f32("[1]", "[0,4]"), 3),
      file_of(f32("[1]", "[0,4]"), 5),
      file_of(f32("[1]", "[4,8]"), 8),
      file_of(f32("[1]", "[4,0]"), 4),
      file_of(f32("[-1]", "[0,4]"), 4),
      file_of(f32("[1.0]", "[0,4]"), 4),
      file_of(f32("[4611686018427387905]", "[0,4]"), 4),
      file_of(f32("[4294967296,4294967296,4294967296]", "[0,0]"), 0),
      file_of(f32("[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4),
      file_of(
          R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
          4),
      file_of(
          R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}})",
          6),
      file_of(R"({"a":{"shape":[1],"data_offsets":[0,4]}})", 4),
      std::string(8, '\xff') + "{}",
  };
  for (const std::string& text : wrong) {
    const auto header = parse(text);
    ASSERT_FALSE(header) << text;
    EXPECT_EQ(header.error().code, "BAD_WEIGHTS") << text;
  }
  EXPECT_EQ(parse(file_of(R"({"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}})", 1))
                .error()
                .code,
            "UNSUPPORTED_DTYPE");
}

class CheckpointFolder : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "millrace_XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }

  void TearDown() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }

  std::filesystem::path folder_;
};

const std::string kA = file_of(R"({"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}})", 4);
const std::string kB = file_of(R"({"b":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})", 4);

TEST_F(CheckpointFolder, reads_shards_and_takes_the_dtype_of_the_first) {
  write("one.safetensors", kA);
  write("two.safetensors", kB);
  write("model.safetensors.index.json",
        R"({"weight_map":{"a":"one.safetensors","b":"two.safetensors"}})");

  const auto checkpoint = Checkpoint::open(folder_);

  ASSERT_TRUE(checkpoint) << checkpoint.error().text();
  EXPECT_EQ(checkpoint->entries().size(), 2U);
  EXPECT_EQ(checkpoint->first_float(), StoredType::f16);
  EXPECT_EQ(checkpoint->find("b")->bytes().size(), 4U);
}

TEST_F(CheckpointFolder, refuses_an_index_that_leads_out_of_the_folder_or_lies) {
  write("one.safetensors", kA);
  write("model.safetensors.index.json", R"({"weight_map":{"a":"../one.safetensors"}})");
  EXPECT_EQ(Checkpoint::open(folder_).error().code, "BAD_FILE");
  write("model.safetensors.index.json", R"({"weight_map":{"c":"one.safetensors"}})");
  EXPECT_EQ(Checkpoint::open(folder_).error().code, "BAD_FILE");
  write("model.safetensors.index.json", R"({"weight_map":{"a":"three.safetensors"}})");
  EXPECT_EQ(Checkpoint::open(folder_).error().code, "NO_FILE");
}

TEST_F(CheckpointFolder, names_the_way_out_for_a_pickle) {
  write("pytorch_model.bin", "pickle");

  const auto checkpoint = Checkpoint::open(folder_);

  ASSERT_FALSE(checkpoint);
  EXPECT_EQ(checkpoint.error().code, "NO_WEIGHTS");
  EXPECT_NE(checkpoint.error().message.find("safe_serialization=True"), std::string::npos);
}

TEST_F(CheckpointFolder, the_digest_is_that_of_the_bytes) {
  write("model.safetensors", kA);
  const std::string before = Checkpoint::open(folder_)->content_sha256().value();
  std::string other = kA;
  other.back() = '\1';
  write("model.safetensors", other);

  EXPECT_NE(Checkpoint::open(folder_)->content_sha256().value(), before);
}

}  // namespace
}  // namespace millrace::pipeline
