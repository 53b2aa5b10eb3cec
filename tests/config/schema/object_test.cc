#include "config/schema/object.h"

#include "config/schema/render.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace millrace::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;

// The example of object.h.

enum class Ordering { partition, key, none };

struct KafkaOptions {
  std::string cluster;
  std::vector<std::string> topics;
  std::map<std::string, std::string> options;
};

struct FilesOptions {
  std::string path;
  Secret password;
};

struct SourceOptions {
  Tagged reader;
  Ordering ordering = Ordering::partition;
  std::chrono::milliseconds deadline{25};
  std::optional<int> max_tokens;
};

struct WorkerOptions {
  std::string worker;
  std::vector<std::pair<std::string, SourceOptions>> sources;
};

const Object<KafkaOptions>& kafka_schema() {
  static const auto schema =
      Object<KafkaOptions>("Reads topics of a Kafka cluster.")
          .field("cluster", &KafkaOptions::cluster, "Name of the cluster.", {.required = true})
          .field("topics", &KafkaOptions::topics, "Topics to read.", {.min = 1, .required = true})
          .field("options", &KafkaOptions::options, "Options of librdkafka, passed on.");
  return schema;
}

const Object<FilesOptions>& files_schema() {
  static const auto schema = Object<FilesOptions>("Reads files.")
                                 .field("path", &FilesOptions::path, "Folder.", {.required = true})
                                 .field("password", &FilesOptions::password, "Of the archive.");
  return schema;
}

const Object<SourceOptions>& source_schema() {
  static const auto schema =
      Object<SourceOptions>("Where records come from.")
          .kind(&SourceOptions::reader, {{"kafka", &kafka_schema()}, {"files", &files_schema()}})
          .choice("ordering",
                  &SourceOptions::ordering,
                  "Which results stay in order.",
                  {{"partition", Ordering::partition},
                   {"key", Ordering::key},
                   {"none", Ordering::none}})
          .field("deadline",
                 &SourceOptions::deadline,
                 "Longest wait for company.",
                 {.min = 0, .max = 60000})
          .field("max_tokens",
                 &SourceOptions::max_tokens,
                 "Most tokens in one batch.",
                 {.min = 1, .unit = "tokens", .absent = "measured"})
          .check("key ordering needs max_tokens", [](const SourceOptions& source, Report& report) {
            if (source.ordering != Ordering::key || source.max_tokens) return;
            report.fail("ordering", "ordering by key needs max_tokens", "set max_tokens");
          });
  return schema;
}

const Object<WorkerOptions>& worker_schema() {
  static const auto schema =
      Object<WorkerOptions>("A worker.")
          .field("worker", &WorkerOptions::worker, "Name in logs and metrics.", {.required = true})
          .map("sources",
               &WorkerOptions::sources,
               "Where records come from, by name.",
               source_schema());
  return schema;
}

YamlOptions test_options() {
  return {.file = "w.yaml",
          .root = "/nowhere",
          .env = [](const std::string& name) -> std::optional<std::string> {
            if (name == "N") return "7";
            if (name == "WORD") return "hunter2";
            return std::nullopt;
          },
          .read_file = [](const std::filesystem::path& path) -> Result<FileText> {
            if (path == "/nowhere/pw") return FileText{"s3cret", false};
            if (path == "/run/open") return FileText{"s3cret", true};
            return error(Errc::not_found, "NO_FILE", "there is no such file");
          }};
}

template <typename T>
std::string problems(const Object<T>& schema, std::string_view text) {
  return issues_text(load(schema, text, test_options()).reading.issues);
}

constexpr std::string_view kGood = R"(worker: reviews
sources:
  raw: {kafka: {cluster: main, topics: [a, b], options: {sasl.password: x, linger.ms: 5}}, ordering: none}
  old:
    files:
      path: data
      password: ${file:pw}
    deadline: 2s
    max_tokens: "${env:N}"
)";

TEST(Object, reads_what_was_declared) {
  const auto loaded = load(worker_schema(), kGood, test_options());

  ASSERT_THAT(issues_text(loaded.reading.issues), IsEmpty());
  EXPECT_EQ(loaded.value.worker, "reviews");
  ASSERT_EQ(loaded.value.sources.size(), 2U);
  const auto& [raw_name, raw] = loaded.value.sources[0];
  const auto& [old_name, old] = loaded.value.sources[1];
  EXPECT_EQ(raw_name, "raw");
  EXPECT_EQ(raw.reader.kind, "kafka");
  EXPECT_EQ(raw.ordering, Ordering::none);
  EXPECT_EQ(raw.deadline, std::chrono::milliseconds(25));
  EXPECT_EQ(raw.max_tokens, std::nullopt);
  EXPECT_EQ(old_name, "old");
  EXPECT_EQ(old.deadline, std::chrono::seconds(2));
  EXPECT_EQ(old.max_tokens, 7);
}

