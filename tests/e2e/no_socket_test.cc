#include "tests/support/worker_process.h"

#include <cstddef>
#include <filesystem>
#include <thread>

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

namespace millrace {
namespace {

using tests::environment;
using tests::Finished;
using tests::run_millrace;

/// From now on this thread, and whatever it starts, dies when it makes a socket.
bool forbid_sockets() {
  sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{.len = sizeof rules / sizeof rules[0], .filter = rules};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/// Runs the binary where a socket is its death.
Finished run_without_sockets(const std::vector<std::string>& arguments,
                             const std::map<std::string, std::string>& extra) {
  Finished finished;
  std::thread([&] {
    if (forbid_sockets()) finished = run_millrace(arguments, "", extra);
  }).join();
  return finished;
}

std::map<std::string, std::string> settings() {
  const std::string source = environment("MILLRACE_SOURCE_DIR");
  return {{"KAFKA_BROKERS", "127.0.0.1:1"},
          {"KAFKA_PASSWORD", "secret"},
          {"KAFKA_CA", "/etc/ssl/certs/ca-certificates.crt"},
          {"MILLRACE_SENTIMENT", source + "/tests/golden/tiny_bert"},
          {"MILLRACE_MINILM", source + "/tests/golden/tiny_bert"},
          {"MILLRACE_NLI", source + "/tests/golden/tiny_nli"},
          {"MILLRACE_NER", source + "/tests/golden/tiny_ner"},
          {"MILLRACE_MODERATION", source + "/tests/golden/tiny_bert"},
          {"MILLRACE_LANGUAGE", source + "/tests/golden/tiny_bert"},
          {"MILLRACE_QA", source + "/tests/golden/tiny_qa"},
          {"MILLRACE_ARCHIVE", source + "/deploy/demo/reviews.jsonl"},
          {"MILLRACE_OUT", std::filesystem::temp_directory_path().string()}};
}

TEST(Lint, makes_no_socket_for_any_example) {
  std::size_t examples = 0;
  for (const auto& entry : std::filesystem::directory_iterator(environment("MILLRACE_SOURCE_DIR") +
                                                               "/config/examples")) {
    if (entry.path().extension() != ".yaml") continue;
    const auto answer = run_without_sockets({"lint", entry.path().string()}, settings());

    EXPECT_EQ(answer.exit_code, 0) << entry.path() << "\n" << answer.out << answer.err;
    ++examples;
  }
  EXPECT_GE(examples, 6U);
}

TEST(Lint, would_not_survive_a_socket_where_the_other_test_runs) {
  const auto answer = run_without_sockets(
      {"run", environment("MILLRACE_SOURCE_DIR") + "/config/examples/minimal.yaml"}, settings());

  EXPECT_EQ(answer.exit_code, -SIGSYS) << answer.out << answer.err;
}

}  // namespace
}  // namespace millrace
