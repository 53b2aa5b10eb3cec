#include "connectors/memory/sink.h"

#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>

namespace millrace::connectors {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

Result<Accepted> write(MemorySink& sink, std::string_view value, std::uint64_t opaque = 0) {
  OutRecord record;
  record.value = Bytes::copy_of(value);
  return sink.write(record, opaque);
}

std::vector<Verdict> verdicts_of(MemorySink& sink) {
  std::vector<Verdict> verdicts;
  EXPECT_TRUE(sink.poll(0ms, verdicts));
  return verdicts;
}

std::vector<std::string> values_of(const std::vector<MemorySink::Written>& all) {
  std::vector<std::string> values;
  for (const auto& written : all) values.emplace_back(written.record.value.view());
  return values;
}

std::optional<Error> refuse_bad(const OutRecord& record) {
  if (record.value.view() != "bad") return std::nullopt;
  return error(Errc::invalid_input, "TOO_LARGE", "bad");
}

TEST(MemorySink, is_full_while_corked_and_leaves_the_record_alone) {
  MemorySink sink;
  sink.cork();
  OutRecord record;
  record.value = Bytes::copy_of("a");

  EXPECT_EQ(*sink.write(record, 1), Accepted::full);
  EXPECT_EQ(record.value.view(), "a");

  sink.uncork();
  EXPECT_EQ(*sink.write(record, 1), Accepted::yes);
}

TEST(MemorySink, holds_verdicts_until_they_are_released_oldest_first) {
  MemorySink sink;
  sink.hold_verdicts();
  for (std::uint64_t i = 1; i <= 3; ++i) ASSERT_TRUE(write(sink, "a", i));
  EXPECT_THAT(verdicts_of(sink), IsEmpty());

  sink.release_verdicts(2);
  const auto first = verdicts_of(sink);

  ASSERT_THAT(first, SizeIs(2));
  EXPECT_EQ(first[0].opaque, 1U);
  EXPECT_EQ(sink.outstanding(), 1U);

  sink.stop_holding();
  EXPECT_THAT(verdicts_of(sink), SizeIs(1));
}

TEST(MemorySink, is_full_at_its_capacity) {
  MemorySink sink;
  sink.set_capacity(1);
  EXPECT_EQ(*write(sink, "a"), Accepted::yes);
  EXPECT_EQ(*write(sink, "b"), Accepted::full);

  ASSERT_THAT(verdicts_of(sink), SizeIs(1));

  EXPECT_EQ(*write(sink, "b"), Accepted::yes);
}

TEST(MemorySink, delivers_what_no_judge_minds) {
  MemorySink sink;
  sink.fail_when(refuse_bad);
  ASSERT_TRUE(write(sink, "good", 1));
  ASSERT_TRUE(write(sink, "bad", 2));

  const auto verdicts = verdicts_of(sink);

  ASSERT_THAT(verdicts, SizeIs(2));
  EXPECT_FALSE(verdicts[0].error);
  ASSERT_TRUE(verdicts[1].error);
  EXPECT_EQ(verdicts[1].error->code, "TOO_LARGE");
  EXPECT_THAT(values_of(sink.delivered()), ElementsAre("good"));
  EXPECT_THAT(values_of(sink.written()), ElementsAre("good", "bad"));
}

TEST(MemorySink, a_record_refused_at_once_has_no_verdict) {
  MemorySink sink;
  sink.refuse_when(refuse_bad);

  EXPECT_FALSE(write(sink, "bad"));

  EXPECT_EQ(sink.outstanding(), 0U);
  EXPECT_THAT(verdicts_of(sink), IsEmpty());
}

TEST(MemorySink, fails_once_when_told) {
  MemorySink sink;
  std::vector<Verdict> verdicts;
  const Error away = error(Errc::unavailable, "KAFKA_UNREACHABLE", "away");
  sink.fail_next_open(away);
  EXPECT_FALSE(sink.open());
  EXPECT_TRUE(sink.open());

  sink.fail_next_poll(away);
  EXPECT_FALSE(sink.poll(0ms, verdicts));
  EXPECT_TRUE(sink.poll(0ms, verdicts));
}

}  // namespace
}  // namespace millrace::connectors
