#include "pipeline/tensor/device.h"

#include "pipeline/tensor/guard.h"

#include <string>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace millrace::pipeline {
namespace {

DeviceProbe none() { return {.cuda_devices = 0, .absence = "no driver"}; }

DeviceProbe two() { return {.cuda_devices = 2, .absence = {}}; }

TEST(Device, resolves_every_spelling_of_a_present_device) {
  EXPECT_EQ(resolve_device("cpu", two)->name, "cpu");
  EXPECT_EQ(resolve_device("-1", two)->name, "cpu");
  EXPECT_EQ(resolve_device("auto", two)->name, "cuda:0");
  EXPECT_EQ(resolve_device("cuda", two)->name, "cuda:0");
  EXPECT_EQ(resolve_device("cuda:1", two)->name, "cuda:1");
  EXPECT_EQ(resolve_device("1", two)->name, "cuda:1");
}

TEST(Device, auto_falls_back_and_says_so) {
  const auto choice = resolve_device("auto", none);

  EXPECT_EQ(choice->name, "cpu");
  EXPECT_EQ(choice->notice, "device auto is the CPU: no driver");
}

TEST(Device, a_wish_for_an_absent_device_is_an_error) {
  for (const char* wish : {"cuda", "cuda:0", "0", "mps"}) {
    const auto choice = resolve_device(wish, none);
    ASSERT_FALSE(choice) << wish;
    EXPECT_EQ(choice.error().code, "NO_DEVICE");
    EXPECT_EQ(choice.error().kind, Errc::not_found);
  }
  EXPECT_EQ(resolve_device("cuda:2", two).error().code, "NO_DEVICE");
  EXPECT_EQ(resolve_device("xpu", two).error().code, "UNSUPPORTED_DEVICE");
  for (const char* wish : {"", "gpu", "cuda:", "cuda:-1", "cuda:1x", "1.5"}) {
    EXPECT_EQ(resolve_device(wish, two).error().code, "BAD_DEVICE") << wish;
  }
}

TEST(Dtype, auto_is_float32_on_the_cpu_and_the_checkpoints_elsewhere) {
  const Json half = {{"torch_dtype", "float16"}};
  EXPECT_EQ(resolve_dtype("auto", "cpu", half, StoredType::f16).value(), "float32");
  EXPECT_EQ(resolve_dtype("auto", "cuda:0", half, StoredType::f32).value(), "float16");
  EXPECT_EQ(resolve_dtype("auto", "cuda:0", Json::object(), StoredType::bf16).value(), "bfloat16");
  EXPECT_EQ(resolve_dtype("bfloat16", "cpu", half, StoredType::f32).value(), "bfloat16");
  EXPECT_EQ(resolve_dtype("int8", "cpu", half, StoredType::f32).error().code, "BAD_DTYPE");
}

TEST(Guard, turns_exceptions_of_libtorch_into_errors) {
  const auto shapes = guarded("adding", []() -> Result<int> {
    at::zeros({2}).add_(at::zeros({3}));
    return 1;
  });
  ASSERT_FALSE(shapes);
  EXPECT_EQ(shapes.error().code, "FORWARD_FAILED");
  EXPECT_EQ(shapes.error().message.substr(0, 8), "adding: ");

  const auto memory = guarded("allocating", []() -> Result<int> {
    at::empty({std::int64_t{1} << 55}).fill_(1);
    return 1;
  });
  ASSERT_FALSE(memory);
  EXPECT_EQ(memory.error().kind, Errc::resource_exhausted);
}

TEST(Guard, computes_alone_and_without_autograd) {
  const auto done = guard("looking", []() -> Result<void> {
    EXPECT_EQ(at::get_num_threads(), 1);
    EXPECT_TRUE(c10::InferenceMode::is_enabled());
    return {};
  });

  EXPECT_TRUE(done);
}

TEST(Guard, lets_a_bug_of_ours_pass) {
  EXPECT_THROW(static_cast<void>(guard("x",
                                       []() -> Result<void> {
                                         check(false, "broken");
                                         return {};
                                       })),
               Bug);
}

}  // namespace
}  // namespace millrace::pipeline
