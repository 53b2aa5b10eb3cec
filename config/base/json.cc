#include "config/base/json.h"

#include "config/base/limits.h"
#include "config/base/utf8.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::config {

// The parser is our own because records are hostile and many. It never recurses: open containers
// live on an explicit stack, finished values on a second one, and a container is built when it
// closes, when its size is known. So no vector of members ever grows (the library copies members
// deeply when it does, because their keys are const), and depth and node limits hold before
// anything is built. Example: `{"a": [1, 2]}` pushes key a, opens an array, pushes 1 and 2, folds
// them into one array value at `]`, and folds key and array into an object at `}`.

static_assert(std::endian::native == std::endian::little,
              "float vectors are little endian in memory");

namespace {

constexpr std::uint64_t kFloatVector = 1;
constexpr std::size_t kMaxWriteDepth = 512;
constexpr std::size_t kLinearSearch = 16;

/// Returns a word whose high bits mark bytes of `word` that end a plain run of a string: `"`, `\`
/// and controls.
std::uint64_t special_bytes(std::uint64_t word) {
  constexpr std::uint64_t kOnes = 0x0101010101010101ULL;
  constexpr std::uint64_t kHigh = 0x8080808080808080ULL;
  const auto zero_bytes = [](std::uint64_t x) { return (x - kOnes) & ~x & kHigh; };
  const std::uint64_t quotes = zero_bytes(word ^ (kOnes * static_cast<std::uint64_t>('"')));
  const std::uint64_t slashes = zero_bytes(word ^ (kOnes * static_cast<std::uint64_t>('\\')));
  const std::uint64_t controls = (word - kOnes * 0x20U) & ~word & kHigh;
  return quotes | slashes | controls;
}

/// Returns the first position from `at` on that holds `"`, `\` or a control character, or the end.
std::size_t plain_run_end(std::string_view text, std::size_t at) {
  while (at + sizeof(std::uint64_t) <= text.size()) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, sizeof(word));
    const std::uint64_t special = special_bytes(word);
    // The lowest mark is exact; marks above it may be borrow artefacts.
    if (special != 0) return at + static_cast<std::size_t>(std::countr_zero(special)) / 8;
    at += sizeof(word);
  }
  for (; at < text.size(); ++at) {
    const auto c = static_cast<std::uint8_t>(text[at]);
    if (c < 0x20U || c == '"' || c == '\\') return at;
  }
  return at;
}

class Parser {
 public:
  Parser(std::string_view text, const JsonLimits& limits, RepeatedKeys repeated)
      : text_(text), limits_(limits), unique_(repeated == RepeatedKeys::refused) {
    values_.reserve(kLinearSearch);
    keys_.reserve(kLinearSearch);
  }

  Result<Json> run() {
    skip_space();
    while (step()) {
    }
    if (!failure_.code.empty()) return std::move(failure_);
    skip_space();
    if (at_ != text_.size()) return bad("one document, found more text after it").error();
    return std::move(values_.back());
  }

 private:
  struct Frame {
    bool is_object;
    std::size_t first_value;
    std::size_t first_key;
  };

  struct Failed {
    Error problem;

    Error error() && { return std::move(problem); }
  };

  Failed bad(std::string_view expected) const {
    return {millrace::config::error(
        Errc::invalid_input,
        "BAD_JSON",
        fmt::format("not a JSON document: byte {}: expected {}", at_, expected))};
  }

  bool fail(std::string_view expected) {
    failure_ = bad(expected).error();
    return false;
  }

