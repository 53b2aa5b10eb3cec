#include "tests/architecture/rules.h"

#include <gtest/gtest.h>

namespace millrace::architecture {
namespace {

// Every rule is shown a sample that breaks it, so that none of them can be green because it is
// blind.

TEST(Rules, comments_do_not_count_and_strings_do) {
  EXPECT_EQ(without_comments("a // catch (x)\nb /* y\nz */ c"), "a             \nb     \n     c");
  EXPECT_EQ(without_comments("\"// no\" 'x' '\\'' 1'000 // yes"),
            "\"// no\" 'x' '\\'' 1'000       ");
  EXPECT_EQ(without_comments("R\"(// \" no)\" // yes"), "R\"(// \" no)\"       ");
  EXPECT_EQ(without_comments("\"\\\"// no\" /* open"), "\"\\\"// no\"        ");
}

TEST(Rules, tables_skip_comments) {
  const Table table = parse_table("# x: y\nconfig/base:\na/b: c/d e/f\n");

  EXPECT_EQ(table.size(), 2U);
  EXPECT_EQ(table.at("a/b"), (std::vector<std::string>{"c/d", "e/f"}));
}

TEST(Rules, an_include_that_points_up_is_caught) {
  const Table rooms = {{"config/base", {}}, {"worker/flow", {"config/base"}}};
  const Sources sources = {
      {"config/base/json.cc", "#include \"config/base/json.h\"\n#include \"worker/flow/ring.h\"\n"},
      {"worker/flow/ring.cc",
       "#include \"config/base/json.h\"\n// #include \"worker/app/cli.h\"\n"},
      {"worker/flow/gate.cc", "#include \"gate.h\"\n"},
      {"worker/misc/a.cc", ""},
  };

  EXPECT_EQ(report(include_violations(sources, rooms)),
            "config/base/json.cc:2: config/base may not include \"worker/flow/ring.h\"\n"
            "worker/flow/gate.cc:1: worker/flow may not include \"gate.h\"\n"
            "worker/misc/a.cc: its folder is no room of rooms.txt\n");
}

TEST(Rules, a_cycle_of_rooms_is_caught) {
  EXPECT_EQ(report(cycle_violations({{"a/a", {"b/b"}}, {"b/b", {"a/a"}}})),
            "a/a includes itself through others\nb/b includes itself through others\n");
  EXPECT_EQ(report(cycle_violations({{"a/a", {"c/c"}}})), "a/a names c/c, which is no room\n");
  EXPECT_EQ(report(cycle_violations({{"a/a", {"b/b"}}, {"b/b", {}}})), "");
}

TEST(Rules, a_header_of_others_is_caught) {
  const Table owners = {{"c10/", {"pipeline/nn/*"}},
                        {"c10/cuda/", {"pipeline/cuda/*"}},
                        {"regex", {}},
                        {"nlohmann/json.hpp", {"*.cc"}}};
  const Sources sources = {
      {"pipeline/nn/linear.cc", "#include <c10/util/Half.h>\n#include <c10/cuda/CUDAStream.h>\n"},
      {"pipeline/cuda/open.cc", "#include <c10/cuda/CUDAStream.h>\n#include <nlohmann/json.hpp>\n"},
      {"worker/flow/ring.h", "#include <regex>\n#include <nlohmann/json.hpp>\n#include <vector>\n"},
  };

  EXPECT_EQ(report(header_violations(sources, owners)),
            "pipeline/nn/linear.cc:2: <c10/cuda/CUDAStream.h> belongs to others\n"
            "worker/flow/ring.h:1: <regex> belongs to others\n"
            "worker/flow/ring.h:2: <nlohmann/json.hpp> belongs to others\n");
}

TEST(Rules, a_catch_outside_the_listed_files_is_caught) {
  const Sources sources = {{"a.cc", "try {\n} catch (...) {\n}\n// catch (x)\nint catches(int);\n"},
                           {"b.cc", "try {} catch(const E&) {}"}};

  EXPECT_EQ(report(catch_violations(sources, {"b.cc"})), "a.cc:2: catches an exception\n");
  EXPECT_EQ(catch_violations(sources, {}).size(), 2U);
}

TEST(Rules, an_openmp_pragma_is_caught) {
  EXPECT_EQ(report(pragma_violations(
                {{"a.cc", "#pragma once\n#pragma  omp parallel for\n// #pragma omp\n"}})),
            "a.cc:2: an OpenMP pragma\n");
}

TEST(Rules, a_word_for_unfinished_work_is_caught) {
  const std::string word = std::string("TO") + "DO";

  EXPECT_EQ(report(word_violations(
                {{"a.cc", "x\n// " + word + ": later\n"}, {"b.cc", word + "S_" + word}})),
            "a.cc:2: the word " + word + "\n");
}

TEST(Rules, an_unknown_error_code_is_caught) {
  const Sources sources = {
      {"a.cc",
       "error(Errc::denied, \"KNOWN\", x);\nerror(Errc::not_found,\n  \"UNKNOWN\", x);\n"
       "// Errc::denied, \"COMMENT\"\nif (kind == Errc::denied) {}\n"}};
  const auto explain = [](std::string_view code) {
    return code == "KNOWN" ? std::string("Yes.") : std::string();
  };

  EXPECT_EQ(report(code_violations(sources, explain)),
            "a.cc:2: UNKNOWN is not in config/base/error.cc\n");
}

TEST(Rules, a_stray_file_at_the_top_is_caught) {
  std::set<std::string> names = {"CMakeLists.txt",
                                 "CMakePresets.json",
                                 "README.md",
                                 "LICENSE",
                                 "worker",
                                 "pipeline",
                                 "connectors",
                                 "config",
                                 "tests",
                                 "bench",
                                 "deploy",
                                 ".git",
                                 "build"};

  EXPECT_EQ(report(top_level_violations(names, {"build"})), "");
  names.insert("notes.txt");
  names.erase("LICENSE");
  EXPECT_EQ(report(top_level_violations(names, {"build"})),
            "notes.txt is one too many\nLICENSE is missing\n");
}

}  // namespace
}  // namespace millrace::architecture
