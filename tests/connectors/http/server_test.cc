#include "connectors/http/server.h"

#include "tests/support/http_get.h"

#include <chrono>
#include <list>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace millrace::connectors {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// A connection that sends exactly the bytes it is given.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ =
        ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }

  ~RawClient() { ::close(socket_); }

  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return connected_; }

  bool send(std::string_view bytes) const {
    return ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }

  /// Returns what comes until the server closes or nothing more comes in time.
  std::string receive(milliseconds patience = 5s) const {
    std::string answer;
    while (wait_readable(patience)) {
      char buffer[4096];
      const ssize_t got = ::recv(socket_, buffer, sizeof buffer, 0);
      if (got <= 0) break;
      answer.append(buffer, static_cast<std::size_t>(got));
    }
    return answer;
  }

  /// Returns what comes up to the end of a first answer that has this body.
  std::string receive_until(std::string_view end, milliseconds patience = 5s) const {
    std::string answer;
    while (!answer.ends_with(end) && wait_readable(patience)) {
      char buffer[4096];
      const ssize_t got = ::recv(socket_, buffer, sizeof buffer, 0);
      if (got <= 0) break;
      answer.append(buffer, static_cast<std::size_t>(got));
    }
    return answer;
  }

  /// Whether the server closes the connection in time, whatever it says before.
  bool is_closed_within(milliseconds patience) const {
    const auto deadline = steady_clock::now() + patience;
    while (steady_clock::now() < deadline) {
      if (!wait_readable(std::chrono::ceil<milliseconds>(deadline - steady_clock::now()))) continue;
      char buffer[4096];
      if (::recv(socket_, buffer, sizeof buffer, 0) <= 0) return true;
    }
    return false;
  }

 private:
  bool wait_readable(milliseconds patience) const {
    pollfd ready{socket_, POLLIN, 0};
    return ::poll(&ready, 1, static_cast<int>(patience.count())) > 0;
  }

  int socket_;
  bool connected_ = false;
};

std::map<std::string, HttpHandler> routes() {
  return {{"/livez", [](const HttpRequest&) { return HttpResponse{.body = "alive\n"}; }},
          {"/readyz",
           [](const HttpRequest&) { return HttpResponse{.status = 503, .body = "starting\n"}; }},
          {"/page", [](const HttpRequest&) {
             return HttpResponse{.content_type = "text/html", .body = "<p>hello</p>"};
           }}};
}

std::unique_ptr<HttpServer> started(const HttpOptions& options = {}) {
  auto server = HttpServer::start(options, routes());
  EXPECT_TRUE(server) << server.error().text();
  return *std::move(server);
}

std::string ask(const HttpServer& server, const std::string& request) {
  const RawClient client(server.port());
  EXPECT_TRUE(client.send(request));
  return client.receive();
}

std::string get(const std::string& target,
                const std::string& host = "localhost",
                const std::string& more = "") {
  return "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n" + more +
         "\r\n";
}

TEST(HttpServer, answers_a_route) {
  const auto server = started();

  const std::string answer = ask(*server, get("/page?from=anywhere"));

  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(answer, HasSubstr("Content-Type: text/html\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 12\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\n\r\n<p>hello</p>"));
}

TEST(HttpServer, gives_the_status_of_the_handler) {
  const auto server = started();

  EXPECT_THAT(ask(*server, get("/readyz")), StartsWith("HTTP/1.1 503 "));
}

TEST(HttpServer, tells_browsers_to_be_careful) {
  const auto server = started();

  const std::string answer = ask(*server, get("/page"));

  EXPECT_THAT(answer, HasSubstr("X-Content-Type-Options: nosniff\r\n"));
  EXPECT_THAT(answer, HasSubstr("X-Frame-Options: DENY\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Security-Policy: default-src 'none';"));
  EXPECT_THAT(answer, Not(HasSubstr("Access-Control-Allow-Origin")));
}

TEST(HttpServer, answers_head_without_a_body) {
  const auto server = started();

  const std::string answer =
      ask(*server, "HEAD /page HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");

  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 12\r\n"));
  EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
}