TEST(Object, options_of_a_kind_can_be_read_again) {
  const auto loaded = load(worker_schema(), kGood, test_options());

  const KafkaOptions kafka =
      reread(kafka_schema(), loaded.value.sources.at(0).second.reader.options);
  const FilesOptions files =
      reread(files_schema(), loaded.value.sources.at(1).second.reader.options);

  EXPECT_THAT(kafka.topics, ElementsAre("a", "b"));
  EXPECT_THAT(kafka.options, ElementsAre(Pair("linger.ms", "5"), Pair("sasl.password", "x")));
  EXPECT_EQ(files.password.reveal(), "s3cret");
  EXPECT_THROW(reread(kafka_schema(), Node()), Bug);
}

TEST(Object, reports_all_problems_at_once_with_line_and_column) {
  constexpr std::string_view text = R"(wroker: reviews
sources:
  raw:
    kafka: {cluster: main, topcis: [a]}
    ordering: partitoin
    deadline: 25
  old:
    files: {path: [x]}
    max_tokens: 0
  both:
    kafka: {cluster: main, topics: []}
    files: {path: y}
    deadline: 2m
  neither: {}
)";

  EXPECT_EQ(
      problems(worker_schema(), text),
      "w.yaml:1:1: unknown key 'wroker'; did you mean 'worker'?\n"
      "w.yaml:1:1: missing key 'worker'; Name in logs and metrics.\n"
      "w.yaml:4:12: sources.raw.kafka: missing key 'topics'; Topics to read.\n"
      "w.yaml:4:28: sources.raw.kafka: unknown key 'topcis'; did you mean 'topics'?\n"
      "w.yaml:5:15: sources.raw.ordering: expected one of partition, key or none, found "
      "'partitoin'; did you mean 'partition'?\n"
      "w.yaml:6:15: sources.raw.deadline: expected a duration with its unit, such as 25ms, 1s, 2m "
      "or 1h, found '25'\n"
      "w.yaml:8:19: sources.old.files.path: expected text, found a list\n"
      "w.yaml:9:17: sources.old.max_tokens: expected at least 1 tokens, found '0'\n"
      "w.yaml:11:36: sources.both.kafka.topics: expected at least 1 entries, found 0\n"
      "w.yaml:12:5: sources.both: expected only one of kafka and files, found kafka and files\n"
      "w.yaml:13:15: sources.both.deadline: expected at most 1m, found '2m'\n"
      "w.yaml:14:12: sources.neither: expected one of the keys kafka or files\n");
}

TEST(Object, a_rule_across_fields_points_at_its_field) {
  constexpr std::string_view text =
      "worker: w\nsources:\n  a:\n    kafka: {cluster: c, topics: [t]}\n    ordering: key\n";

  EXPECT_EQ(problems(worker_schema(), text),
            "w.yaml:5:15: sources.a.ordering: ordering by key needs max_tokens; set max_tokens\n");
}

TEST(Object, a_later_check_finds_the_line_of_anything) {
  auto loaded = load(worker_schema(), kGood, test_options());

  loaded.reading.fail("sources.raw.kafka.topics[1]", "no such topic");
  loaded.reading.fail("sources.old.ordering", "a default, so the object around it is shown");
  loaded.reading.warn("sources.raw.kafka.options.linger.ms", "rather large");

  EXPECT_EQ(issues_text(loaded.reading.issues),
            "w.yaml:3:44: sources.raw.kafka.topics[1]: no such topic\n"
            "w.yaml:5:5: sources.old.ordering: a default, so the object around it is shown\n"
            "w.yaml:3:87: warning: sources.raw.kafka.options.linger.ms: rather large\n");
}

TEST(Object, refuses_names_that_would_confuse_paths) {
  EXPECT_EQ(problems(worker_schema(), "worker: w\nsources:\n  a.b: {files: {path: x}}\n"),
            "w.yaml:3:3: sources: expected a name, found 'a.b'; names are made of letters, digits, "
            "'_' and '-'\n");
}

TEST(Object, a_secret_never_shows_in_messages_or_output) {
  constexpr std::string_view text =
      "worker: w\nsources:\n  a: {files: {path: x, password: hunter2}, deadline: "
      "\"${env:WORD}\"}\n";
  const auto good = load(worker_schema(), kGood, test_options());

  EXPECT_THAT(problems(worker_schema(), text), Not(HasSubstr("hunter2")));
  EXPECT_THAT(problems(worker_schema(), text), HasSubstr("found the value of env WORD"));
  EXPECT_THAT(effective_config(worker_schema().show(good.value)), Not(HasSubstr("s3cret")));
}