  bool fail(std::string_view code, std::string_view what, std::size_t limit) {
    failure_ = millrace::config::error(
        Errc::invalid_input, code, fmt::format("{}: byte {}: the limit is {}", what, at_, limit));
    return false;
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  void skip_space() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return;
      ++at_;
    }
  }

  /// Reads one value where one is due, or opens a container; then closes what ends here. False:
  /// done or failed.
  bool step() {
    if (++nodes_ > limits_.max_nodes) {
      return fail("TOO_MANY_NODES", "too many values", limits_.max_nodes);
    }
    switch (peek()) {
      case '{':
        return open(true);
      case '[':
        return open(false);
      case '"': {
        std::string value;
        if (!read_string(value)) return false;
        values_.emplace_back(std::move(value));
        return after_value();
      }
      case 't':
        return literal("true", true);
      case 'f':
        return literal("false", false);
      case 'n':
        return literal("null", nullptr);
      default:
        return read_number() && after_value();
    }
  }

  template <typename T>
  bool literal(std::string_view word, T value) {
    if (text_.substr(at_, word.size()) != word) return fail("a value");
    at_ += word.size();
    values_.emplace_back(value);
    return after_value();
  }

  bool open(bool is_object) {
    if (frames_.size() >= limits_.max_depth) {
      return fail("TOO_DEEP", "nested too deeply", limits_.max_depth);
    }
    frames_.push_back({is_object, values_.size(), keys_.size()});
    ++at_;
    skip_space();
    if (peek() == (is_object ? '}' : ']')) return close() && after_value();
    return !is_object || read_key();
  }

  bool read_key() {
    if (peek() != '"') return fail("a key in quotes");
    if (unique_) key_places_.push_back(at_);
    if (!read_string(keys_.emplace_back())) return false;
    skip_space();
    if (peek() != ':') return fail("':' after a key");
    ++at_;
    skip_space();
    return true;
  }

  /// A value has just been pushed: closes every container that ends, and goes to the next value if
  /// there is one.
  bool after_value() {
    while (!frames_.empty()) {
      skip_space();
      const bool is_object = frames_.back().is_object;
      if (peek() == ',') {
        ++at_;
        skip_space();
        return !is_object || read_key();
      }
      if (peek() != (is_object ? '}' : ']')) {
        return fail(is_object ? "',' or '}' in an object" : "',' or ']' in an array");
      }
      if (!close()) return false;
    }
    return false;
  }

  /// False: a key stands twice in the object that ends here.
  bool close() {
    const Frame frame = frames_.back();
    frames_.pop_back();
    ++at_;
    repeated_key_.reset();
    Json container = frame.is_object ? make_object(frame) : make_array(frame);
    values_.resize(frame.first_value);
    if (unique_ && repeated_key_) return fail_repeated(key_places_[*repeated_key_]);
    keys_.resize(frame.first_key);
    if (unique_) key_places_.resize(frame.first_key);
    values_.push_back(std::move(container));
    return true;
  }

  bool fail_repeated(std::size_t at) {
    failure_ = millrace::config::error(
        Errc::invalid_input,
        "DUPLICATE_KEY",
        fmt::format("a key stands twice in one object: byte {}: expected every key once; remove "
                    "one of the two, or let the last one count",
                    at));
    return false;
  }

  Json make_array(const Frame& frame) {
    Json array = Json::array();
    auto& items = array.get_ref<Json::array_t&>();
    items.reserve(values_.size() - frame.first_value);
    for (std::size_t i = frame.first_value; i < values_.size(); ++i) {
      items.push_back(std::move(values_[i]));
    }
    return array;
  }

  Json make_object(const Frame& frame) {
    Json object = Json::object();
    auto& members = static_cast<std::vector<std::pair<const std::string, Json>>&>(
        object.get_ref<Json::object_t&>());
    const std::size_t size = values_.size() - frame.first_value;
    // Results are added to the outermost object; room for two saves a deep copy of all members.
    members.reserve(size + (frames_.empty() ? 2 : 0));
    const bool few = size <= kLinearSearch;
    std::unordered_map<std::string, std::size_t> index;
    for (std::size_t i = 0; i < size; ++i) {
      std::string& key = keys_[frame.first_key + i];
      Json& value = values_[frame.first_value + i];
      std::size_t place = members.size();
      if (few) {
        place = 0;
        while (place < members.size() && members[place].first != key) ++place;
      } else {
        place = index.try_emplace(key, place).first->second;
      }
      if (place < members.size()) {
        members[place].second = std::move(value);
        if (!repeated_key_) repeated_key_ = frame.first_key + i;
      } else {
        members.emplace_back(std::move(key), std::move(value));
      }
    }
    return object;
  }

  bool read_string(std::string& out) {
    ++at_;
    while (true) {
      const std::size_t end = plain_run_end(text_, at_);
      out.append(text_, at_, end - at_);
      at_ = end;
      if (at_ >= text_.size()) return fail("'\"' at the end of a string");
      const char c = text_[at_];
      if (c == '"') {
        ++at_;
        return true;
      }
      if (c != '\\') return fail("control characters in strings to be escaped");
      ++at_;
      if (!read_escape(out)) return false;
    }
  }

  bool read_escape(std::string& out) {
    const char c = peek();
    ++at_;
    switch (c) {
      case '"':
      case '\\':
      case '/':
        out += c;
        return true;
      case 'b':
        out += '\b';
        return true;
      case 'f':
        out += '\f';
        return true;
      case 'n':
        out += '\n';
        return true;
      case 'r':
        out += '\r';
        return true;
      case 't':
        out += '\t';
        return true;
      case 'u':
        return read_unicode_escape(out);
      default:
        --at_;
        return fail("an escape of JSON after '\\'");
    }
  }

  bool read_hex(char32_t& out) {
    std::uint32_t value = 0;
    const std::string_view digits = text_.substr(at_, 4);
    const auto [end, problem] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (problem != std::errc() || digits.size() != 4 || end != digits.data() + 4) {
      return fail("four hexadecimal digits");
    }
    at_ += 4;
    out = value;
    return true;
  }

  bool read_unicode_escape(std::string& out) {
    char32_t unit = 0;
    if (!read_hex(unit)) return false;
    if (unit >= 0xDC00U && unit <= 0xDFFFU) return fail("no lone surrogate");
    if (unit >= 0xD800U && unit <= 0xDBFFU) {
      if (text_.substr(at_, 2) != "\\u") return fail("the second half of a surrogate pair");
      at_ += 2;
      char32_t low = 0;
      if (!read_hex(low)) return false;
      if (low < 0xDC00U || low > 0xDFFFU) return fail("the second half of a surrogate pair");
      unit = 0x10000U + ((unit - 0xD800U) << 10U) + (low - 0xDC00U);
    }
    append_utf8(unit, out);
    return true;
  }

  bool is_digit_at(std::size_t at) const {
    return at < text_.size() && text_[at] >= '0' && text_[at] <= '9';
  }

  bool read_number() {
    const std::size_t begin = at_;
    std::size_t end = begin;
    const bool negative = peek() == '-';
    if (negative) ++end;
    if (!is_digit_at(end)) return fail("a value");
    if (text_[end] == '0') {
      ++end;
    } else {
      while (is_digit_at(end)) ++end;
    }
    bool whole = true;
    if (end < text_.size() && text_[end] == '.') {
      whole = false;
      if (!is_digit_at(++end)) return fail("a digit after the decimal point");
      while (is_digit_at(end)) ++end;
    }
    if (end < text_.size() && (text_[end] == 'e' || text_[end] == 'E')) {
      whole = false;
      ++end;
      if (end < text_.size() && (text_[end] == '+' || text_[end] == '-')) ++end;
      if (!is_digit_at(end)) return fail("a digit in the exponent");
      while (is_digit_at(end)) ++end;
    }
    const std::string_view number = text_.substr(begin, end - begin);
    if (!(whole && add_integer(number, negative)) && !add_double(number)) {
      return fail("a number within double range");
    }
    at_ = end;
    return true;
  }

  bool add_integer(std::string_view number, bool negative) {
    const char* first = number.data();
    const char* last = first + number.size();
    if (negative) {
      std::int64_t value = 0;
      if (std::from_chars(first, last, value).ec != std::errc()) return false;
      values_.emplace_back(value);
      return true;
    }
    std::uint64_t value = 0;
    if (std::from_chars(first, last, value).ec != std::errc()) return false;
    values_.emplace_back(value);
    return true;
  }

  bool add_double(std::string_view number) {
    double value = 0;
    const auto [end, problem] =
        std::from_chars(number.data(), number.data() + number.size(), value);
    if (problem == std::errc::result_out_of_range) {
      // from_chars does not say which end of the range was left. Too small is zero, as in Python.
      if (!below_one(number)) return false;
      value = number.front() == '-' ? -0.0 : 0.0;
    }
    if (!std::isfinite(value)) return false;
    values_.emplace_back(value);
    return true;
  }

  /// Says whether a number that left double range left it towards zero. The exponent alone decides
  /// unless it is written against hundreds of digits, so digits count too.
  static bool below_one(std::string_view number) {
    const std::size_t mark = number.find_first_of("eE");
    const std::string_view digits = number.substr(0, mark);
    std::int64_t exponent = 0;
    if (mark != std::string_view::npos) {
      std::string_view written = number.substr(mark + 1);
      const bool negative = written.front() == '-';
      if (negative || written.front() == '+') written.remove_prefix(1);
      const auto parsed =
          std::from_chars(written.data(), written.data() + written.size(), exponent);
      if (parsed.ec != std::errc()) return negative;
      if (negative) exponent = -exponent;
    }
    const std::size_t point = std::min(digits.find('.'), digits.size());
    const std::size_t first = digits.find_first_of("123456789");
    return static_cast<std::int64_t>(point) - static_cast<std::int64_t>(first) + exponent < 0;
  }

  std::string_view text_;
  JsonLimits limits_;
  std::size_t at_ = 0;
  std::size_t nodes_ = 0;
  std::vector<Frame> frames_;
  std::vector<Json> values_;
  std::vector<std::string> keys_;
  bool unique_;
  std::vector<std::size_t> key_places_;      // of keys_, where they must be unique
  std::optional<std::size_t> repeated_key_;  // of keys_, in the object that was made last
  Error failure_;
};