TEST(HttpServer, answers_one_request_after_the_other_on_a_connection) {
  const auto server = started();
  const RawClient client(server->port());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(client.send("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    EXPECT_THAT(client.receive_until("alive\n"), StartsWith("HTTP/1.1 200 "));
  }
}

TEST(HttpServer, answers_requests_that_came_together) {
  const auto server = started();

  const std::string answer =
      ask(*server, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n" + get("/page"));

  EXPECT_THAT(answer, HasSubstr("alive\n"));
  EXPECT_THAT(answer, HasSubstr("<p>hello</p>"));
}

struct Case {
  std::string name;
  std::string request;
  std::string status;
};

void PrintTo(const Case& refused, std::ostream* out) { *out << refused.name; }

class HttpRefusal : public testing::TestWithParam<Case> {};

TEST_P(HttpRefusal, has_its_status_and_the_server_lives_on) {
  const auto server = started();

  const std::string answer = ask(*server, GetParam().request);

  EXPECT_THAT(answer, StartsWith("HTTP/1.1 " + GetParam().status + " "));
  EXPECT_THAT(ask(*server, get("/livez")), StartsWith("HTTP/1.1 200 "));
}

std::string many_headers(int count) {
  std::string headers;
  for (int i = 0; i < count; ++i) headers += "X: y\r\n";
  return headers;
}

std::string with_method(const std::string& method) {
  return method + " /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
}

INSTANTIATE_TEST_SUITE_P(
    EachAbuse,
    HttpRefusal,
    testing::Values(
        Case{"unknown_route", get("/"), "404"},
        Case{"traversal", get("/../../etc/passwd"), "404"},
        Case{"escaped_traversal", get("/%2e%2e/etc/passwd"), "404"},
        Case{"double_slash", get("//livez"), "404"},
        Case{"escaped_route", get("/%6civez"), "404"},
        Case{"route_with_a_slash", get("/livez/"), "404"},
        Case{"absolute_form", get("http://localhost/livez"), "404"},
        Case{"post", with_method("POST"), "405"},
        Case{"put", with_method("PUT"), "405"},
        Case{"delete_", with_method("DELETE"), "405"},
        Case{"options", with_method("OPTIONS"), "405"},
        Case{"trace", with_method("TRACE"), "405"},
        Case{"unknown_method", with_method("BREW"), "405"},
        Case{"long_header",
             get("/livez", "localhost", "X: " + std::string(9000, 'x') + "\r\n"),
             "431"},
        Case{
            "endless_header", get("/livez", "localhost", "X: " + std::string(100'000, 'x')), "431"},
        Case{"many_headers", get("/livez", "localhost", many_headers(100)), "431"},
        Case{"body", get("/livez", "localhost", "Content-Length: 5\r\n") + "hello", "413"},
        Case{"huge_body", get("/livez", "localhost", "Content-Length: 1000000000000\r\n"), "413"},
        Case{"negative_body", get("/livez", "localhost", "Content-Length: -1\r\n"), "400"},
        Case{"two_lengths",
             get("/livez", "localhost", "Content-Length: 1\r\nContent-Length: 2\r\n") + "x",
             "400"},
        Case{"length_and_chunks",
             get("/livez", "localhost", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n") +
                 "0\r\n\r\n",
             "400"},
        Case{"chunks",
             get("/livez", "localhost", "Transfer-Encoding: chunked\r\n") + "1\r\nx\r\n0\r\n\r\n",
             "413"},
        Case{"no_http", "hello\r\n\r\n", "400"},
        Case{"zero_byte", std::string("GET /li\0vez HTTP/1.1\r\n\r\n", 25), "400"},
        Case{"other_version", "GET /livez HTTP/3.0\r\nHost: localhost\r\n\r\n", "400"},
        Case{"no_host", "GET /livez HTTP/1.1\r\n\r\n", "400"},
        Case{"two_hosts", get("/livez", "localhost", "Host: other\r\n"), "400"},
        Case{"rebound_host", get("/livez", "evil.example"), "421"},
        Case{"rebound_host_with_port", get("/livez", "evil.example:8080"), "421"},
        Case{"host_that_begins_like_ours", get("/livez", "localhost.evil.example"), "421"}),
    [](const auto& instance) { return instance.param.name; });

TEST(HttpServer, knows_the_names_of_this_machine) {
  const auto server = started();
  for (const char* host :
       {"localhost", "LOCALHOST:80", "127.0.0.1", "127.0.0.1:9", "[::1]", "[::1]:8080"}) {
    EXPECT_THAT(ask(*server, get("/livez", host)), StartsWith("HTTP/1.1 200 ")) << host;
  }
}

TEST(HttpServer, answers_an_old_client_without_a_host) {
  const auto server = started();

  const std::string answer = ask(*server, "GET /livez HTTP/1.0\r\n\r\n");

  EXPECT_THAT(answer, StartsWith("HTTP/1.0 200 "));
}

TEST(HttpServer, takes_any_host_when_exposed) {
  const auto server = started({.bind = "0.0.0.0", .expose = true});

  EXPECT_THAT(ask(*server, get("/livez", "worker-0.example:8080")), StartsWith("HTTP/1.1 200 "));
}

TEST(HttpServer, is_exposed_only_when_told) {
  const auto server = HttpServer::start({.bind = "0.0.0.0"}, routes());

  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code, "EXPOSED");
}

TEST(HttpServer, says_which_port_is_taken) {
  const auto first = started();

  const auto second = HttpServer::start({.port = first->port()}, routes());

  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, "NOT_BOUND");
  EXPECT_EQ(second.error().kind, Errc::local_io);
  EXPECT_THAT(second.error().message, HasSubstr(std::to_string(first->port())));
}

TEST(HttpServer, refuses_an_address_that_is_none) {
  const auto server = HttpServer::start({.bind = "localhost:80"}, routes());

  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code, "BAD_VALUE");
}

TEST(HttpServer, closes_on_a_client_that_says_nothing) {
  const auto server = started({.timeout = 50ms});
  const RawClient client(server->port());

  EXPECT_TRUE(client.is_closed_within(10s));
}

TEST(HttpServer, does_not_wait_longer_for_a_header_that_comes_byte_by_byte) {
  const auto server = started({.timeout = 200ms});
  const RawClient client(server->port());
  const auto begin = steady_clock::now();
  ASSERT_TRUE(client.send("GET /livez HTTP/1.1\r\n"));

  // Something arrives all the time: only a deadline for the whole request ends this.
  bool closed = false;
  while (!closed && steady_clock::now() - begin < 10s) {
    closed = !client.send("a") || client.is_closed_within(10ms);
  }

  EXPECT_TRUE(closed);
  EXPECT_GE(steady_clock::now() - begin, 150ms);
}

TEST(HttpServer, a_crowd_that_says_nothing_keeps_no_question_out) {
  const auto server = started({.max_connections = 8, .timeout = 60s});
  std::list<RawClient> crowd;
  for (int i = 0; i < 100; ++i) {
    crowd.emplace_back(server->port());
    ASSERT_TRUE(crowd.back().connected());
  }

  EXPECT_THAT(ask(*server, get("/livez")), StartsWith("HTTP/1.1 200 "));
  // Whoever has been silent longest had to go.
  EXPECT_TRUE(crowd.front().is_closed_within(10s));
  EXPECT_FALSE(crowd.back().is_closed_within(50ms));
}

TEST(HttpServer, stops_while_clients_are_connected) {
  auto server = started({.timeout = 60s});
  const RawClient idle(server->port());
  const RawClient halfway(server->port());
  const RawClient served(server->port());
  ASSERT_TRUE(halfway.send("GET /li"));
  ASSERT_TRUE(served.send("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  ASSERT_THAT(served.receive_until("alive\n"), StartsWith("HTTP/1.1 200 "));
  const auto port = server->port();

  server.reset();

  EXPECT_TRUE(idle.is_closed_within(10s));
  EXPECT_TRUE(halfway.is_closed_within(10s));
  EXPECT_TRUE(served.is_closed_within(10s));
  EXPECT_FALSE(tests::http_get(port, "/livez"));
}

}  // namespace
}  // namespace millrace::connectors
