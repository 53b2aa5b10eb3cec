#include "pipeline/tensor/weights.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

namespace millrace::pipeline {
namespace {

/// A file with the tensors "good" [2], "bad" [3] and "half" [2], of which the last are damaged.
std::string damaged_file() {
  const std::string table = R"({"good":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                            R"("bad":{"dtype":"F32","shape":[3],"data_offsets":[8,20]},)"
                            R"("half":{"dtype":"F16","shape":[2],"data_offsets":[20,24]}})";
  const float inf = std::numeric_limits<float>::infinity();
  const std::array<float, 5> values = {3e38F, 3e38F, 1.0F, std::nanf(""), -inf};
  const std::array<std::uint16_t, 2> halves = {0x7C00, 0x3C00};  // infinity, one
  const std::uint64_t length = table.size();
  std::string text(8 + table.size() + sizeof(values) + sizeof(halves), '\0');
  std::memcpy(text.data(), &length, 8);
  std::memcpy(text.data() + 8, table.data(), table.size());
  std::memcpy(text.data() + 8 + table.size(), values.data(), sizeof(values));
  std::memcpy(text.data() + 8 + table.size() + sizeof(values), halves.data(), sizeof(halves));
  return text;
}

TEST(Weights, counts_values_that_are_no_finite_numbers) {
  std::string folder = (std::filesystem::temp_directory_path() / "millrace_XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  std::ofstream(folder + "/model.safetensors", std::ios::binary) << damaged_file();
  {
    const auto checkpoint = Checkpoint::open(folder);
    ASSERT_TRUE(checkpoint) << checkpoint.error().text();
    Weights weights(*checkpoint, "cpu", "float32", NonfiniteWeights::noted);

    weights.head("good", {2});  // whose sum is not finite, although its values are
    weights.head("bad", {3});
    weights.head("half", {2});

    EXPECT_TRUE(weights.errors().empty());
    ASSERT_EQ(weights.nonfinite().size(), 2U);
    EXPECT_EQ(weights.nonfinite()[0].name, "bad");
    EXPECT_EQ(weights.nonfinite()[0].values, 2);
    EXPECT_EQ(weights.nonfinite()[1].name, "half");
    EXPECT_EQ(weights.nonfinite()[1].values, 1);

    Weights strict(*checkpoint, "cpu", "float32", NonfiniteWeights::refused);
    for (const auto& [name, size] : {std::pair("good", 2), {"bad", 3}, {"half", 2}})
      strict.head(name, {size});

    ASSERT_EQ(strict.errors().size(), 2U);
    EXPECT_EQ(strict.errors()[0].code, "WEIGHT_NONFINITE");
    EXPECT_NE(strict.errors()[0].message.find("bad, expected none, found 2"), std::string::npos);
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace millrace::pipeline
