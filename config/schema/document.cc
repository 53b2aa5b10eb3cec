#include "config/schema/document.h"

#include "config/base/limits.h"
#include "config/base/utf8.h"
#include "config/schema/substitute.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

namespace millrace::config {
namespace {

// The library's own tree is never built. Its parser calls the Builder once per key, scalar and
// bracket, so every limit is checked while the text is read: an alias is counted with all that it
// stands for before that is copied, and a text that nests, repeats or grows too much is left in the
// middle.

/// Ends the parse at once. Thrown through the library, caught in parse_yaml.
struct Refusal {
  YAML::Mark mark;
  std::string message;
  std::string hint;
};

Place place_of(const YAML::Mark& mark) {
  return mark.is_null() ? Place{} : Place{mark.line + 1, mark.column + 1};
}

class Builder final : public YAML::EventHandler {
 public:
  Builder(const std::string& file, Issues& issues) : file_(file), issues_(issues) {}

  bool has_document() const { return documents_ > 0; }

  Node take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1)
      throw Refusal{mark, "a second document", "one file holds one document; remove the '---'"};
  }

  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    count(mark, 1);
    Node node;
    // The library places an empty value at the next token, which may be lines below.
    node.place =
        !frames_.empty() && frames_.back().has_key ? frames_.back().key_place : place_of(mark);
    finish(std::move(node), mark, anchor, 1);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (++aliases_ > kMaxYamlAliases)
      throw Refusal{mark, fmt::format("more than {} aliases", kMaxYamlAliases), {}};
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw Refusal{mark, "an alias inside the value it stands for", {}};
    count(mark, found->second.nodes);
    check_depth(mark, found->second.depth);
    finish(found->second.node, mark, 0, found->second.depth);
  }

  void OnScalar(const YAML::Mark& mark,
                const std::string& tag,
                YAML::anchor_t anchor,
                const std::string& text) override {
    count(mark, 1);
    Node node;
    node.kind = Node::Kind::scalar;
    node.place = place_of(mark);
    node.text = text;
    node.quoted = tag == "!";
    if (tag == "tag:yaml.org,2002:str") {
      node.quoted = true;
    } else if (tag != "!" && tag != "?" && !tag.empty()) {
      refuse_tag(mark, tag);
    }
    finish(std::move(node), mark, anchor, 1);
  }

  void OnSequenceStart(const YAML::Mark& mark,
                       const std::string& tag,
                       YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    open(Node::Kind::sequence, mark, tag, anchor);
  }

  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark,
                  const std::string& tag,
                  YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    open(Node::Kind::map, mark, tag, anchor);
  }

  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    Node node;
    YAML::Mark mark;
    YAML::anchor_t anchor = 0;
    std::size_t nodes_before = 0;
    std::size_t depth = 1;  // levels of the deepest value inside, this one included
    bool has_key = false;
    std::string key;
    Place key_place;
  };

  struct Anchored {
    Node node;
    std::size_t nodes = 0;
    std::size_t depth = 0;
  };

  void add_issue(Place place, std::string message, std::string hint) {
    issues_.push_back({.file = file_,
                       .line = place.line,
                       .column = place.column,
                       .path = {},
                       .message = std::move(message),
                       .hint = std::move(hint)});
  }

  void count(const YAML::Mark& mark, std::size_t more) {
    nodes_ += more;
    if (nodes_ > kMaxYamlNodes)
      throw Refusal{mark, fmt::format("more than {} nodes, aliases expanded", kMaxYamlNodes), {}};
  }

  void check_depth(const YAML::Mark& mark, std::size_t levels) const {
    if (frames_.size() + levels > kMaxYamlDepth + 1) {
      throw Refusal{mark, fmt::format("nested deeper than {} levels", kMaxYamlDepth), {}};
    }
  }

  void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    add_issue(place_of(mark),
              fmt::format("the tag '{}'", escape_line(tag, 64)),
              "values are typed by their option; remove the tag");
  }

  void open(Node::Kind kind,
            const YAML::Mark& mark,
            const std::string& tag,
            YAML::anchor_t anchor) {
    const std::size_t nodes_before = nodes_;
    count(mark, 1);
    check_depth(mark, 2);
    if (!frames_.empty() && frames_.back().node.is_map() && !frames_.back().has_key)
      refuse_key(mark);
    if (tag != "!" && tag != "?" && !tag.empty()) refuse_tag(mark, tag);
    Frame& frame = frames_.emplace_back();
    frame.node.kind = kind;
    frame.node.place = place_of(mark);
    frame.mark = mark;
    frame.anchor = anchor;
    frame.nodes_before = nodes_before;
  }

  void close() {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    if (frame.anchor != 0)
      anchors_[frame.anchor] = {frame.node, nodes_ - frame.nodes_before, frame.depth};
    attach(std::move(frame.node), frame.mark, frame.depth);
  }

  void finish(Node node, const YAML::Mark& mark, YAML::anchor_t anchor, std::size_t depth) {
    if (anchor != 0) anchors_[anchor] = {node, 1, depth};
    attach(std::move(node), mark, depth);
  }

  void attach(Node node, const YAML::Mark& mark, std::size_t depth) {
    if (frames_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& frame = frames_.back();
    frame.depth = std::max(frame.depth, depth + 1);
    if (frame.node.is_sequence()) {
      frame.node.items.push_back(std::move(node));
    } else if (frame.has_key) {
      add_member(frame, std::move(node));
    } else {
      set_key(frame, std::move(node), mark);
    }
  }

  [[noreturn]] static void refuse_key(const YAML::Mark& mark) {
    throw Refusal{mark,
                  "a key that is not text",
                  "a '{' at the start of a value, as in templates, needs quotes"};
  }

  void set_key(Frame& frame, Node node, const YAML::Mark& mark) {
    if (!node.is_scalar()) refuse_key(mark);
    frame.has_key = true;
    frame.key = std::move(node.text);
    frame.key_place = place_of(mark);
    if (frame.key == "<<" && !node.quoted) {
      add_issue(frame.key_place,
                "a merge key '<<'",
                "write the keys out; anchors and aliases of whole values are fine");
    }
  }

  void add_member(Frame& frame, Node node) {
    frame.has_key = false;
    for (const Member& other : frame.node.members) {
      if (other.key != frame.key) continue;
      add_issue(frame.key_place,
                fmt::format("repeated key '{}'", escape_line(frame.key, 64)),
                fmt::format("it stands first at line {}", other.place.line));
      return;
    }
    if (frame.key == "<<") return;
    frame.node.members.push_back({std::move(frame.key), frame.key_place, std::move(node)});
  }

  const std::string& file_;
  Issues& issues_;
  Node root_;
  std::vector<Frame> frames_;
  std::unordered_map<YAML::anchor_t, Anchored> anchors_;
  std::size_t documents_ = 0;
  std::size_t nodes_ = 0;
  std::size_t aliases_ = 0;
};

