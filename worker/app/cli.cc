#include "worker/app/cli.h"

#include "worker/app/exit_code.h"
#include "worker/app/task_page.h"

#include <cstdio>

#include <CLI/CLI.hpp>

namespace millrace::worker {
namespace {

constexpr const char* kAbout =
    "Millrace runs Hugging Face pipelines inside a stream's delivery guarantee: it reads records "
    "from Kafka, gathers them\n"
    "into batches, runs an ordinary checkpoint folder natively, and publishes the JSON that "
    "transformers would return.";

std::string teaching_footer() {
  std::string text =
      "\nTry\n"
      "  millrace demo                                        real reviews through a real model, "
      "no broker needed\n"
      "  echo '\"I loved it\"' | millrace pipe --task text-classification --model DIR\n"
      "  millrace lint topology.yaml && millrace run topology.yaml\n"
      "\nExit codes\n";
  for (const ExitRow& row : exit_table()) {
    char line[160];
    std::snprintf(line,
                  sizeof line,
                  "  %-3d %.*s (%.*s)\n",
                  number(row.code),
                  static_cast<int>(row.meaning.size()),
                  row.meaning.data(),
                  static_cast<int>(row.supervisor.size()),
                  row.supervisor.data());
    text += line;
  }
  return text;
}

void add_log_options(CLI::App& app, LogChoice& log) {
  app.add_option("--log-level", log.level, "What to log on stderr")
      ->check(CLI::IsMember({"debug", "info", "warn", "error", "off"}))
      ->capture_default_str();
  app.add_option("--log-format", log.format, "One event a line, as text or JSON")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
}

void add_strict_weights(CLI::App& app, bool& strict) {
  app.add_flag("--strict-weights",
               strict,
               "Refuse weights that hold NaN or infinite values, instead of a warning");
}

}  // namespace

Verb parse_command_line(int argc, const char* const* argv) {
  CLI::App app(kAbout, "millrace");
  app.footer(teaching_footer);
  app.require_subcommand(1);
  app.set_help_flag("-h,--help",
                    "Show this page; `millrace VERB --help` shows the flags of a verb");

  RunVerb run;
  CLI::App* run_app =
      app.add_subcommand("run", "Run a topology until it is done or told to stop (SIGTERM drains)");
  run_app->add_option("file", run.file, "The topology, a YAML file")->required();
  add_strict_weights(*run_app, run.strict_weights);
  add_log_options(*run_app, run.log);

  PipeVerb pipe;
  CLI::App* pipe_app = app.add_subcommand(
      "pipe", "Run one pipeline as a filter: a JSON input a line, a JSON result a line");
  pipe_app->add_option("--task", pipe.task, "The pipeline's task, for example text-classification")
      ->required();
  pipe_app->add_option("--model", pipe.model, "A local checkpoint folder")->required();
  pipe_app->add_option(
      "--parameters", pipe.parameters, "Call arguments of the pipeline, a JSON object");
  pipe_app->add_option("--device", pipe.device, "auto, cpu, cuda, cuda:N, mps, or an integer")
      ->capture_default_str();
  pipe_app->add_option("--dtype", pipe.dtype, "auto, float32, bfloat16, float16")
      ->capture_default_str();
  pipe_app
      ->add_option(
          "--truncation", pipe.truncation, "What happens to a text longer than the model takes")
      ->check(CLI::IsMember({"true", "error"}))
      ->capture_default_str();
  pipe_app
      ->add_option("--special-tokens",
                   pipe.special_tokens,
                   "Special tokens written in a text: parse them, or not")
      ->check(CLI::IsMember({"parse", "plain"}))
      ->capture_default_str();
  pipe_app->add_option(
      "--revision", pipe.revision, "A name for the weights, carried in result headers");
  add_strict_weights(*pipe_app, pipe.strict_weights);
  // With --task the page of the task follows.
  pipe_app->footer([&pipe] {
    return pipe.task.empty() ? std::string("`--task T --help` shows the parameters of a task.")
                             : "\n" + task_section(pipe.task);
  });
  add_log_options(*pipe_app, pipe.log);

  LintVerb lint;
  CLI::App* lint_app = app.add_subcommand(
      "lint", "Check topologies without opening a socket: every problem, with its line");
  lint_app->add_option("files", lint.files, "Topology files")->required();
  lint_app->add_option("--format", lint.format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();

  GraphVerb graph;
  CLI::App* graph_app =
      app.add_subcommand("graph", "Draw a topology, with the guarantee of every edge");
  graph_app->add_option("file", graph.file, "The topology, a YAML file")->required();
  graph_app->add_option("--format", graph.format, "text, mermaid or dot")
      ->check(CLI::IsMember({"text", "mermaid", "dot"}))
      ->capture_default_str();

  CLI::App* config_app =
      app.add_subcommand("config", "Look at the configuration that is in effect");
  config_app->require_subcommand(1);
  ConfigShowVerb show;
  CLI::App* show_app =
      config_app->add_subcommand("show", "Print every value in effect; secrets stay hidden");
  show_app->add_option("file", show.file, "The topology, a YAML file")->required();
  show_app->add_flag("--origin", show.origin, "Say where each value comes from");

  DocsVerb docs;
  CLI::App* docs_app =
      app.add_subcommand("docs", "Print the reference of the topology language, or of the tasks");
  docs_app->add_option("page", docs.page, "topology or tasks")
      ->check(CLI::IsMember({"topology", "tasks"}))
      ->capture_default_str();
  docs_app->add_option(
      "--out",
      docs.folder,
      "Write REFERENCE.md, TASKS.md and millrace.schema.json into this folder instead");

  DemoVerb demo;
  CLI::App* demo_app = app.add_subcommand(
      "demo", "Real reviews through a real model on a broker inside this process");
  demo_app->add_option("--records", demo.records, "The records, JSON lines")->required();
  demo_app->add_option("--topology", demo.topology, "The topology; KAFKA_BROKERS is set for it")
      ->required();
  add_strict_weights(*demo_app, demo.strict_weights);
  add_log_options(*demo_app, demo.log);

  VersionVerb version;
  CLI::App* version_app = app.add_subcommand("version", "Print the version");
  version_app->add_flag("--features", version.features, "List what this build and machine can do");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& refusal) {
    const int code = app.exit(refusal);
    return Leave{code == 0 ? 0 : number(ExitCode::usage)};
  }

  if (run_app->parsed()) return run;
  if (pipe_app->parsed()) return pipe;
  if (lint_app->parsed()) return lint;
  if (graph_app->parsed()) return graph;
  if (show_app->parsed()) return show;
  if (docs_app->parsed()) return docs;
  if (demo_app->parsed()) return demo;
  return version;
}

}  // namespace millrace::worker
