#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::pipeline {

/// Returns the character that GPT-2 writes for a byte: printable Latin-1 as it is, the others from
/// U+0100 on.
char32_t byte_character(std::uint8_t byte);

/// Returns the bytes that the characters of a token stand for, nothing when one stands for none.
std::optional<std::string> bytes_of_characters(std::string_view token);

}  // namespace millrace::pipeline
