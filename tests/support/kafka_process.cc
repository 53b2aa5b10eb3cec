#include "tests/support/kafka_process.h"

#include "tests/support/http_get.h"
#include "tests/support/kafka_client.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include <fcntl.h>
#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace millrace::tests {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kLogTail = 3000;

/// Starts a program with its output appended to a file.
pid_t spawn(const std::vector<std::string>& words, const std::filesystem::path& log) {
  std::vector<std::string> copy = words;
  std::vector<char*> argv;
  for (std::string& word : copy) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t pid = -1;
  const int failed = posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) throw std::runtime_error("cannot start " + words[0]);
  return pid;
}

/// Runs a program to its end; throws with its output if it fails.
void run(const std::vector<std::string>& words, const std::filesystem::path& log) {
  const pid_t pid = spawn(words, log);
  int status = 0;
  if (waitpid(pid, &status, 0) != pid || status != 0) {
    throw std::runtime_error(words[0] + " failed:\n" + read_file(log));
  }
}

std::string class_path() {
  const std::string libs = environment("MILLRACE_KAFKA_LIBS");
  if (libs.empty())
    throw std::runtime_error(
        "MILLRACE_KAFKA_LIBS is not set: source the env file of deploy/install.sh");
  return libs + "/*";
}

struct Destroy {
  void operator()(rd_kafka_t* handle) const { rd_kafka_destroy(handle); }

  void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }

  void operator()(rd_kafka_event_t* event) const { rd_kafka_event_destroy(event); }

  void operator()(rd_kafka_NewTopic_t* topic) const { rd_kafka_NewTopic_destroy(topic); }

  void operator()(rd_kafka_DeleteTopic_t* topic) const { rd_kafka_DeleteTopic_destroy(topic); }
};

std::unique_ptr<rd_kafka_t, Destroy> make_client(const std::string& bootstrap) {
  char reason[512];
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap.c_str(), reason, sizeof reason);
  rd_kafka_conf_set(conf, "reconnect.backoff.max.ms", "100", reason, sizeof reason);
  rd_kafka_conf_set_log_cb(conf, [](const rd_kafka_t*, int, const char*, const char*) {});
  rd_kafka_t* handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof reason);
  if (handle == nullptr) throw std::runtime_error(reason);
  return std::unique_ptr<rd_kafka_t, Destroy>(handle);
}

}  // namespace

std::unique_ptr<KafkaProcess> KafkaProcess::start(const KafkaOptions& options) {
  std::unique_ptr<KafkaProcess> kafka(new KafkaProcess(options));
  kafka->launch();
  return kafka;
}

KafkaProcess::KafkaProcess(const KafkaOptions& options)
    : options_(options),
      port_(free_port()),
      secured_port_(free_port()),
      controller_port_(free_port()) {
  if (!options_.user.empty()) make_certificates();
  write_properties();
  format();
}

KafkaProcess::~KafkaProcess() { end(SIGKILL); }

std::string KafkaProcess::bootstrap() const { return fmt::format("127.0.0.1:{}", port_); }

std::string KafkaProcess::secured_bootstrap() const {
  return fmt::format("127.0.0.1:{}", secured_port_);
}

std::string KafkaProcess::ca_file() const { return (folder_.path() / "ca.pem").string(); }

