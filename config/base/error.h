#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::config {

/// The kind of a failure. What follows from it is decided in one place, disposition().
enum class Errc : std::uint8_t {
  invalid_input,       // a record or a file that is not what it should be
  unsupported,         // understood, and not something we do
  not_found,           // a topic, file or tensor that should exist
  resource_exhausted,  // memory or a limit
  unavailable,         // the outside is away for now
  denied,              // the outside says no: ACL, TLS, password
  fenced,              // a twin holds our identity
  guarantee_broken,    // a promise can no longer be kept
  device_lost,         // the accelerator is gone
  local_io,            // disk full, short write
  cancelled,           // asked to stop
  internal,            // our bug
};

/// What the worker does about a failure of a kind.
enum class Disposition : std::uint8_t { dead_letter, split, retry, stop };

Disposition disposition(Errc kind);

/// Returns the snake_case name of a kind, as metrics and dead letters carry it.
std::string_view name(Errc kind);

/// What went wrong, of which kind, with a stable code.
///
/// `code` is one of the table in error.cc (`BAD_JSON`, `WEIGHT_SHAPE`, …). `message` is one line:
/// what, where, expected against found, what to do next; no payload, no secret, no address.
struct Error {
  Errc kind = Errc::internal;
  std::string code;
  std::string message;

  /// Returns "CODE message", cut to 512 bytes on a code point border, control and bidi characters
  /// escaped.
  std::string text() const;
};

/// Makes an error. The code must be a row of the table in error.cc (an architecture test reads the
/// tree and checks it).
Error error(Errc kind, std::string_view code, std::string message);

/// Returns the one-sentence explanation of a code, empty for an unknown one.
std::string_view explain_code(std::string_view code);

/// Makes text from outside printable on one line: control and bidi characters are escaped, at most
/// `max_bytes` kept.
std::string escape_line(std::string_view text, std::size_t max_bytes = 512);

}  // namespace millrace::config

namespace millrace {
using config::Errc;
using config::Error;
using config::error;
}  // namespace millrace
