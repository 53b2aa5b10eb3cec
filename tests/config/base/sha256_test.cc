#include "config/base/sha256.h"

#include <string>

#include <gtest/gtest.h>

namespace millrace::config {
namespace {

TEST(Sha256, gives_the_digests_of_the_standard_in_any_pieces) {
  const std::string text(1'000'000, 'a');
  Sha256 pieces;
  for (std::size_t at = 0; at < text.size(); at += 997) {
    pieces.add(
        std::as_bytes(std::span(text).subspan(at, std::min<std::size_t>(997, text.size() - at))));
  }
  Sha256 abc;
  abc.add(std::as_bytes(std::span(std::string_view("abc"))));

  EXPECT_EQ(Sha256().hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(abc.hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(pieces.hex(), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

}  // namespace
}  // namespace millrace::config