TEST(Object, a_secret_that_everybody_can_read_is_refused) {
  constexpr std::string_view text =
      "worker: w\nsources:\n  a: {files: {path: x, password: \"${file:/run/open}\"}}\n";

  EXPECT_EQ(problems(worker_schema(), text),
            "w.yaml:3:34: sources.a.files.password: the secret can be read by everybody: file "
            "/run/open; take the right away with chmod o-r\n");
}

TEST(Object, a_missing_variable_is_reported_once) {
  EXPECT_EQ(problems(worker_schema(),
                     "worker: w\nsources:\n  a: {files: {path: x}, deadline: \"${env:GONE}\"}\n"),
            "w.yaml:3:35: the environment variable GONE is not set; set it, or write "
            "${env:GONE:-default}\n");
}

// Every type of member, with every refusal.

struct Everything {
  bool flag = false;
  std::int32_t small = 3;
  std::int64_t large = 0;
  std::size_t count = 1;
  double ratio = 0.5;
  std::string word = "plain";
  std::string mode = "a";
  Secret secret;
  std::chrono::milliseconds wait{90000};
  ByteSize size{65536};
  Rate rate{100};
  std::vector<std::string> names;
  std::map<std::string, std::string> options;
  std::optional<double> maybe;
  Node free;
  std::optional<KafkaOptions> nested;
  std::vector<FilesOptions> files;
  std::string upper;
};

const Object<Everything>& everything_schema() {
  static const auto schema =
      Object<Everything>("One of each.")
          .field("flag", &Everything::flag, "A flag.")
          .field("small", &Everything::small, "A number.", {.min = 1, .max = 10, .unit = "cores"})
          .field("large", &Everything::large, "A number.")
          .field("count", &Everything::count, "A count.")
          .field("ratio", &Everything::ratio, "A share.", {.min = 0, .max = 1})
          .field("word", &Everything::word, "A word.", {.min = 1, .max = 5})
          .field("mode", &Everything::mode, "A mode.", {.choices = {"a", "b"}})
          .field("secret", &Everything::secret, "A secret.")
          .field("wait", &Everything::wait, "A wait.", {.min = 1000})
          .field("size", &Everything::size, "A size.", {.max = 1048576})
          .field("rate", &Everything::rate, "A rate.", {.max = 1000})
          .field("names", &Everything::names, "Names.", {.max = 2, .one_is_a_list = true})
          .field("options", &Everything::options, "Options.")
          .field("maybe", &Everything::maybe, "Perhaps.", {.absent = "measured"})
          .node("free", &Everything::free, "Anything.")
          .object("nested", &Everything::nested, kafka_schema())
          .list("files", &Everything::files, "Files.", files_schema())
          .custom<std::string>(
              "upper",
              &Everything::upper,
              "Shouted.",
              "text in capitals",
              [](const Node& node) -> Result<std::string> {
                if (node.text.find_first_of("abcdefghijklmnopqrstuvwxyz") == std::string::npos)
                  return node.text;
                return error(Errc::invalid_input,
                             "BAD_VALUE",
                             "expected capitals, found " + node.described());
              },
              [](const std::string& value) { return yaml_scalar(value); })
          .at_most_one({"flag", "small"});
  return schema;
}

struct Refusal {
  std::string text;
  std::string message;
};