/// Appends a finite number as Python's repr does: shortest digits, always a point or an exponent.
template <typename Float>
void append_number(Float value, std::string& out) {
  std::array<char, 40> buffer;
  const auto written = std::to_chars(
      buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific);
  std::string_view text(buffer.data(), static_cast<std::size_t>(written.ptr - buffer.data()));
  if (text.front() == '-') {
    out += '-';
    text.remove_prefix(1);
  }
  const std::size_t mark = text.find('e');
  int exponent = 0;
  const bool small = text[mark + 1] == '-';
  std::from_chars(text.data() + mark + 2, text.data() + text.size(), exponent);
  if (small) exponent = -exponent;
  if (exponent < -4 || exponent >= 16) {
    out.append(text);
    return;
  }
  std::array<char, 40> digits;
  std::size_t count = 0;
  for (const char c : text.substr(0, mark)) {
    if (c != '.') digits[count++] = c;
  }
  const std::string_view all(digits.data(), count);
  if (exponent < 0) {
    out.append("0.").append(static_cast<std::size_t>(-exponent - 1), '0').append(all);
    return;
  }
  const std::size_t whole = static_cast<std::size_t>(exponent) + 1;
  if (whole >= count) {
    out.append(all).append(whole - count, '0').append(".0");
    return;
  }
  out.append(all.substr(0, whole)).append(1, '.').append(all.substr(whole));
}