/// YAML has no place for control characters, and a terminal should not meet them.
std::optional<std::size_t> control_at(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool space = text[i] == '\t' || text[i] == '\n' || text[i] == '\r';
    if ((byte < 0x20 && !space) || byte == 0x7F) return i;
  }
  return std::nullopt;
}

/// Returns the line of a text, for a message.
std::string line_of(std::string_view text, int line) {
  for (int i = 1; i < line; ++i) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  return escape_line(text.substr(0, text.find('\n')), 80);
}

bool build(std::string_view text, const YamlOptions& options, Builder& builder, Issues& issues) {
  const auto refuse = [&](const YAML::Mark& mark, std::string message, std::string hint) {
    const Place place = place_of(mark);
    issues.push_back({.file = options.file,
                      .line = place.line,
                      .column = place.column,
                      .path = {},
                      .message = std::move(message),
                      .hint = std::move(hint)});
    return false;
  };
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
    return true;
  } catch (const Refusal& refusal) {
    return refuse(refusal.mark, refusal.message, refusal.hint);
  } catch (const YAML::Exception& problem) {
    const std::string line = line_of(text, problem.mark.line + 1);
    return refuse(
        problem.mark, "not YAML: " + problem.msg, line.empty() ? "" : "the line is: " + line);
  }
}

}  // namespace

std::optional<std::string> YamlOptions::process_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

Result<FileText> YamlOptions::read_small_file(const std::filesystem::path& path) {
  constexpr std::size_t kMaxBytes = 64 * kKiB;
  std::error_code problem;
  const auto status = std::filesystem::status(path, problem);
  if (problem || !std::filesystem::exists(status))
    return error(Errc::not_found, "NO_FILE", "there is no such file");
  // A device or a pipe could block the start for ever.
  if (!std::filesystem::is_regular_file(status)) {
    return error(Errc::invalid_input, "BAD_FILE", "expected a regular file");
  }
  std::ifstream stream(path, std::ios::binary);
  FileText file;
  file.text.resize(kMaxBytes + 1);
  stream.read(file.text.data(), static_cast<std::streamsize>(file.text.size()));
  if (!stream.is_open() || stream.bad())
    return error(Errc::local_io, "BAD_FILE", "the file cannot be read");
  file.text.resize(static_cast<std::size_t>(stream.gcount()));
  if (file.text.size() > kMaxBytes) {
    return error(
        Errc::invalid_input, "BAD_FILE", fmt::format("expected at most {} bytes", kMaxBytes));
  }
  if (file.text.ends_with('\n')) file.text.pop_back();
  if (file.text.ends_with('\r')) file.text.pop_back();
  file.world_readable =
      (status.permissions() & std::filesystem::perms::others_read) != std::filesystem::perms::none;
  return file;
}

std::optional<Node> parse_yaml(std::string_view text, const YamlOptions& options, Issues& issues) {
  const auto refuse = [&](std::string message) {
    issues.push_back({.file = options.file, .message = std::move(message)});
    return std::nullopt;
  };
  if (text.size() > kMaxYamlBytes) {
    return refuse(fmt::format("expected at most {} bytes, found {}", kMaxYamlBytes, text.size()));
  }
  if (const auto bad = invalid_utf8_at(text)) {
    return refuse(fmt::format("not UTF-8: byte {}", *bad));
  }
  if (const auto control = control_at(text)) {
    return refuse(fmt::format("a control character: byte {}", *control));
  }
  const std::size_t before = issues.size();
  Builder builder(options.file, issues);
  if (!build(text, options, builder, issues)) return std::nullopt;
  if (!builder.has_document()) return refuse("the file is empty");
  // What was refused on the way would make the options look wrong in ways they are not.
  if (issues.size() != before) return std::nullopt;
  Node root = builder.take();
  substitute(root, options, issues);
  return root;
}

}  // namespace millrace::config
