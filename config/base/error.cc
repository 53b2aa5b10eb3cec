#include "config/base/error.h"

#include "config/base/limits.h"
#include "config/base/utf8.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace millrace::config {
namespace {

struct Code {
  std::string_view code;
  std::string_view sentence;
};

/// The one table of codes: dead letters, metrics and logs carry them. One line each; the order here
/// is free.
constexpr auto kRows = std::to_array<Code>({
    {"BAD_WEIGHTS", "A safetensors file is damaged or contradicts itself."},
    {"UNSUPPORTED_DTYPE", "A tensor is stored in a form that Millrace does not read."},
    {"NO_WEIGHTS", "The model folder holds no safetensors weights."},
    {"BAD_DEVICE", "The text names no device."},
    {"UNSUPPORTED_DEVICE", "Millrace does not run on this kind of accelerator."},
    {"NO_DEVICE", "The device that is asked for is not there."},
    {"BAD_DTYPE", "The text names no dtype that a model can run in."},
    {"WEIGHT_MISSING", "The weights lack a tensor that the model needs."},
    {"WEIGHT_NONFINITE", "A weight holds NaN or infinity, and strict weights are asked for."},
    {"WEIGHT_SHAPE", "A weight does not have the shape that the configuration says."},
    {"WEIGHT_DTYPE", "A weight is not stored as floating point numbers."},
    {"BAD_MODEL_CONFIG", "The model's config.json lacks a value or contradicts itself."},
    {"UNSUPPORTED_MODEL", "The model asks for something that its architecture does not do here."},
    {"BAD_PATTERN", "The pattern of a condition cannot be read."},
    {"FILE_EXISTS", "The file to be written is there already."},
    {"HEAD_MISMATCH", "The head of the weights gives other scores than the configuration names."},
    {"KAFKA_DENIED", "The Kafka cluster refuses us: password, certificate or ACL."},
    {"KAFKA_FAILED", "The Kafka library or a broker failed in a way that nobody expects."},
    {"KAFKA_FENCED", "Another member of the group, or another producer, holds our identity."},
    {"KAFKA_REFUSED", "A broker does not take the record."},
    {"KAFKA_UNREACHABLE", "No broker answers, or the one in charge is moving."},
    {"METADATA_TOO_LARGE", "The metadata of a position is larger than a broker keeps."},
    {"NO_FIELD", "The record has nothing where the stage reads."},
    {"NO_HEAD", "The task needs a head, and the weights hold none of its kind."},
    {"NO_MODEL", "The checkpoint folder is missing or is none."},
    {"OFFSET_OUT_OF_RANGE", "The committed position is outside of what the log holds."},
    {"TOO_BIG_FOR_MEMORY", "The row does not fit into memory, even alone."},
    {"TOO_LONG", "The text has more tokens than the model takes."},
    {"TOPIC_MISSING", "The topic does not exist."},
    {"UNKNOWN_TASK", "No task of that name can be run."},
    {"VOCABULARY_MISMATCH", "Tokenizer and model of one folder do not belong together."},
    {"BUG", "An invariant of ours was broken; the worker stops rather than guess."},
    {"KAFKA_VERSION", "This librdkafka is known to break a promise; another version is needed."},
    {"BAD_KAFKA_OPTION", "librdkafka refuses an option, or it is one that Millrace must own."},
    {"BAD_PARAMETER", "A parameter of a pipeline has the wrong type or value."},
    {"NOT_DRAINED",
     "The records in flight did not finish within the drain timeout; they are done again after the "
     "restart."},
    {"STOPPED_BY_ERRORS", "A stage is told to stop the worker when a record fails, and one did."},
    {"UNKNOWN_PARAMETER", "A pipeline has no parameter of this name."},
    {"BAD_INPUT", "The value is not what the task takes."},
    {"TOO_MANY_TEXTS", "One record holds more texts than its limit allows."},
    {"BAD_COMPLETION_MAP", "The completion map of a committed offset is damaged or not ours."},
    {"DEAD_LETTER_REFUSED", "The sink of the dead letters does not take a dead letter."},
    {"LOST_TOKEN", "A record was forgotten before anybody said how it ended."},
    {"NEWER_COMPLETION_MAP", "The completion map was written by a later version."},
    {"NOT_A_DEAD_LETTER", "The record does not end with the headers of a dead letter."},
    {"VALUE_OMITTED", "The dead letter was written without the value of its record."},
    {"ARCHIVE_CHANGED", "The file changed while it was being read."},
    {"BAD_ARCHIVE", "The archive is damaged or ends too early."},
    {"EXPOSED", "The status page would answer the network without a password."},
    {"LINE_TOO_LONG", "A line of the input is longer than a record may be."},
    {"NEWLINE_IN_VALUE", "The value holds a line break and cannot be one line of a file."},
    {"NOT_BOUND", "The address of the status page cannot be listened on."},
    {"NULL_VALUE", "The record has no value."},
    {"PIPE_CLOSED", "The reader of standard output has gone."},
    {"READ_FAILED", "The operating system could not read."},
    {"WRITE_FAILED", "The operating system could not write."},
    {"NO_FILE", "There is no such file."},
    {"BAD_TOKENIZER", "A tokenizer file is damaged or contradicts itself."},
    {"BAD_TRUNCATION", "The text cannot be cut as asked."},
    {"UNSUPPORTED_TOKENIZER", "The tokenizer is of a kind that Millrace does not run."},
    {"BAD_VALUE", "The value is not what the option takes."},
    {"BAD_QUANTITY", "The text is not a quantity with a known unit."},
    {"BAD_FILE", "The file cannot be read as it is."},
    {"BAD_JSON", "The text is not one RFC 8259 document."},
    {"BAD_POINTER", "The text is not a JSON Pointer."},
    {"BAD_ROW", "The row does not fit the model."},
    {"DUPLICATE_KEY", "A key stands twice in one object of the document."},
    {"BAD_UTF8", "The bytes are not valid UTF-8."},
    {"UNKNOWN_TEXT", "A tokenizer without an unknown token has no piece for a character."},
    {"BAD_WRITE", "The document has no place where the pointer leads."},
    {"BINARY", "A binary value cannot be written as JSON."},
    {"DEVICE_LOST", "The accelerator no longer answers."},
    {"FORWARD_FAILED", "The model failed on the batch."},
    {"NONFINITE", "A number is NaN or infinite, which JSON cannot say."},
    {"OUT_OF_MEMORY", "The batch did not fit into memory."},
    {"TOO_DEEP", "The document is nested deeper than the limit."},
    {"TOO_LARGE", "The value is larger than the limit."},
    {"TOO_MANY_NODES", "The document has more values than the limit."},
});

constexpr bool by_code(const Code& a, const Code& b) { return a.code < b.code; }

template <std::size_t size>
constexpr std::array<Code, size> sorted(std::array<Code, size> rows) {
  std::sort(rows.begin(), rows.end(), by_code);
  return rows;
}

constexpr auto kCodes = sorted(kRows);

constexpr bool has_duplicates() {
  return std::adjacent_find(kCodes.begin(), kCodes.end(), [](const Code& a, const Code& b) {
           return a.code == b.code;
         }) != kCodes.end();
}

static_assert(!has_duplicates(), "a code stands twice in the table");

/// Characters that could forge a line or turn its direction in a terminal or a browser.
bool must_escape(char32_t c) {
  const bool control = c < 0x20 || (c >= 0x7F && c < 0xA0);
  const bool line_end = c == 0x2028 || c == 0x2029;
  const bool bidi = c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) ||
                    (c >= 0x2066 && c <= 0x2069);
  return control || line_end || bidi;
}

