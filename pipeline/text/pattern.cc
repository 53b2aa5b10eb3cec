#include "pipeline/text/pattern.h"

#include "config/base/utf8.h"
#include "pipeline/text/pattern_classes.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include <fmt/format.h>

// A pattern is read once from left to right, and what is read is written to the parts at once: the
// structure nearly as it stands, a set of characters as its place. "a+|(?i:b)\s" becomes
// {a} "+" "|" "(?:" {b B} ")" {white space}.

namespace millrace::pipeline {
namespace {

using unicode::Range;

constexpr std::size_t kMaxBytes = 64 * 1024;
constexpr int kMaxDepth = 64;
constexpr int kMaxRepeats = 65'535;  // of PCRE2

struct Flags {
  bool ignores_case = false;
  bool dot_takes_newline = false;
};

struct Alias {
  std::string_view name;
  std::string_view parts;  // two letters each
};

constexpr std::string_view kLetter = "lullltlmlo";
constexpr std::string_view kMark = "mnmcme";
constexpr std::string_view kNumber = "ndnlno";
constexpr std::string_view kPunctuation = "pcpdpspepipfpo";
constexpr std::string_view kSymbol = "smscskso";
constexpr std::string_view kSeparator = "zszlzp";

constexpr auto kAliases = std::to_array<Alias>({{"l", kLetter},
                                                {"letter", kLetter},
                                                {"lc", "lulllt"},
                                                {"casedletter", "lulllt"},
                                                {"uppercaseletter", "lu"},
                                                {"lowercaseletter", "ll"},
                                                {"titlecaseletter", "lt"},
                                                {"modifierletter", "lm"},
                                                {"otherletter", "lo"},
                                                {"m", kMark},
                                                {"mark", kMark},
                                                {"nonspacingmark", "mn"},
                                                {"spacingmark", "mc"},
                                                {"enclosingmark", "me"},
                                                {"n", kNumber},
                                                {"number", kNumber},
                                                {"decimalnumber", "nd"},
                                                {"digit", "nd"},
                                                {"letternumber", "nl"},
                                                {"othernumber", "no"},
                                                {"p", kPunctuation},
                                                {"punctuation", kPunctuation},
                                                {"connectorpunctuation", "pc"},
                                                {"dashpunctuation", "pd"},
                                                {"openpunctuation", "ps"},
                                                {"closepunctuation", "pe"},
                                                {"initialpunctuation", "pi"},
                                                {"finalpunctuation", "pf"},
                                                {"otherpunctuation", "po"},
                                                {"s", kSymbol},
                                                {"symbol", kSymbol},
                                                {"mathsymbol", "sm"},
                                                {"currencysymbol", "sc"},
                                                {"modifiersymbol", "sk"},
                                                {"othersymbol", "so"},
                                                {"z", kSeparator},
                                                {"separator", kSeparator},
                                                {"spaceseparator", "zs"},
                                                {"lineseparator", "zl"},
                                                {"paragraphseparator", "zp"},
                                                {"control", "cc"},
                                                {"format", "cf"},
                                                {"privateuse", "co"}});

std::optional<CodePointSet> class_of(std::string_view name) {
  for (const unicode::NamedClass& known : unicode::pattern_classes()) {
    if (known.name == name)
      return CodePointSet(std::vector<Range>(known.ranges.begin(), known.ranges.end()));
  }
  return std::nullopt;
}

CodePointSet category(std::string_view name) { return class_of(name).value_or(CodePointSet()); }

CodePointSet categories(std::string_view parts) {
  CodePointSet all;
  for (; !parts.empty(); parts.remove_prefix(2)) all = all.united(category(parts.substr(0, 2)));
  return all;
}

/// The class of \p{name}; case, spaces, "-" and "_" of a name do not matter.
std::optional<CodePointSet> property(std::string_view written) {
  std::string name;
  for (const char c : written) {
    if (c == ' ' || c == '-' || c == '_') continue;
    name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  if (name == "any") return CodePointSet::all();
  if (name == "ascii") return CodePointSet({{0, 0x7F}});
  for (const Alias& alias : kAliases) {
    if (alias.name == name) return categories(alias.parts);
  }
  return class_of(name);
}

bool is_letter(char32_t c) { return (c >= U'a' && c <= U'z') || (c >= U'A' && c <= U'Z'); }

char32_t lower(char32_t c) { return c >= U'A' && c <= U'Z' ? c + (U'a' - U'A') : c; }

/// Both cases of the ASCII letters of a set. Two letters beyond ASCII have the lower case of one in
/// it: the long s, and the sign of Kelvin.
CodePointSet with_both_cases(const CodePointSet& set) {
  constexpr char32_t kLongS = 0x17F;
  constexpr char32_t kKelvin = 0x212A;
  std::vector<Range> more;
  for (char32_t c = U'a'; c <= U'z'; ++c) {
    const char32_t upper = c - (U'a' - U'A');
    if (!set.contains(c) && !set.contains(upper)) continue;
    more.insert(more.end(), {{c, c}, {upper, upper}});
    if (c == U's') more.push_back({kLongS, kLongS});
    if (c == U'k') more.push_back({kKelvin, kKelvin});
  }
  return set.united(CodePointSet(std::move(more)));
}

bool same(const CodePointSet& a, const CodePointSet& b) {
  return std::equal(
      a.ranges().begin(),
      a.ranges().end(),
      b.ranges().begin(),
      b.ranges().end(),
      [](const Range& x, const Range& y) { return x.first == y.first && x.last == y.last; });
}

/// Whether nothing of a set beyond ASCII has a case.
bool is_plain_beyond_ascii(const CodePointSet& set) {
  static const CodePointSet plain = categories("ccpcpdpspepipfpondsmsczszlzp");
  const CodePointSet beyond = set.intersected(CodePointSet({{0x80, kLastCodePoint}}));
  return beyond.intersected(plain.complement()).empty();
}

/// A set under (?i); nothing where that would need to know the case of more than ASCII.
std::optional<CodePointSet> without_case(const CodePointSet& set) {
  if (is_plain_beyond_ascii(set)) return with_both_cases(set);
  const CodePointSet rest = set.complement();
  if (is_plain_beyond_ascii(rest) && same(with_both_cases(rest), rest)) return set;
  return std::nullopt;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::variant<Pattern, PatternProblem> read() {
    if (text_.size() > kMaxBytes) {
      bad(fmt::format("a pattern of {} bytes, more than {}", text_.size(), kMaxBytes));
    } else {
      alternatives(leading_flags(), 0);
      if (!problem_ && !at_end()) bad("a ) without a (");
    }
    if (problem_) return *std::move(problem_);
    return std::move(out_);
  }

 private:
  /// What a quantifier may follow.
  enum class Atom : std::uint8_t { none, anchor, single };

  bool at_end() const { return at_ >= text_.size(); }

  char peek() const { return text_[at_]; }

  bool skip(std::string_view wanted) {
    if (!text_.substr(at_).starts_with(wanted)) return false;
    at_ += wanted.size();
    return true;
  }

  char32_t take() {
    const config::Decoded next = config::decode_utf8(text_.substr(at_));
    at_ += next.length;
    return next.code_point;
  }

  void bad(std::string found) {
    if (!problem_) problem_ = PatternProblem{false, std::move(found)};
  }

  void unsupported(std::string found) {
    if (!problem_) problem_ = PatternProblem{true, std::move(found)};
  }

  void put(std::string_view structure) {
    out_.parts.push_back({std::string(structure), std::nullopt});
  }

  void put(CodePointSet set) {
    out_.parts.push_back({{}, out_.sets.size()});
    out_.sets.push_back(std::move(set));
  }

  /// (?i) and the like at the very start count for the whole pattern.
  Flags leading_flags() {
    Flags flags;
    if (!text_.starts_with("(?")) return flags;
    const std::size_t end = text_.find_first_not_of("im-", 2);
    if (end == 2 || end == std::string_view::npos || text_[end] != ')') return flags;
    flags = changed(flags, text_.substr(2, end - 2));
    at_ = end + 1;
    return flags;
  }

  Flags changed(Flags flags, std::string_view by) {
    bool on = true;
    for (const char c : by) {
      if (c == '-') on = false;
      if (c == 'i') flags.ignores_case = on;
      if (c == 'm') flags.dot_takes_newline = on;
    }
    return flags;
  }

  void alternatives(Flags flags, int depth) {
    if (depth > kMaxDepth) return bad("groups nested too deep");
    letter_ = 0;
    while (!problem_ && !at_end() && peek() != ')') {
      if (skip("|")) {
        letter_ = 0;
        put("|");
        continue;
      }
      const Atom atom = one(flags, depth);
      if (!problem_) quantifier(atom);
    }
    letter_ = 0;
  }

  Atom one(Flags flags, int depth) {
    switch (peek()) {
      case '(':
        ++at_;
        return group(flags, depth);
      case '[': {
        ++at_;
        CodePointSet set = bracket(flags, 0);
        note_letter(0, flags);
        put(std::move(set));
        return Atom::single;
      }
      case '.':
        ++at_;
        note_letter(0, flags);
        put(flags.dot_takes_newline ? CodePointSet::all() : CodePointSet::of(U'\n').complement());
        return Atom::single;
      case '^':
        ++at_;
        return anchor({"(?:\\A|(?<=", ")(?!\\z))"}, {CodePointSet::of(U'\n')});
      case '$':
        ++at_;
        return anchor({"(?:\\z|(?=", "))"}, {CodePointSet::of(U'\n')});
      case '*':
      case '+':
      case '?':
        bad("a quantifier without anything before it");
        return Atom::none;
      case '\\':
        return escape(flags);
      default:
        literal(take(), flags);
        return Atom::single;
    }
  }

  Atom anchor(std::initializer_list<std::string_view> structure,
              std::initializer_list<CodePointSet> sets) {
    letter_ = 0;
    auto set = sets.begin();
    for (const std::string_view piece : structure) {
      put(piece);
      if (set != sets.end()) put(*set++);
    }
    return Atom::anchor;
  }

  /// Oniguruma takes a letter for two where it folds to them, as ß does to ss.
  void note_letter(char32_t c, Flags flags) {
    constexpr auto kFolds = std::to_array<std::u32string_view>({U"ss", U"ff", U"fi", U"fl", U"st"});
    const char32_t now = flags.ignores_case && is_letter(c) ? lower(c) : 0;
    const std::u32string both{letter_, now};
    if (std::find(kFolds.begin(), kFolds.end(), both) != kFolds.end())
      unsupported("letters under (?i) that one letter folds to (ss, ff, fi, fl, st)");
    letter_ = now;
  }

  void literal(char32_t c, Flags flags) {
    note_letter(c, flags);
    put(cased(CodePointSet::of(c), flags));
  }

  CodePointSet cased(CodePointSet set, Flags flags) {
    if (!flags.ignores_case) return set;
    auto folded = without_case(set);
    if (!folded) unsupported("characters beyond ASCII under (?i)");
    return folded ? *std::move(folded) : set;
  }

  Atom group(Flags flags, int depth) {
    struct Kind {
      std::string_view begin;
      Atom atom;
    };

    constexpr auto kKinds = std::to_array<Kind>({{"?:", Atom::single},
                                                 {"?>", Atom::single},
                                                 {"?=", Atom::anchor},
                                                 {"?!", Atom::anchor},
                                                 {"?<=", Atom::anchor},
                                                 {"?<!", Atom::anchor}});
    for (const Kind& kind : kKinds) {
      if (skip(kind.begin)) return inside(kind.begin, kind.atom, flags, depth);
    }
    if (skip("?#")) return comment();
    if (skip("?<") || skip("?'")) return named(flags, depth);
    if (skip("?")) return options(flags, depth);
    if (!at_end() && peek() == '*') {
      unsupported("(*...)");
      return Atom::none;
    }
    return inside("?:", Atom::single, flags, depth);
  }

  Atom inside(std::string_view begin, Atom atom, Flags flags, int depth) {
    put(fmt::format("({}", begin));
    alternatives(flags, depth + 1);
    if (!problem_ && !skip(")")) bad("a ( without a )");
    put(")");
    return atom;
  }

  Atom comment() {
    const std::size_t end = text_.find(')', at_);
    if (end == std::string_view::npos) bad("a (?# without a )");
    at_ = end == std::string_view::npos ? text_.size() : end + 1;
    return Atom::none;
  }

  Atom named(Flags flags, int depth) {
    const char stop = text_[at_ - 1] == '<' ? '>' : '\'';
    const std::size_t end = text_.find(stop, at_);
    if (end == std::string_view::npos || end == at_) {
      bad("a group whose name does not end");
      return Atom::none;
    }
    at_ = end + 1;
    return inside("?:", Atom::single, flags, depth);
  }

  Atom options(Flags flags, int depth) {
    const std::size_t end = text_.find_first_not_of("im-", at_);
    if (end == std::string_view::npos || end == at_ || text_[end] != ':') {
      const std::size_t size = std::min(text_.find_first_of(":)", at_), at_ + 8) - at_;
      unsupported(fmt::format("(?{}", text_.substr(at_, size + 1)));
      return Atom::none;
    }
    const Flags inner = changed(flags, text_.substr(at_, end - at_));
    at_ = end + 1;
    return inside("?:", Atom::single, inner, depth);
  }

  Atom escape(Flags flags) {
    ++at_;
    if (at_end()) {
      bad("a \\ at the end");
      return Atom::none;
    }
    switch (peek()) {
      case 'A':
      case 'z':
        letter_ = 0;
        put(fmt::format("\\{}", peek()));
        ++at_;
        return Atom::anchor;
      case 'Z':
        ++at_;
        return anchor({"(?=", "?\\z)"}, {CodePointSet::of(U'\n')});
      case 'b':
        ++at_;
        return anchor({"(?:(?<=", ")(?!", ")|(?<!", ")(?=", "))"},
                      {word(), word(), word(), word()});
      case 'B':
        ++at_;
        return anchor({"(?:(?<=", ")(?=", ")|(?<!", ")(?!", "))"},
                      {word(), word(), word(), word()});
      default:
        break;
    }
    if (auto set = shorthand()) {
      note_letter(0, flags);
      put(cased(*std::move(set), flags));
    } else if (const auto c = character()) {
      literal(*c, flags);
    }
    return Atom::single;
  }

  static CodePointSet word() { return category("word"); }

  /// \s \d \w \h, their opposites, and \p{...}, after the backslash.
  std::optional<CodePointSet> shorthand() {
    constexpr auto kClasses = std::to_array<std::pair<char, std::string_view>>(
        {{'s', "space"}, {'d', "nd"}, {'w', "word"}, {'h', "xdigit"}});
    for (const auto& [letter, name] : kClasses) {
      const bool opposite = peek() == letter - 'a' + 'A';
      if (peek() != letter && !opposite) continue;
      ++at_;
      return opposite ? category(name).complement() : category(name);
    }
    if (peek() != 'p' && peek() != 'P') return std::nullopt;
    bool opposite = peek() == 'P';
    ++at_;
    const std::size_t end = text_.find('}', at_);
    if (!skip("{") || end == std::string_view::npos) {
      unsupported("\\p without {name}");
      return CodePointSet();
    }
    if (skip("^")) opposite = !opposite;
    const std::string_view name = text_.substr(at_, end - at_);
    at_ = end + 1;
    auto set = property(name);
    if (!set) {
      unsupported(fmt::format("\\p{{{}}}", name.substr(0, 40)));
      return CodePointSet();
    }
    return opposite ? set->complement() : *std::move(set);
  }

  /// The character that an escape stands for, after the backslash.
  std::optional<char32_t> character() {
    constexpr auto kControls = std::to_array<std::pair<char, char32_t>>({{'t', U'\t'},
                                                                         {'n', U'\n'},
                                                                         {'r', U'\r'},
                                                                         {'f', U'\f'},
                                                                         {'v', U'\v'},
                                                                         {'a', U'\a'},
                                                                         {'e', 0x1B}});
    for (const auto& [letter, code] : kControls) {
      if (peek() != letter) continue;
      ++at_;
      return code;
    }
    if (skip("x{")) {
      const auto code = hex(6);
      if (!code || !skip("}")) bad("\\x{ without a number and }");
      return code;
    }
    if (skip("x")) {
      const auto code = hex(2);
      if (!code) bad("\\x without a number");
      if (code && *code >= 0x80) unsupported("\\x of a byte that is no character");
      return code;
    }
    if (skip("u")) {
      const std::size_t begin = at_;
      const auto code = hex(4);
      if (!code || at_ - begin != 4) bad("\\u without four digits");
      return code;
    }
    const char c = peek();
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) {
      unsupported(fmt::format("\\{}", c));
      return std::nullopt;
    }
    return take();
  }

  std::optional<char32_t> hex(int most) {
    char32_t value = 0;
    int digits = 0;
    for (; digits < most && !at_end() && hex_value(peek()) >= 0; ++digits, ++at_)
      value = value * 16 + static_cast<char32_t>(hex_value(peek()));
    if (digits == 0) return std::nullopt;
    if (value > kLastCodePoint || (value >= 0xD800 && value < 0xE000)) {
      bad("a number that is no character");
      return std::nullopt;
    }
    return value;
  }

  /// What stands in [...], after the first bracket. Its opposite comes last, && before that.
  CodePointSet bracket(Flags flags, int depth) {
    if (depth > kMaxDepth) {
      bad("brackets nested too deep");
      return {};
    }
    if (depth > 0 && flags.ignores_case) unsupported("[ inside of [...] under (?i)");
    const bool opposite = skip("^");
    std::optional<CodePointSet> both;  // of the sides of && so far
    CodePointSet side;
    bool first = true;  // of this side
    if (!at_end() && peek() == ']') unsupported("[]");
    while (!problem_) {
      if (at_end()) {
        bad("a [ without a ]");
        break;
      }
      if (skip("]")) break;
      if (skip("&&")) {
        if (flags.ignores_case) unsupported("&& under (?i)");
        both = both ? both->intersected(side) : std::move(side);
        side = CodePointSet();
        first = true;
        continue;
      }
      side = side.united(item(flags, depth, first));
      first = false;
    }
    CodePointSet all = both ? both->intersected(side) : std::move(side);
    return opposite ? all.complement() : all;
  }

  /// A character, a range or a class inside of [...].
  CodePointSet item(Flags flags, int depth, bool first) {
    if (skip("[:")) return cased(posix(), flags);
    if (skip("[")) return bracket(flags, depth + 1);
    const bool dash = peek() == '-';
    if (dash && !first && !text_.substr(at_).starts_with("-]")) {
      unsupported("a - after a class or a range inside of [...]");
      return {};
    }
    std::optional<char32_t> from;
    if (skip("\\")) {
      if (at_end()) {
        bad("a \\ at the end");
        return {};
      }
      if (auto set = shorthand()) return cased(*std::move(set), flags);
      from = character();
    } else {
      from = take();
    }
    if (!from) return {};
    const std::string_view rest = text_.substr(at_);
    if (!rest.starts_with('-') || rest.starts_with("-]") || rest.size() < 2)
      return cased(CodePointSet::of(*from), flags);
    ++at_;
    const auto to = range_end();
    if (!to) return {};
    if (*to < *from) bad("a range whose end is before its begin");
    return problem_ ? CodePointSet() : cased(CodePointSet({{*from, *to}}), flags);
  }

  std::optional<char32_t> range_end() {
    if (peek() == '[' || text_.substr(at_).starts_with("&&")) {
      unsupported("a - before a class inside of [...]");
      return std::nullopt;
    }
    if (!skip("\\")) return take();
    if (at_end()) {
      bad("a \\ at the end");
      return std::nullopt;
    }
    if (shorthand()) {
      unsupported("a - before a class inside of [...]");
      return std::nullopt;
    }
    return character();
  }

  CodePointSet posix() {
    const std::size_t end = text_.find(":]", at_);
    if (end == std::string_view::npos) {
      unsupported("[: without :]");
      return {};
    }
    const bool opposite = skip("^");
    const std::string_view name = text_.substr(at_, end - at_);
    at_ = end + 2;
    constexpr auto kKnown =
        std::to_array<std::string_view>({"alpha", "alnum", "upper", "lower", "digit", "space"});
    if (std::find(kKnown.begin(), kKnown.end(), name) == kKnown.end()) {
      unsupported(fmt::format("[:{}:]", name.substr(0, 40)));
      return {};
    }
    const CodePointSet set = category(name == "digit" ? "nd" : name);
    return opposite ? set.complement() : set;
  }

  void quantifier(Atom atom) {
    if (at_end()) return;
    const char c = peek();
    const bool interval = c == '{' && (text_.substr(at_).size() > 1) &&
                          (text_[at_ + 1] == ',' || hex_value(text_[at_ + 1]) >= 0);
    if (c != '*' && c != '+' && c != '?' && !interval) {
      if (c == '{') unsupported("a { that begins no {n,m}");
      return;
    }
    if (atom != Atom::single) return bad("a quantifier after what cannot be repeated");
    ++at_;
    if (interval) {
      repeats();
    } else {
      put(std::string_view(&c, 1));
      if (skip("?")) {
        put("?");
      } else if (skip("+")) {
        put("+");
      }
    }
    if (!problem_ && !at_end() && (peek() == '*' || peek() == '+' || peek() == '?'))
      unsupported("a quantifier after a quantifier");
  }

  /// {n} {n,} {,m} {n,m}, and the last three with a ? for as few as possible.
  void repeats() {
    const auto least = number();
    const bool open = skip(",");
    const auto most = open ? number() : least;
    if (!skip("}") || (!least && !most) || (open && most && least.value_or(0) > *most))
      return unsupported("a { that begins no {n,m}");
    put(open ? fmt::format("{{{},{}}}", least.value_or(0), most ? fmt::format("{}", *most) : "")
             : fmt::format("{{{}}}", *least));
    if (!open && !at_end() && peek() == '?') return unsupported("{n}?");
    if (!at_end() && peek() == '+') return unsupported("{n,m}+");
    if (skip("?")) put("?");
  }

  std::optional<int> number() {
    if (at_end() || peek() < '0' || peek() > '9') return std::nullopt;
    int value = 0;
    for (; !at_end() && peek() >= '0' && peek() <= '9'; ++at_)
      value = std::min(value * 10 + (peek() - '0'), kMaxRepeats + 1);
    if (value > kMaxRepeats) unsupported(fmt::format("more than {} repeats", kMaxRepeats));
    return value;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Pattern out_;
  std::optional<PatternProblem> problem_;
  char32_t letter_ = 0;  // the last thing read, where (?i) may join it with the next
};

}  // namespace

std::variant<Pattern, PatternProblem> read_pattern(std::string_view text) {
  return Reader(text).read();
}

}  // namespace millrace::pipeline
