#pragma once

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fnmatch.h>

/// The rules of the house as functions from sources to violations, so that each can be shown a
/// sample that breaks it.
namespace millrace::architecture {

/// A file of the tree: its path from the root, and its text.
struct Source {
  std::string path;
  std::string text;
};

using Sources = std::vector<Source>;
using Violations = std::vector<std::string>;
/// A name, then what is allowed for it; lines of rooms.txt and headers.txt.
using Table = std::map<std::string, std::vector<std::string>>;

inline std::filesystem::path root() {
  const char* folder = std::getenv("MILLRACE_SOURCE_DIR");
  // Run by hand, the test finds the tree from its own place in it.
  return folder != nullptr
             ? std::filesystem::path(folder)
             : std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();
}

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

/// Reads every file below the folders whose name ends as asked.
inline Sources read_sources(const std::vector<std::string>& folders,
                            const std::set<std::string>& endings) {
  namespace fs = std::filesystem;
  Sources sources;
  for (const std::string& folder : folders) {
    if (!fs::exists(root() / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root() / folder)) {
      if (!entry.is_regular_file() || !endings.contains(entry.path().extension().string()))
        continue;
      sources.push_back({fs::relative(entry.path(), root()).string(), read_text(entry.path())});
    }
  }
  std::sort(sources.begin(), sources.end(), [](const Source& a, const Source& b) {
    return a.path < b.path;
  });
  return sources;
}

inline Sources floors() {
  return read_sources({"worker", "pipeline", "connectors", "config"}, {".h", ".cc"});
}

inline Table parse_table(const std::string& text) {
  Table table;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t mark = line.find(':');
    if (line.empty() || line.front() == '#' || mark == std::string::npos) continue;
    std::istringstream words(line.substr(mark + 1));
    table[line.substr(0, mark)] = {std::istream_iterator<std::string>(words), {}};
  }
  return table;
}

/// Blanks comments out and keeps every line where it was. Strings stay; raw strings too.
inline std::string without_comments(const std::string& text) {
  std::string out = text;
  std::size_t at = 0;
  const auto blank = [&](std::size_t end) {
    for (; at < std::min(end, text.size()); ++at) {
      if (out[at] != '\n') out[at] = ' ';
    }
  };
  while (at < text.size()) {
    const std::string_view rest = std::string_view(text).substr(at);
    if (rest.starts_with("//")) {
      blank(text.find('\n', at));
    } else if (rest.starts_with("/*")) {
      const std::size_t end = text.find("*/", at + 2);
      blank(end == std::string::npos ? end : end + 2);
    } else if (rest.starts_with("R\"")) {
      const std::size_t open = text.find('(', at);
      if (open == std::string::npos) return out;
      const std::string close = ")" + text.substr(at + 2, open - at - 2) + "\"";
      const std::size_t end = text.find(close, open);
      at = end == std::string::npos ? text.size() : end + close.size();
    } else if (rest.front() == '"' ||
               (rest.front() == '\'' &&
                (at == 0 || std::isalnum(static_cast<unsigned char>(text[at - 1])) == 0))) {
      const char quote = rest.front();
      for (++at; at < text.size() && text[at] != quote && text[at] != '\n'; ++at) {
        if (text[at] == '\\') ++at;
      }
      ++at;
    } else {
      ++at;
    }
  }
  return out;
}