template <typename Integer>
void append_integer(Integer value, std::string& out) {
  std::array<char, 24> buffer;
  const auto written = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  out.append(buffer.data(), static_cast<std::size_t>(written.ptr - buffer.data()));
}

void append_escape(char c, std::string& out) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    default: {
      constexpr std::string_view kHex = "0123456789abcdef";
      const auto byte = static_cast<std::uint8_t>(c);
      out += "\\u00";
      out += kHex[byte >> 4U];
      out += kHex[byte & 0x0FU];
    }
  }
}

Result<void> append_string(std::string_view text, std::string& out) {
  if (const auto bad = invalid_utf8_at(text)) {
    return error(Errc::invalid_input,
                 "BAD_UTF8",
                 fmt::format("a text to be written is not UTF-8: byte {}", *bad));
  }
  out += '"';
  std::size_t at = 0;
  while (true) {
    const std::size_t end = plain_run_end(text, at);
    out.append(text, at, end - at);
    if (end >= text.size()) break;
    append_escape(text[end], out);
    at = end + 1;
  }
  out += '"';
  return {};
}

template <typename Float>
Result<void> append_finite(Float value, std::string& out) {
  if (!std::isfinite(value)) {
    return error(Errc::invalid_input, "NONFINITE", "a number to be written is NaN or infinite");
  }
  append_number(value, out);
  return {};
}

Result<void> append_floats(const Json& value, std::string& out) {
  const auto& binary = value.get_binary();
  if (!binary.has_subtype() || binary.subtype() != kFloatVector) {
    return error(
        Errc::invalid_input,
        "BINARY",
        fmt::format("a binary value of {} bytes cannot be written as JSON; take it out first",
                    binary.size()));
  }
  out += '[';
  bool first = true;
  for (const float number : float_vector_view(value)) {
    if (!first) out += ',';
    first = false;
    if (auto written = append_finite(number, out); !written) return written;
  }
  out += ']';
  return {};
}

