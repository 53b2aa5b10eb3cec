#include "connectors/http/server.h"

#include <chrono>
#include <iterator>
#include <list>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>  // Asio 1.74 needs it first

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <fmt/format.h>

namespace millrace::connectors {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

constexpr std::size_t kMaxBufferBytes = 16 * 1024;
constexpr std::ptrdiff_t kMaxHeaders = 64;
/// How long to leave the door shut when the system has no descriptors left.
constexpr std::chrono::milliseconds kAcceptPause{100};

class Session;

/// What the connections have in common; touched by the server's thread only.
struct Shared {
  HttpOptions options;
  std::map<std::string, HttpHandler> routes;
  std::size_t connections = 0;
  /// Those that wait for a request, the longest first.
  std::list<Session*> waiting;
};

using Request = http::request<http::empty_body>;
using Response = http::response<http::string_body>;

Response answer(unsigned version, int status, std::string type, std::string body) {
  Response response(static_cast<http::status>(status), version);
  response.set(http::field::server, "millrace");
  response.set(http::field::content_type, type);
  response.set(http::field::cache_control, "no-store");
  response.set("X-Content-Type-Options", "nosniff");
  response.set("X-Frame-Options", "DENY");
  response.set("Content-Security-Policy",
               "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action "
               "'none'; frame-ancestors 'none'");
  response.body() = std::move(body);
  return response;
}

/// Whether an answer says that the request was not one to trust, so that no other is read.
bool is_refusal(unsigned status) { return status == 400 || status == 421 || status == 431; }

/// Returns a Host header without its port.
std::string_view name_of_host(std::string_view host) {
  const std::size_t end = host.starts_with('[') ? host.find(']') : host.find(':');
  if (end == std::string_view::npos) return host;
  return host.substr(0, host.starts_with('[') ? end + 1 : end);
}

/// Says what is wrong with the Host of a request: a status, 0 for nothing.
///
/// A page of somebody else may point a name of its own at 127.0.0.1 and have the visitor's browser
/// ask us (DNS rebinding); the browser then names that host. Who asks under HTTP/1.0 without a Host
/// is no browser. An exposed server is asked under names that it does not know.
int host_problem(const Request& request, const HttpOptions& options) {
  const auto hosts = request.count(http::field::host);
  if (hosts > 1 || (hosts == 0 && request.version() >= 11)) return 400;
  if (hosts == 0 || options.expose) return 0;
  const beast::string_view value = request[http::field::host];
  const std::string_view name = name_of_host({value.data(), value.size()});
  const bool ours = beast::iequals({name.data(), name.size()}, "localhost") ||
                    name == "127.0.0.1" || name == "[::1]" || name == options.bind;
  return ours ? 0 : 421;
}

/// One connection: reads a request, answers, reads the next one. It lives as long as a callback of
/// it is waiting.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, std::shared_ptr<Shared> shared)
      : stream_(std::move(socket)), shared_(std::move(shared)) {
    ++shared_->connections;
  }

  ~Session() {
    stop_waiting();
    --shared_->connections;
  }

  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Gives the connection up.
  void close() {
    stop_waiting();
    stream_.close();
  }

  void read() {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(shared_->options.max_header_bytes));
    parser_->body_limit(0);
    stream_.expires_after(shared_->options.timeout);
    shared_->waiting.push_back(this);
    waiting_ = std::prev(shared_->waiting.end());
    http::async_read(stream_,
                     buffer_,
                     *parser_,
                     [self = shared_from_this()](beast::error_code failed, std::size_t) {
                       self->was_read(failed);
                     });
  }

 private:
  void stop_waiting() {
    if (waiting_) shared_->waiting.erase(*waiting_);
    waiting_.reset();
  }

  void was_read(beast::error_code failed) {
    stop_waiting();
    if (failed == http::error::header_limit || failed == http::error::buffer_overflow) {
      write(answer(11, 431, "text/plain", "the header is too long\n"), true);
    } else if (failed == http::error::body_limit) {
      write(answer(11, 413, "text/plain", "no request here has a body\n"), true);
    } else if (failed &&
               failed.category() == http::make_error_code(http::error::bad_target).category() &&
               failed != http::error::end_of_stream && failed != http::error::partial_message) {
      write(answer(11, 400, "text/plain", "not an HTTP request\n"), true);
    } else if (!failed) {
      respond(parser_->get());
    }
    // Anything else has closed the connection, or let it time out: nobody is there to be answered.
  }

  Response respond_to(const Request& request) const {
    const unsigned version = request.version();
    if (std::distance(request.begin(), request.end()) > kMaxHeaders)
      return answer(version, 431, "text/plain", "there are too many headers\n");
    if (const int problem = host_problem(request, shared_->options); problem != 0) {
      return answer(
          version, problem, "text/plain", "expected one Host header that names this machine\n");
    }
    if (request.method() != http::verb::get && request.method() != http::verb::head) {
      Response response = answer(version, 405, "text/plain", "only GET and HEAD are answered\n");
      response.set(http::field::allow, "GET, HEAD");
      return response;
    }
    const std::string_view target(request.target().data(), request.target().size());
    const std::string path(target.substr(0, target.find('?')));
    const auto route = shared_->routes.find(path);
    if (route == shared_->routes.end()) {
      std::string known;
      for (const auto& [name, handler] : shared_->routes) known += name + "\n";
      return answer(version, 404, "text/plain", "there is:\n" + known);
    }
    HttpResponse made = route->second(HttpRequest{path});
    return answer(version, made.status, std::move(made.content_type), std::move(made.body));
  }

  void respond(const Request& request) {
    Response response = respond_to(request);
    const bool last = !request.keep_alive() || is_refusal(response.result_int());
    response.keep_alive(!last);
    const std::size_t size = response.body().size();
    if (request.method() == http::verb::head) response.body().clear();
    response.content_length(size);
    write(std::move(response), last, false);
  }

  void write(Response response, bool last, bool prepare = true) {
    response_ = std::move(response);
    if (prepare) {
      response_.keep_alive(false);
      response_.prepare_payload();
    }
    stream_.expires_after(shared_->options.timeout);
    http::async_write(stream_,
                      response_,
                      [self = shared_from_this(), last](beast::error_code failed, std::size_t) {
                        if (failed) return;
                        if (!last) return self->read();
                        beast::error_code ignored;
                        self->stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
                      });
  }

  beast::tcp_stream stream_;
  std::shared_ptr<Shared> shared_;
  beast::flat_buffer buffer_{kMaxBufferBytes};
  std::optional<http::request_parser<http::empty_body>> parser_;
  Response response_;
  std::optional<std::list<Session*>::iterator> waiting_;  // our place, while we wait for a request
};

