#include "pipeline/text/protobuf_wire.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace millrace::pipeline {
namespace {

using namespace std::string_literals;

/// Where the first damage of a message is; nothing when it is whole.
std::optional<std::size_t> damage(std::string_view message) {
  WireReader in(message);
  while (in.next()) {
  }
  return in.ok() ? std::nullopt : std::optional(in.at());
}

TEST(WireReader, reads_fields_of_all_kinds_in_order) {
  // 1: varint 300, 2: "hey", 3: float 1.5, 4: eight bytes, 16: -1.
  const std::string message = "\x08\xAC\x02"s + "\x12\x03hey"s + "\x1D\x00\x00\xC0\x3F"s +
                              "\x21\x01\0\0\0\0\0\0\x80"s +
                              "\x80\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"s;
  WireReader in(message);

  EXPECT_EQ(in.next()->value, 300U);
  const auto text = in.next();
  EXPECT_EQ(text->number, 2U);
  EXPECT_EQ(text->bytes, "hey");
  EXPECT_EQ(text->whole, "\x12\x03hey");
  EXPECT_EQ(in.next()->as_float(), 1.5F);
  EXPECT_EQ(in.next()->value, 0x8000000000000001U);
  const auto last = in.next();
  EXPECT_EQ(last->number, 16U);
  EXPECT_EQ(last->as_int32(), -1);
  EXPECT_FALSE(in.next());
  EXPECT_TRUE(in.ok());
}

TEST(WireReader, an_empty_message_has_no_fields) {
  EXPECT_FALSE(damage(""));
  EXPECT_FALSE(WireReader("").next());
}

TEST(WireReader, what_reaches_beyond_the_message_is_damage) {
  const std::string whole = "\x08\x01"s;
  for (const std::string& broken : {"\x12"s,
                                    "\x12\x04hey"s,
                                    "\x12\x80\x80\x80\x80\x08hey"s,
                                    "\x12\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01hey"s,
                                    "\x08"s,
                                    "\x08\x80"s,
                                    "\x1D\0\0\0"s,
                                    "\x21\0\0\0\0\0\0\0"s}) {
    EXPECT_EQ(damage(whole + broken), whole.size()) << testing::PrintToString(broken);
  }
}

TEST(WireReader, keys_that_no_field_has_are_damage) {
  for (const std::string& broken : {
           "\x00\x01"s,                                         // number 0
           "\x0B\x0C"s,                                         // a group
           "\x0E\x01"s,                                         // kind 6
           "\x88\x80\x80\x80\x10\x01"s,                         // more than 32 bits
           "\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"s  // eleven bytes
       }) {
    EXPECT_EQ(damage(broken), 0U) << testing::PrintToString(broken);
  }
}

TEST(WireReader, after_damage_nothing_more_is_read) {
  const std::string message = "\x00\x08\x01"s;
  WireReader in(message);
  EXPECT_FALSE(in.next());
  EXPECT_FALSE(in.next());
  EXPECT_FALSE(in.ok());
}

}  // namespace
}  // namespace millrace::pipeline
