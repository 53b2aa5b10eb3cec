#include "config/base/error.h"
#include "tests/architecture/rules.h"

#include <gtest/gtest.h>

namespace millrace::architecture {
namespace {

// Each test lists every violation as file:line, so that the message alone says where to go.

const std::set<std::string> kCatchSites = {"config/base/json.cc",
                                           "config/schema/document.cc",
                                           "pipeline/tensor/guard.cc",
                                           "worker/app/cli.cc",  // CLI11 refuses by throwing
                                           "worker/app/main.cc",
                                           "worker/topology/loop_thread.cc"};

Table table(const char* name) {
  return parse_table(read_text(root() / "tests/architecture" / name));
}

TEST(Architecture, the_tree_is_where_the_tests_look_for_it) {
  EXPECT_GT(floors().size(), 50U);
  EXPECT_GT(table("rooms.txt").size(), 15U);
  EXPECT_GT(table("headers.txt").size(), 20U);
}

TEST(Architecture, includes_point_down) {
  EXPECT_EQ(report(include_violations(floors(), table("rooms.txt"))), "");
}

TEST(Architecture, rooms_have_no_cycles) {
  EXPECT_EQ(report(cycle_violations(table("rooms.txt"))), "");
}

TEST(Architecture, pipelines_do_not_know_connectors) {
  for (const auto& [room, allowed] : table("rooms.txt")) {
    const bool pipeline = room.starts_with("pipeline/");
    if (!pipeline && !room.starts_with("connectors/")) continue;
    for (const std::string& other : allowed) {
      EXPECT_FALSE(other.starts_with(pipeline ? "connectors/" : "pipeline/"))
          << room << " may include " << other;
      EXPECT_FALSE(other.starts_with("worker/")) << room << " may include " << other;
    }
  }
}

TEST(Architecture, third_party_headers_have_owners) {
  EXPECT_EQ(report(header_violations(floors(), table("headers.txt"))), "");
}

TEST(Architecture, exceptions_are_caught_in_listed_files) {
  EXPECT_EQ(report(catch_violations(floors(), kCatchSites)), "");
}

TEST(Architecture, openmp_is_not_used) { EXPECT_EQ(report(pragma_violations(floors())), ""); }

TEST(Architecture, the_top_level_is_that_of_the_layout) {
  EXPECT_EQ(report(top_level_violations(top_level(), ignored_names())), "");
}

TEST(Architecture, nothing_is_left_to_do_in_the_text) {
  const Sources all =
      read_sources({"worker", "pipeline", "connectors", "config", "tests", "bench", "deploy"},
                   {".h", ".cc", ".cmake", ".txt", ".sh", ".py", ".md", ".yaml"});

  EXPECT_EQ(report(word_violations(all)), "");
}

TEST(Architecture, every_error_code_explains_itself) {
  EXPECT_GT(used_codes(floors()).size(), 10U);
  EXPECT_EQ(report(code_violations(floors(), config::explain_code)), "");
}

TEST(Architecture, the_way_of_a_record_is_as_the_page_says) {
  const std::string page = read_text(root() / "worker/README.md");
  std::size_t hops = 0;
  // `file` `function`, as often as a row names one.
  for (std::size_t at = page.find("`"); at != std::string::npos;) {
    const std::size_t end = page.find('`', at + 1);
    const std::string file = page.substr(at + 1, end - at - 1);
    const bool is_file = file.find('/') != std::string::npos && file.find('.') != std::string::npos;
    if (is_file && page.compare(end, 3, "` `") == 0) {
      const std::size_t close = page.find('`', end + 3);
      const std::string function = page.substr(end + 3, close - end - 3);
      EXPECT_NE(read_text(root() / file).find(function + "("), std::string::npos)
          << file << " has no " << function;
      ++hops;
      at = page.find('`', close + 1);
      continue;
    }
    at = page.find('`', end + 1);
  }
  EXPECT_EQ(hops, 12U);  // ten rows, two of which name two
}

}  // namespace
}  // namespace millrace::architecture