inline std::string position(const Source& source, std::size_t at) {
  const auto lines =
      std::count(source.text.begin(), source.text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
  return source.path + ":" + std::to_string(lines + 1);
}

struct Include {
  std::size_t at;
  std::string target;
  bool quoted;
};

inline std::vector<Include> includes(const Source& source) {
  std::vector<Include> all;
  const std::string code = without_comments(source.text);
  for (std::size_t at = code.find("#include"); at != std::string::npos;
       at = code.find("#include", at + 1)) {
    const std::size_t open = code.find_first_of("\"<\n", at);
    if (open == std::string::npos || code[open] == '\n') continue;
    const std::size_t close = code.find_first_of("\">\n", open + 1);
    all.push_back({at, code.substr(open + 1, close - open - 1), code[open] == '"'});
  }
  return all;
}

/// `config/base/json.h` is in room `config/base`.
inline std::string room_of(const std::string& path) {
  const std::size_t end = path.find('/', path.find('/') + 1);
  return end == std::string::npos ? std::string() : path.substr(0, end);
}

/// Each file is in a room of the table and includes its own room and the allowed ones only.
inline Violations include_violations(const Sources& sources, const Table& rooms) {
  Violations found;
  for (const Source& source : sources) {
    const std::string room = room_of(source.path);
    const auto row = rooms.find(room);
    if (row == rooms.end()) {
      found.push_back(source.path + ": its folder is no room of rooms.txt");
      continue;
    }
    for (const Include& include : includes(source)) {
      if (!include.quoted) continue;
      const std::string target = room_of(include.target);
      const auto& allowed = row->second;
      if (target == room || std::find(allowed.begin(), allowed.end(), target) != allowed.end())
        continue;
      found.push_back(position(source, include.at) + ": " + room + " may not include \"" +
                      include.target + "\"");
    }
  }
  return found;
}

/// No room sees itself through others.
inline Violations cycle_violations(const Table& rooms) {
  Violations found;
  for (const auto& [start, direct] : rooms) {
    std::set<std::string> seen;
    std::vector<std::string> open(direct);
    while (!open.empty()) {
      const std::string room = open.back();
      open.pop_back();
      if (!rooms.contains(room)) found.push_back(start + " names " + room + ", which is no room");
      if (room == start) found.push_back(start + " includes itself through others");
      if (room == start || !rooms.contains(room) || !seen.insert(room).second) continue;
      const auto& next = rooms.at(room);
      open.insert(open.end(), next.begin(), next.end());
    }
  }
  return found;
}

/// Third-party headers are included by their owners only.
inline Violations header_violations(const Sources& sources, const Table& owners) {
  Violations found;
  for (const Source& source : sources) {
    for (const Include& include : includes(source)) {
      if (include.quoted) continue;
      const std::pair<const std::string, std::vector<std::string>>* row = nullptr;
      for (const auto& candidate : owners) {
        const bool longer = row == nullptr || candidate.first.size() > row->first.size();
        if (include.target.starts_with(candidate.first) && longer) row = &candidate;
      }
      if (row == nullptr) continue;
      const bool allowed =
          std::any_of(row->second.begin(), row->second.end(), [&](const std::string& pattern) {
            return fnmatch(pattern.c_str(), source.path.c_str(), 0) == 0;
          });
      if (!allowed)
        found.push_back(position(source, include.at) + ": <" + include.target +
                        "> belongs to others");
    }
  }
  return found;
}

inline bool is_word_at(const std::string& text, std::size_t at, std::size_t length) {
  const auto part = [&](std::size_t i) {
    return i < text.size() &&
           (std::isalnum(static_cast<unsigned char>(text[i])) != 0 || text[i] == '_');
  };
  return (at == 0 || !part(at - 1)) && !part(at + length);
}

/// Positions of a whole word.
inline std::vector<std::size_t> occurrences(const std::string& text, std::string_view word) {
  std::vector<std::size_t> all;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    if (is_word_at(text, at, word.size())) all.push_back(at);
  }
  return all;
}

inline std::size_t skip_space(const std::string& text, std::size_t at) {
  return std::min(text.find_first_not_of(" \t\r\n", at), text.size());
}

/// Exceptions are caught in the listed files only.
inline Violations catch_violations(const Sources& sources, const std::set<std::string>& allowed) {
  Violations found;
  for (const Source& source : sources) {
    if (allowed.contains(source.path)) continue;
    const std::string code = without_comments(source.text);
    for (const std::size_t at : occurrences(code, "catch")) {
      const std::size_t next = skip_space(code, at + std::string_view("catch").size());
      if (next < code.size() && code[next] == '(')
        found.push_back(position(source, at) + ": catches an exception");
    }
  }
  return found;
}

