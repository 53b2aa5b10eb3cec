#pragma once

#include <optional>
#include <string>

namespace millrace::tests {

struct HttpAnswer {
  int status = 0;
  std::string body;
};

/// Asks a server on the loopback interface; nothing if there is none, or if it does not answer
/// within five seconds.
std::optional<HttpAnswer> http_get(int port, const std::string& path);

/// Returns a port of the loopback interface that nobody uses at the moment.
int free_port();

}  // namespace millrace::tests