void KafkaProcess::make_certificates() {
  const auto file = [this](const char* name) { return (folder_.path() / name).string(); };
  const auto log = folder_.path() / "openssl.log";
  write_file(file("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
  run({"openssl",
       "req",
       "-x509",
       "-newkey",
       "rsa:2048",
       "-nodes",
       "-days",
       "2",
       "-subj",
       "/CN=test authority",
       "-keyout",
       file("ca.key"),
       "-out",
       file("ca.pem")},
      log);
  run({"openssl",
       "req",
       "-newkey",
       "rsa:2048",
       "-nodes",
       "-subj",
       "/CN=localhost",
       "-keyout",
       file("server.key"),
       "-out",
       file("server.csr")},
      log);
  run({"openssl",
       "x509",
       "-req",
       "-in",
       file("server.csr"),
       "-CA",
       file("ca.pem"),
       "-CAkey",
       file("ca.key"),
       "-CAcreateserial",
       "-days",
       "2",
       "-extfile",
       file("names"),
       "-out",
       file("server.pem")},
      log);
  write_file(file("keystore.pem"), read_file(file("server.key")) + read_file(file("server.pem")));
}

void KafkaProcess::write_properties() {
  const bool secured = !options_.user.empty();
  const std::string listeners =
      fmt::format("PLAINTEXT://127.0.0.1:{}{}",
                  port_,
                  secured ? fmt::format(",SASL://127.0.0.1:{}", secured_port_) : "");
  std::string text = fmt::format(
      "process.roles=broker,controller\n"
      "node.id=1\n"
      "controller.quorum.voters=1@127.0.0.1:{0}\n"
      "controller.listener.names=CONTROLLER\n"
      "listeners={1},CONTROLLER://127.0.0.1:{0}\n"
      "advertised.listeners={1}\n"
      "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL:SASL_SSL\n"
      "inter.broker.listener.name=PLAINTEXT\n"
      "offsets.topic.replication.factor=1\n"
      "offsets.topic.num.partitions=4\n"
      "transaction.state.log.replication.factor=1\n"
      "transaction.state.log.min.isr=1\n"
      "transaction.state.log.num.partitions=4\n"
      "group.initial.rebalance.delay.ms=0\n"
      "group.min.session.timeout.ms=500\n"
      "broker.session.timeout.ms=2000\n"
      "broker.heartbeat.interval.ms=500\n"
      "auto.create.topics.enable=false\n"
      "num.network.threads=2\n"
      "num.io.threads=2\n"
      "log.cleaner.dedupe.buffer.size=4194304\n"
      "log.index.size.max.bytes=1048576\n"
      "log.segment.bytes={2}\n"
      "log.dirs={3}/data\n",
      controller_port_,
      listeners,
      options_.for_benchmarks ? 268435456 : 16777216,
      folder_.path().string());
  if (secured) {
    text += fmt::format(
        "ssl.keystore.type=PEM\n"
        "ssl.keystore.location={0}/keystore.pem\n"
        "ssl.truststore.type=PEM\n"
        "ssl.truststore.location={0}/ca.pem\n"
        "listener.name.sasl.sasl.enabled.mechanisms=SCRAM-SHA-512\n"
        "listener.name.sasl.scram-sha-512.sasl.jaas.config="
        "org.apache.kafka.common.security.scram.ScramLoginModule required;\n",
        folder_.path().string());
  }
  write_file(folder_.path() / "server.properties", text);
  write_file(folder_.path() / "log4j.properties",
             "log4j.rootLogger=WARN, out\n"
             "log4j.appender.out=org.apache.log4j.ConsoleAppender\n"
             "log4j.appender.out.layout=org.apache.log4j.PatternLayout\n"
             "log4j.appender.out.layout.ConversionPattern=%d %p %c %m%n\n");
}

void KafkaProcess::format() {
  // A fixed id: one that begins with a dash would be taken for a flag.
  std::vector<std::string> words = {
      "java",
      "-Xmx256m",
      "-XX:+UseSerialGC",
      "-XX:TieredStopAtLevel=1",
      "-cp",
      class_path(),
      fmt::format("-Dlog4j.configuration=file:{}/log4j.properties", folder_.path().string()),
      "kafka.tools.StorageTool",
      "format",
      "--cluster-id=MkU3OEVBNTcwNTJENDM2Qg",
      "-c",
      (folder_.path() / "server.properties").string()};
  if (!options_.user.empty()) {
    words.emplace_back("--add-scram");
    words.push_back(
        fmt::format("SCRAM-SHA-512=[name={},password={}]", options_.user, options_.password));
  }
  run(words, folder_.path() / "format.log");
}

void KafkaProcess::launch() {
  std::vector<std::string> words = {
      "java", fmt::format("-Xmx{}m", options_.heap_mib), fmt::format("-Xms{}m", options_.heap_mib)};
  if (!options_.for_benchmarks) {
    words.emplace_back("-XX:+UseSerialGC");
    words.emplace_back("-XX:TieredStopAtLevel=1");
  }
  words.insert(
      words.end(),
      {"-cp",
       class_path(),
       fmt::format("-Dlog4j.configuration=file:{}/log4j.properties", folder_.path().string()),
       "kafka.Kafka",
       (folder_.path() / "server.properties").string()});
  pid_ = spawn(words, folder_.path() / "kafka.log");
  const auto client = make_client(bootstrap());
  const bool answers = wait_until(60s, [&] {
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      return true;
    }
    const struct rd_kafka_metadata* metadata = nullptr;
    if (rd_kafka_metadata(client.get(), 0, nullptr, &metadata, 100) != RD_KAFKA_RESP_ERR_NO_ERROR)
      return false;
    const bool known = metadata->broker_cnt == 1;
    rd_kafka_metadata_destroy(metadata);
    return known;
  });
  if (!answers || pid_ < 0) throw std::runtime_error("Kafka did not start:\n" + log_tail());
}

void KafkaProcess::create_topic(const std::string& name, int partitions) {
  const auto client = make_client(bootstrap());
  const std::unique_ptr<rd_kafka_queue_t, Destroy> queue(rd_kafka_queue_new(client.get()));
  char reason[512];
  const std::unique_ptr<rd_kafka_NewTopic_t, Destroy> topic(
      rd_kafka_NewTopic_new(name.c_str(), partitions, 1, reason, sizeof reason));
  if (!topic) throw std::runtime_error(reason);
  rd_kafka_NewTopic_t* topics[] = {topic.get()};
  rd_kafka_CreateTopics(client.get(), topics, 1, nullptr, queue.get());
  const std::unique_ptr<rd_kafka_event_t, Destroy> event(rd_kafka_queue_poll(queue.get(), 30'000));
  if (!event || rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    throw std::runtime_error("topic " + name + " was not created");
  }
  std::size_t count = 0;
  const auto* result = rd_kafka_event_CreateTopics_result(event.get());
  const rd_kafka_topic_result_t** results = rd_kafka_CreateTopics_result_topics(result, &count);
  for (std::size_t i = 0; i < count; ++i) {
    if (rd_kafka_topic_result_error(results[i]) != RD_KAFKA_RESP_ERR_NO_ERROR) {
      throw std::runtime_error("topic " + name + ": " +
                               rd_kafka_topic_result_error_string(results[i]));
    }
  }
}

void KafkaProcess::delete_topic(const std::string& name) {
  const auto client = make_client(bootstrap());
  const std::unique_ptr<rd_kafka_queue_t, Destroy> queue(rd_kafka_queue_new(client.get()));
  const std::unique_ptr<rd_kafka_DeleteTopic_t, Destroy> topic(
      rd_kafka_DeleteTopic_new(name.c_str()));
  rd_kafka_DeleteTopic_t* topics[] = {topic.get()};
  rd_kafka_DeleteTopics(client.get(), topics, 1, nullptr, queue.get());
  const std::unique_ptr<rd_kafka_event_t, Destroy> event(rd_kafka_queue_poll(queue.get(), 30'000));
  if (!event || rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR)
    throw std::runtime_error("topic " + name + " was not deleted");
}

void KafkaProcess::kill9() { end(SIGKILL); }

void KafkaProcess::terminate() { end(SIGTERM); }

void KafkaProcess::restart() { launch(); }

void KafkaProcess::end(int signal) {
  if (pid_ < 0) return;
  kill(pid_, signal);
  const bool gone = wait_until(30s, [this] { return waitpid(pid_, nullptr, WNOHANG) == pid_; });
  if (!gone) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  pid_ = -1;
}

std::string KafkaProcess::log_tail() const {
  const std::string log = read_file(folder_.path() / "kafka.log");
  return log.substr(log.size() - std::min(log.size(), kLogTail));
}

}  // namespace millrace::tests