TEST(Object, refuses_every_wrong_value_by_its_type) {
  const std::vector<Refusal> cases = {
      {"flag: yes", "1:7: flag: expected true or false, found 'yes'"},
      {"flag: \"true\"", "1:7: flag: expected true or false, found 'true' in quotes"},
      {"flag: [true]", "1:7: flag: expected true or false, found a list"},
      {"flag:", "1:1: flag: expected true or false, found nothing"},
      {"small: 0", "1:8: small: expected at least 1 cores, found '0'"},
      {"small: 11", "1:8: small: expected at most 10 cores, found '11'"},
      {"small: 010", "1:8: small: expected a whole number without leading zeros, found '010'"},
      {"small: 1_0", "1:8: small: expected a whole number, found '1_0'"},
      {"small: 1e0", "1:8: small: expected a whole number, found '1e0'"},
      {"small: \"5\"", "1:8: small: expected a whole number, found '5' in quotes"},
      {"small: {a: 1}", "1:8: small: expected a whole number, found a map"},
      {"large: 9223372036854775808",
       "1:8: large: expected a whole number of at most 64 bits, found '9223372036854775808'"},
      {"count: -1", "1:8: count: expected at least 0, found '-1'"},
      {"ratio: 1.5", "1:8: ratio: expected at most 1, found '1.5'"},
      {"ratio: nan", "1:8: ratio: expected a number, found 'nan'"},
      {"ratio: half", "1:8: ratio: expected a number, found 'half'"},
      {"word: \"\"", "1:7: word: expected at least 1 characters, found 0"},
      {"word: sixsix", "1:7: word: expected at most 5 characters, found 6"},
      {"mode: c", "1:7: mode: expected one of a or b, found 'c'"},
      {"secret: {a: b}", "1:9: secret: expected text, found a map"},
      {"wait: 5ms", "1:7: wait: expected at least 1s, found '5ms'"},
      {"wait: 5 s", "1:7: wait: expected a duration such as 25ms, 1s, 2m or 1h, found '5 s'"},
      {"size: 2MiB", "1:7: size: expected at most 1MiB bytes, found '2MiB'"},
      {"size: 1Mb", "1:7: size: expected a size such as 512, 64KiB or 1MiB, found '1Mb'"},
      {"rate: 100", "1:7: rate: expected a rate such as 100/s, 6000/m or 10/h, found '100'"},
      {"rate: 2000/s", "1:7: rate: expected at most 1000 a second, found '2000/s'"},
      {"names: [a, b, c]", "1:8: names: expected at most 2 entries, found 3"},
      {"names: [a, [b]]", "1:8: names: expected a list of text, found a list"},
      {"names: {a: b}", "1:8: names: expected text or a list of text, found a map"},
      {"options: [a]", "1:10: options: expected a map of text, found a list"},
      {"options: {a: [b]}", "1:10: options: a: expected text, found a list"},
      {"maybe: x", "1:8: maybe: expected a number, found 'x'"},
      {"nested: text",
       "1:9: nested: expected a map, found 'text'; its keys are cluster, topics and options"},
      {"files: {path: x}", "1:8: files: expected a list, found a map"},
      {"files: [{path: x}, {pth: y}]",
       "1:20: files[1]: missing key 'path'; Folder.\n"
       "w.yaml:1:21: files[1]: unknown key 'pth'; did you mean 'path'?"},
      {"upper: No", "1:8: upper: expected capitals, found 'No'"},
      {"flag: true\nsmall: 2", "2:1: expected only one of flag and small, found flag and small"},
      {"[a]",
       "1:1: expected a map, found a list; its keys are flag, small, large, count, ratio, word, "
       "mode, secret, wait, size, rate, names, options, maybe, free, nested, files and upper"},
      {"zzzzzz: 1",
       "1:1: unknown key 'zzzzzz'; expected one of flag, small, large, count, ratio, word, mode, "
       "secret, wait, size, rate, names, options, maybe, free, nested, files or upper"},
  };

  for (const auto& [text, message] : cases) {
    EXPECT_EQ(problems(everything_schema(), text), "w.yaml:" + message + "\n") << text;
  }
}

