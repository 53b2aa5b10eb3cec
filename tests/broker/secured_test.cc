#include "tests/broker/scene.h"

#include <iostream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

namespace millrace {
namespace {

using namespace std::chrono_literals;
using tests::KafkaClient;
using tests::KafkaProcess;
using tests::Message;
using tests::WorkerProcess;

constexpr const char* kPassword = "correct horse battery staple";

/// The example of the manual on a broker with TLS and SCRAM-SHA-512.
class Secured : public testing::Test {
 protected:
  Secured() : kafka_(KafkaProcess::start({.user = "worker", .password = kPassword})) {
    for (const char* topic : {"reviews.raw", "reviews.scored", "reviews.dead"})
      kafka_->create_topic(topic, 2);
    // The example listens on port 8080, which may be taken here.
    std::string text = tests::read_file(tests::source_folder() + "/config/examples/secured.yaml");
    const std::string port = "port: 8080";
    const auto at = text.find(port);
    if (at == std::string::npos)
      throw std::runtime_error("config/examples/secured.yaml no longer says " + port);
    text.replace(at, port.size(), "port: " + std::to_string(tests::free_port()));
    tests::write_file(folder_.path() / "secured.yaml", text);
  }

  std::map<std::string, std::string> settings(const std::string& password) const {
    return {{"KAFKA_BROKERS", kafka_->secured_bootstrap()},
            {"KAFKA_PASSWORD", password},
            {"KAFKA_CA", kafka_->ca_file()},
            {"MILLRACE_SENTIMENT", tests::tiny_model()}};
  }

  std::unique_ptr<KafkaProcess> kafka_;
  tests::TemporaryFolder folder_;
};

TEST_F(Secured, works_over_tls_with_a_password_that_no_log_names) {
  KafkaClient client(kafka_->bootstrap());
  std::vector<Message> reviews;
  for (int i = 0; i < 200; ++i) {
    reviews.push_back({.key = "k", .value = R"({"text": "I loved it"})", .partition = i % 2});
  }
  reviews.push_back({.key = "k", .value = "{broken"});
  client.produce("reviews.raw", reviews);
  WorkerProcess worker({"run", (folder_.path() / "secured.yaml").string()},
                       settings(kPassword),
                       folder_.path() / "log");

  const bool done =
      tests::wait_until(60s, [&] { return client.lag("secured", "reviews.raw") == 0; });
  worker.signal(SIGTERM);

  EXPECT_EQ(worker.wait(30s), 0) << worker.log();
  ASSERT_TRUE(done) << worker.log();
  EXPECT_EQ(client.count("reviews.scored"), 200);
  EXPECT_EQ(client.count("reviews.dead"), 1);
  EXPECT_THAT(worker.log(), testing::Not(testing::HasSubstr(kPassword)));
  std::cout << "over TLS with SCRAM-SHA-512: 200 results, 1 dead letter\n";
}

TEST_F(Secured, a_wrong_password_ends_with_11) {
  WorkerProcess worker({"run", (folder_.path() / "secured.yaml").string()},
                       settings("wrong"),
                       folder_.path() / "log");

  EXPECT_EQ(worker.wait(60s), 11) << worker.log();
}

TEST_F(Secured, an_authority_that_did_not_sign_ends_with_11) {
  auto wrong = settings(kPassword);
  wrong["KAFKA_CA"] = "/etc/ssl/certs/ca-certificates.crt";
  WorkerProcess worker(
      {"run", (folder_.path() / "secured.yaml").string()}, wrong, folder_.path() / "log");

  EXPECT_EQ(worker.wait(60s), 11) << worker.log();
}

TEST_F(Secured, a_missing_topic_ends_with_3) {
  std::string text = tests::read_file(folder_.path() / "secured.yaml");
  text.replace(text.find("reviews.scored"), 14, "reviews.absent");
  tests::write_file(folder_.path() / "secured.yaml", text);

  WorkerProcess worker({"run", (folder_.path() / "secured.yaml").string()},
                       settings(kPassword),
                       folder_.path() / "log");

  EXPECT_EQ(worker.wait(60s), 3) << worker.log();
  EXPECT_THAT(worker.log(), testing::HasSubstr("reviews.absent"));
}

}  // namespace
}  // namespace millrace
