#pragma once

#include "config/base/result.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace millrace::connectors {

struct HttpOptions {
  std::string bind = "127.0.0.1";
  std::uint16_t port = 0;  // 0: the system chooses
  /// Allows an address that others can reach; there is no password.
  bool expose = false;
  std::size_t max_connections = 64;
  std::size_t max_header_bytes = 8 * 1024;
  std::chrono::milliseconds timeout{5000};  // for a request, and for its answer
};

struct HttpRequest {
  std::string path;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

/// A small HTTP/1.1 server for a status page: GET and HEAD of a few routes, no bodies, no state.
///
/// One thread of its own runs everything, the handlers included, so a handler must not wait. What
/// does not behave is refused or closed: a header that is too long or too slow, a body, a Host that
/// is not this machine (unless `expose`). When all connections are taken, the one that has been
/// silent longest makes room.
class HttpServer {
 public:
  /// Binds and serves until destroyed. Errors: EXPOSED (invalid_input) for an address beyond this
  /// machine without `expose`; NOT_BOUND (local_io) if it cannot be bound.
  static Result<std::unique_ptr<HttpServer>> start(const HttpOptions& options,
                                                   std::map<std::string, HttpHandler> routes);

  virtual ~HttpServer() = default;

  virtual std::uint16_t port() const = 0;
};

}  // namespace millrace::connectors