TEST(Object, reads_every_type) {
  const auto loaded = load(everything_schema(),
                           "small: 10\nlarge: -9223372036854775808\ncount: 18\nratio: 1e-1\n"
                           "word: 5\nmode: b\nsecret: on\nwait: 1m\nsize: 1MB\nrate: 60/m\n"
                           "names: one\noptions: {a: 5}\nmaybe: null\nfree: [1, {a: b}]\n"
                           "nested: {cluster: c, topics: [t]}\nfiles: [{path: p}]\nupper: YES\n",
                           test_options());
  const Everything& value = loaded.value;

  ASSERT_THAT(issues_text(loaded.reading.issues), IsEmpty());
  EXPECT_EQ(value.small, 10);
  EXPECT_EQ(value.large, std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(value.count, 18U);
  EXPECT_EQ(value.ratio, 0.1);
  EXPECT_EQ(value.word, "5");
  EXPECT_EQ(value.mode, "b");
  EXPECT_EQ(value.secret.reveal(), "on");
  EXPECT_EQ(value.wait, std::chrono::minutes(1));
  EXPECT_EQ(value.size.bytes, 1'000'000U);
  EXPECT_EQ(value.rate.per_second, 1.0);
  EXPECT_THAT(value.names, ElementsAre("one"));
  EXPECT_THAT(value.options, ElementsAre(Pair("a", "5")));
  EXPECT_EQ(value.maybe, std::nullopt);
  EXPECT_EQ(to_json(value.free).dump(), R"([1,{"a":"b"}])");
  EXPECT_EQ(value.nested.value().cluster, "c");
  EXPECT_EQ(value.files.at(0).path, "p");
  EXPECT_EQ(value.upper, "YES");
}

TEST(Object, a_field_declared_twice_is_a_bug) {
  Object<FilesOptions> schema("Twice.");
  schema.field("path", &FilesOptions::path, "First.");

  EXPECT_THROW(schema.field("path", &FilesOptions::path, "Second."), Bug);
}

// What is made from the declaration.

TEST(Render, shows_values_and_where_they_came_from) {
  const auto loaded = load(worker_schema(), kGood, test_options());

  const std::string text =
      effective_config(worker_schema().show(loaded.value), &loaded.reading.places);

  EXPECT_EQ(text,
            "worker: reviews                                 # w.yaml:1\n"
            "sources:\n"
            "  raw:\n"
            "    kafka:\n"
            "      cluster: main                             # w.yaml:3\n"
            "      topics: [a, b]                            # w.yaml:3\n"
            "      options:\n"
            "        linger.ms: \"5\"                          # w.yaml:3\n"
            "        sasl.password: '***'                    # w.yaml:3\n"
            "    ordering: none                              # w.yaml:3\n"
            "    deadline: 25ms                              # default\n"
            "    # max_tokens: measured\n"
            "  old:\n"
            "    files:\n"
            "      path: data                                # w.yaml:6\n"
            "      password: '***'                           # file pw\n"
            "    ordering: partition                         # default\n"
            "    deadline: 2s                                # w.yaml:8\n"
            "    max_tokens: 7                               # env N\n");
}

TEST(Render, effective_configuration_reads_back_the_same) {
  const auto first = load(everything_schema(),
                          "word: \"a: b\"\nwait: 1500ms\nsize: 3KiB\nrate: 10/s\nnames: [\"1\", "
                          "no]\noptions: {k: \"true\"}\nfree: {a: [1, \"2\", x y], b: {}}\n"
                          "files: [{path: p}, {path: \"${env:N}\"}]\n",
                          test_options());
  const std::string text = effective_config(everything_schema().show(first.value));

  const auto second = load(everything_schema(), text, test_options());

  // flag and small exclude each other when written; nothing else may be wrong.
  EXPECT_EQ(issues_text(second.reading.issues),
            "w.yaml:2:1: expected only one of flag and small, found flag and small\n")
      << text;
  EXPECT_EQ(effective_config(everything_schema().show(second.value)), text);
}

TEST(Render, reference_page_has_a_row_for_every_field) {
  const std::string page = reference_page(worker_schema(), "Reference");

  EXPECT_THAT(page, HasSubstr("# Reference\n\n## Top level\n\nA worker.\n\n| key | value |"));
  EXPECT_THAT(page, HasSubstr("| `worker` | text | **required** | Name in logs and metrics. |\n"));
  EXPECT_THAT(page, HasSubstr("## `sources.<name>`\n\nWhere records come from.\n"));
  EXPECT_THAT(page, HasSubstr("| `deadline` | duration, 0ms … 1m | `25ms` | Longest wait"));
  EXPECT_THAT(page, HasSubstr("| `max_tokens` | whole number, at least 1 tokens | measured |"));
  EXPECT_THAT(page, HasSubstr("| `ordering` | `partition`, `key`, `none` | `partition` |"));
  EXPECT_THAT(page, HasSubstr("\nExactly one of kafka or files.\n"));
  EXPECT_THAT(page, HasSubstr("Rules:\n- key ordering needs max_tokens\n"));
  EXPECT_THAT(page, HasSubstr("## `sources.<name>.kafka`\n"));
}

TEST(Render, json_schema_is_strict) {
  const auto schema = nlohmann::json::parse(json_schema(worker_schema(), "Worker"));
  const auto& source = schema["properties"]["sources"]["additionalProperties"];

  EXPECT_EQ(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
  EXPECT_EQ(schema["additionalProperties"], false);
  EXPECT_EQ(schema["required"], nlohmann::json::array({"worker"}));
  EXPECT_EQ(source["properties"]["deadline"]["description"], "Longest wait for company.");
  EXPECT_EQ(source["properties"]["ordering"]["anyOf"][0]["enum"],
            nlohmann::json::array({"partition", "key", "none"}));
  EXPECT_EQ(source["properties"]["max_tokens"]["anyOf"][0]["minimum"], 1);
  EXPECT_EQ(source["properties"]["kafka"]["required"],
            nlohmann::json::array({"cluster", "topics"}));
  EXPECT_EQ(source["allOf"][0]["oneOf"][1]["required"], nlohmann::json::array({"files"}));
}

}  // namespace
}  // namespace millrace::config