class BeastServer final : public HttpServer {
 public:
  BeastServer(const HttpOptions& options, std::map<std::string, HttpHandler> routes)
      : shared_(std::make_shared<Shared>(Shared{options, std::move(routes)})),
        acceptor_(context_),
        pause_(context_) {}

  ~BeastServer() override {
    context_.stop();
    if (thread_.joinable()) thread_.join();
  }

  BeastServer(const BeastServer&) = delete;
  BeastServer& operator=(const BeastServer&) = delete;

  Result<void> listen() {
    const HttpOptions& options = shared_->options;
    beast::error_code failed;
    const auto address = asio::ip::make_address(options.bind, failed);
    if (failed) {
      return error(Errc::invalid_input,
                   "BAD_VALUE",
                   fmt::format("http.bind: expected an IP address, found '{}'", options.bind));
    }
    if (!address.is_loopback() && !options.expose) {
      return error(Errc::invalid_input,
                   "EXPOSED",
                   fmt::format("http.bind: {} can be reached by others and the page has no "
                               "password; bind 127.0.0.1, or say "
                               "`expose: true`",
                               options.bind));
    }
    const tcp::endpoint endpoint(address, options.port);
    acceptor_.open(endpoint.protocol(), failed);
    if (!failed) acceptor_.set_option(tcp::acceptor::reuse_address(true), failed);
    if (!failed) acceptor_.bind(endpoint, failed);
    if (!failed) acceptor_.listen(asio::socket_base::max_listen_connections, failed);
    if (!failed) port_ = acceptor_.local_endpoint(failed).port();
    if (failed) {
      return error(Errc::local_io,
                   "NOT_BOUND",
                   fmt::format("http: {}:{} cannot be bound: {}; choose another port, or 0",
                               options.bind,
                               options.port,
                               failed.message()));
    }
    accept();
    thread_ = std::thread([this] { context_.run(); });
    return {};
  }

  std::uint16_t port() const override { return port_; }

 private:
  void accept() {
    acceptor_.async_accept([this](beast::error_code failed, tcp::socket socket) {
      if (failed == asio::error::operation_aborted) return;
      if (failed) return accept_later();
      if (has_room()) std::make_shared<Session>(std::move(socket), shared_)->read();
      accept();
    });
  }

  /// Trying again at once would only burn the processor.
  void accept_later() {
    pause_.expires_after(kAcceptPause);
    pause_.async_wait([this](beast::error_code failed) {
      if (!failed) accept();
    });
  }

  /// Makes room for a connection: whoever has kept us waiting longest has to go, so that a crowd
  /// that says nothing cannot keep a question out.
  bool has_room() {
    if (shared_->connections < shared_->options.max_connections) return true;
    if (shared_->waiting.empty()) return false;
    shared_->waiting.front()->close();
    return true;
  }

  std::shared_ptr<Shared> shared_;
  asio::io_context context_{1};
  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::start(const HttpOptions& options,
                                                      std::map<std::string, HttpHandler> routes) {
  auto server = std::make_unique<BeastServer>(options, std::move(routes));
  if (auto listening = server->listen(); !listening) return std::move(listening).error();
  return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace millrace::connectors