/// OpenMP would bring a second thread pool.
inline Violations pragma_violations(const Sources& sources) {
  Violations found;
  for (const Source& source : sources) {
    const std::string code = without_comments(source.text);
    for (std::size_t at = code.find("#pragma"); at != std::string::npos;
         at = code.find("#pragma", at + 1)) {
      const std::size_t next = skip_space(code, at + std::string_view("#pragma").size());
      if (code.compare(next, 3, "omp") == 0)
        found.push_back(position(source, at) + ": an OpenMP pragma");
    }
  }
  return found;
}

/// What is left to do is in the issue tracker, not in the text.
inline Violations word_violations(const Sources& sources) {
  // Spelt in halves, so that this file does not break its own rule.
  static const std::array<std::string, 3> kWords = {
      "TO"
      "DO",
      "FIX"
      "ME",
      "XX"
      "X"};
  Violations found;
  for (const Source& source : sources) {
    for (const std::string& word : kWords) {
      for (const std::size_t at : occurrences(source.text, word)) {
        found.push_back(position(source, at) + ": the word " + word);
      }
    }
  }
  return found;
}

struct UsedCode {
  std::string position;
  std::string code;
};

/// Finds the codes of errors that are made: `Errc::kind, "CODE"`.
inline std::vector<UsedCode> used_codes(const Sources& sources) {
  constexpr std::string_view kStart = "Errc::";
  std::vector<UsedCode> found;
  for (const Source& source : sources) {
    const std::string code = without_comments(source.text);
    for (std::size_t at = code.find(kStart); at != std::string::npos;
         at = code.find(kStart, at + 1)) {
      std::size_t next = at + kStart.size();
      while (next < code.size() &&
             (std::isalnum(static_cast<unsigned char>(code[next])) != 0 || code[next] == '_'))
        ++next;
      next = skip_space(code, next);
      if (next >= code.size() || code[next] != ',') continue;
      next = skip_space(code, next + 1);
      if (next >= code.size() || code[next] != '"') continue;
      found.push_back(
          {position(source, at), code.substr(next + 1, code.find('"', next + 1) - next - 1)});
    }
  }
  return found;
}

/// Codes are rows of the table in config/base/error.cc. explain returns nothing for a code that is
/// not.
template <typename Explain>
Violations code_violations(const Sources& sources, Explain explain) {
  Violations found;
  for (const UsedCode& used : used_codes(sources)) {
    if (explain(used.code).empty())
      found.push_back(used.position + ": " + used.code + " is not in config/base/error.cc");
  }
  return found;
}

/// The top level is that of decision D4. ignored: names that version control ignores.
inline Violations top_level_violations(const std::set<std::string>& names,
                                       const std::set<std::string>& ignored) {
  static const std::set<std::string> kExpected = {"CMakeLists.txt",
                                                  "CMakePresets.json",
                                                  "README.md",
                                                  "LICENSE",
                                                  "worker",
                                                  "pipeline",
                                                  "connectors",
                                                  "config",
                                                  "tests",
                                                  "bench",
                                                  "deploy"};
  Violations found;
  for (const std::string& name : names) {
    if (!kExpected.contains(name) && !ignored.contains(name) && name.front() != '.')
      found.push_back(name + " is one too many");
  }
  for (const std::string& name : kExpected) {
    if (!names.contains(name)) found.push_back(name + " is missing");
  }
  return found;
}

inline std::set<std::string> top_level() {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(root()))
    names.insert(entry.path().filename().string());
  return names;
}

/// Reads the plain names of .gitignore, without their slashes.
inline std::set<std::string> ignored_names() {
  std::set<std::string> names;
  std::istringstream lines(read_text(root() / ".gitignore"));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('/')) line.erase(0, 1);
    if (line.ends_with('/')) line.pop_back();
    names.insert(line);
  }
  return names;
}

/// One violation a line, for the message of a failed test.
inline std::string report(const Violations& violations) {
  std::string out;
  for (const std::string& violation : violations) out += violation + "\n";
  return out;
}

}  // namespace millrace::architecture