Result<void> append_value(const Json& value, std::string& out, std::size_t depth);

Result<void> append_array(const Json& value, std::string& out, std::size_t depth) {
  out += '[';
  bool first = true;
  for (const Json& item : value) {
    if (!first) out += ',';
    first = false;
    if (auto written = append_value(item, out, depth); !written) return written;
  }
  out += ']';
  return {};
}

Result<void> append_object(const Json& value, std::string& out, std::size_t depth) {
  out += '{';
  bool first = true;
  for (const auto& [key, member] : value.get_ref<const Json::object_t&>()) {
    if (!first) out += ',';
    first = false;
    if (auto written = append_string(key, out); !written) return written;
    out += ':';
    if (auto written = append_value(member, out, depth); !written) return written;
  }
  out += '}';
  return {};
}

Result<void> append_value(const Json& value, std::string& out, std::size_t depth) {
  if (depth >= kMaxWriteDepth) {
    return error(Errc::invalid_input,
                 "TOO_DEEP",
                 fmt::format("nested too deeply to be written: the limit is {}", kMaxWriteDepth));
  }
  switch (value.type()) {
    case Json::value_t::object:
      return append_object(value, out, depth + 1);
    case Json::value_t::array:
      return append_array(value, out, depth + 1);
    case Json::value_t::string:
      return append_string(value.get_ref<const std::string&>(), out);
    case Json::value_t::boolean:
      out += value.get<bool>() ? "true" : "false";
      return {};
    case Json::value_t::number_integer:
      append_integer(value.get<std::int64_t>(), out);
      return {};
    case Json::value_t::number_unsigned:
      append_integer(value.get<std::uint64_t>(), out);
      return {};
    case Json::value_t::number_float:
      return append_finite(value.get<double>(), out);
    case Json::value_t::binary:
      return append_floats(value, out);
    case Json::value_t::null:
    case Json::value_t::discarded:
      break;
  }
  out += "null";
  return {};
}

}  // namespace

JsonLimits JsonLimits::record() {
  return {
      .max_bytes = kMaxRecordValueBytes, .max_depth = kMaxJsonDepth, .max_nodes = kMaxJsonNodes};
}

JsonLimits JsonLimits::model_file() {
  constexpr std::size_t kNodesOfLargestVocabulary = 10'000'000;
  return {.max_bytes = kMaxTokenizerJsonBytes,
          .max_depth = kMaxJsonDepth,
          .max_nodes = kNodesOfLargestVocabulary};
}

Result<Json> parse_json(std::string_view text, const JsonLimits& limits, RepeatedKeys repeated) {
  if (text.size() > limits.max_bytes) {
    return error(
        Errc::invalid_input,
        "TOO_LARGE",
        fmt::format(
            "too many bytes: expected at most {}, found {}", limits.max_bytes, text.size()));
  }
  if (const auto bad = invalid_utf8_at(text)) {
    return error(Errc::invalid_input, "BAD_UTF8", fmt::format("not UTF-8: byte {}", *bad));
  }
  return Parser(text, limits, repeated).run();
}

Result<void> write_json(const Json& document, std::string& out) {
  return append_value(document, out, 0);
}

std::string to_text(const Json& document) {
  std::string out;
  const auto written = write_json(document, out);
  if (!written) throw Bug("a document of our own cannot be written: " + written.error().text());
  return out;
}

Json float_vector(std::span<const float> values) {
  std::vector<std::uint8_t> bytes(values.size_bytes());
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return Json::binary(std::move(bytes), kFloatVector);
}

std::span<const float> float_vector_view(const Json& value) {
  if (!value.is_binary()) return {};
  const auto& binary = value.get_binary();
  if (!binary.has_subtype() || binary.subtype() != kFloatVector) return {};
  // Heap memory is aligned for any scalar, and float_vector() alone writes it.
  return {reinterpret_cast<const float*>(binary.data()), binary.size() / sizeof(float)};
}

Document::Document() = default;

Document::Document(Json json) : json_(std::make_unique<Json>(std::move(json))) {}

Document::Document(Document&& other) noexcept = default;

Document& Document::operator=(Document&& other) noexcept = default;

Document::~Document() = default;

Document Document::clone() const { return json_ == nullptr ? Document() : Document(*json_); }

}  // namespace millrace::config