std::string escaped(char32_t c) {
  switch (c) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return fmt::format("\\u{:04x}", static_cast<std::uint32_t>(c));
  }
}

}  // namespace

Disposition disposition(Errc kind) {
  switch (kind) {
    case Errc::invalid_input:
    case Errc::unsupported:
      return Disposition::dead_letter;
    case Errc::resource_exhausted:
      return Disposition::split;
    case Errc::unavailable:
      return Disposition::retry;
    case Errc::not_found:
    case Errc::denied:
    case Errc::fenced:
    case Errc::guarantee_broken:
    case Errc::device_lost:
    case Errc::local_io:
    case Errc::cancelled:
    case Errc::internal:
      break;
  }
  return Disposition::stop;
}

std::string_view name(Errc kind) {
  switch (kind) {
    case Errc::invalid_input:
      return "invalid_input";
    case Errc::unsupported:
      return "unsupported";
    case Errc::not_found:
      return "not_found";
    case Errc::resource_exhausted:
      return "resource_exhausted";
    case Errc::unavailable:
      return "unavailable";
    case Errc::denied:
      return "denied";
    case Errc::fenced:
      return "fenced";
    case Errc::guarantee_broken:
      return "guarantee_broken";
    case Errc::device_lost:
      return "device_lost";
    case Errc::local_io:
      return "local_io";
    case Errc::cancelled:
      return "cancelled";
    case Errc::internal:
      break;
  }
  return "internal";
}

std::string Error::text() const { return escape_line(code + " " + message, kMaxErrorBytes); }

Error error(Errc kind, std::string_view code, std::string message) {
  return Error{kind, std::string(code), std::move(message)};
}

std::string_view explain_code(std::string_view code) {
  const auto row = std::lower_bound(kCodes.begin(), kCodes.end(), Code{code, {}}, by_code);
  if (row == kCodes.end() || row->code != code) return {};
  return row->sentence;
}

std::string escape_line(std::string_view text, std::size_t max_bytes) {
  constexpr std::string_view kCut = "…";
  std::string out;
  std::size_t before_cut = 0;  // length of the last prefix that leaves room for the mark
  while (!text.empty()) {
    std::string piece;
    std::size_t length = 1;
    // A code point has at most four bytes, so looking at four decides this one and costs nothing on
    // long input.
    const std::string_view window = text.substr(0, 4);
    const std::size_t valid = invalid_utf8_at(window).value_or(window.size());
    if (valid == 0) {
      piece = fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front()));
    } else {
      const Decoded decoded = decode_utf8(window);
      length = decoded.length;
      piece = must_escape(decoded.code_point) ? escaped(decoded.code_point)
                                              : std::string(text.substr(0, length));
    }
    if (out.size() + piece.size() > max_bytes) {
      out.resize(before_cut);
      if (max_bytes >= kCut.size()) out += kCut;
      return out;
    }
    out += piece;
    if (out.size() + kCut.size() <= max_bytes) before_cut = out.size();
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace millrace::config
