#pragma once

#include <string>
#include <variant>
#include <vector>

namespace millrace::worker {

/// How events are written; shared by every verb that runs something.
struct LogChoice {
  std::string level = "info";   // debug, info, warn, error, off
  std::string format = "text";  // text, json
};

struct RunVerb {
  std::string file;
  bool strict_weights = false;
  LogChoice log;
};

struct PipeVerb {
  std::string task;
  std::string model;
  std::string parameters;  // a JSON object, empty for none
  std::string device = "auto";
  std::string dtype = "auto";
  std::string truncation = "true";
  std::string special_tokens = "parse";
  std::string revision;
  bool strict_weights = false;
  LogChoice log{.level = "warn"};
};

struct LintVerb {
  std::vector<std::string> files;
  std::string format = "text";  // text, json
};

struct GraphVerb {
  std::string file;
  std::string format = "text";  // text, mermaid, dot
};

struct ConfigShowVerb {
  std::string file;
  bool origin = false;
};

struct DocsVerb {
  std::string page = "topology";  // topology, tasks
  std::string folder;             // empty: the page on stdout
};

struct DemoVerb {
  std::string records;
  std::string topology;
  bool strict_weights = false;
  LogChoice log{.level = "error"};
};

struct VersionVerb {
  bool features = false;
};

/// The command line was answered already (help) or refused: leave with this code.
struct Leave {
  int code = 0;
};

using Verb = std::variant<RunVerb,
                          PipeVerb,
                          LintVerb,
                          GraphVerb,
                          ConfigShowVerb,
                          DocsVerb,
                          DemoVerb,
                          VersionVerb,
                          Leave>;

/// Reads the command line. Prints help on stdout and complaints on stderr.
Verb parse_command_line(int argc, const char* const* argv);

}  // namespace millrace::worker
