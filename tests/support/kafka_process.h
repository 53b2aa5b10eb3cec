#pragma once

#include "tests/support/worker_process.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

namespace millrace::tests {

struct KafkaOptions {
  /// Adds a listener with TLS and SCRAM-SHA-512 for this user; empty: none.
  std::string user;
  std::string password;
  int heap_mib = 512;
  /// Both compilers of the JVM and its default collector: slower to start, faster when warm.
  bool for_benchmarks = false;
};

/// One Apache Kafka 3.9 broker in KRaft mode, a process of its own with a fresh folder, gone with
/// this object.
///
/// The jars are those of $MILLRACE_KAFKA_LIBS. Topics are not created by asking for them; a dead
/// member leaves its group after half a second at the earliest. Throws std::runtime_error with the
/// end of the broker's log when it does not start.
class KafkaProcess {
 public:
  /// Returns when the broker answers.
  static std::unique_ptr<KafkaProcess> start(const KafkaOptions& options);
  ~KafkaProcess();
  KafkaProcess(const KafkaProcess&) = delete;
  KafkaProcess& operator=(const KafkaProcess&) = delete;

  pid_t pid() const { return pid_; }

  /// Returns the listener without encryption.
  std::string bootstrap() const;

  /// Returns the listener with TLS and SCRAM.
  std::string secured_bootstrap() const;

  /// Returns the PEM file of the authority that signed the broker's certificate.
  std::string ca_file() const;

  void create_topic(const std::string& name, int partitions);
  void delete_topic(const std::string& name);

  /// Ends the broker as a power failure does, or politely. It stays down until restart().
  void kill9();
  void terminate();

  /// Starts it again on its ports and its folder; returns when it answers.
  void restart();

 private:
  explicit KafkaProcess(const KafkaOptions& options);

  void write_properties();
  void make_certificates();
  void format();
  void launch();
  void end(int signal);
  std::string log_tail() const;

  KafkaOptions options_;
  TemporaryFolder folder_;
  int port_;
  int secured_port_;
  int controller_port_;
  pid_t pid_ = -1;
};

}  // namespace millrace::tests
