#pragma once

#include "config/schema/document.h"
#include "config/schema/field.h"
#include "config/schema/node.h"
#include "config/schema/places.h"

#include <concepts>
#include <functional>
#include <initializer_list>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace millrace::config {

// How to declare options once, and get the strict parser, all issues with their lines, the
// effective configuration with origins, the reference page and JSON Schema from it. The example is
// compiled and run in tests/config/schema/object_test.cc.
//
//   enum class Ordering { partition, key, none };
//
//   struct KafkaOptions {
//     std::string cluster;
//     std::vector<std::string> topics;
//     std::map<std::string, std::string> options;
//   };
//
//   struct SourceOptions {
//     Tagged reader;                                  // {kind: "kafka", options: the node under
//     that key} Ordering ordering = Ordering::partition; std::chrono::milliseconds deadline{25};
//     std::optional<int> max_tokens;                  // empty: measured
//   };
//
//   struct WorkerOptions {
//     std::string worker;
//     std::vector<std::pair<std::string, SourceOptions>> sources;  // in file order; std::map sorts
//     by name instead
//   };
//
//   const Object<KafkaOptions>& kafka_schema() {
//     static const auto schema =
//         Object<KafkaOptions>("Reads topics of a Kafka cluster.")
//             .field("cluster", &KafkaOptions::cluster, "Name of the cluster.", {.required = true})
//             .field("topics", &KafkaOptions::topics, "Topics to read.", {.min = 1, .required =
//             true}) .field("options", &KafkaOptions::options, "Options of librdkafka, passed
//             on.");
//     return schema;
//   }
//
//   const Object<SourceOptions>& source_schema() {
//     static const auto schema =
//         Object<SourceOptions>("Where records come from.")
//             .kind(&SourceOptions::reader, {{"kafka", &kafka_schema()}, {"files",
//             &files_schema()}}) .choice("ordering", &SourceOptions::ordering, "Which results stay
//             in order.",
//                     {{"partition", Ordering::partition}, {"key", Ordering::key}, {"none",
//                     Ordering::none}})
//             .field("deadline", &SourceOptions::deadline, "Longest wait for company.", {.min = 0,
//             .max = 60000}) .field("max_tokens", &SourceOptions::max_tokens, "Most tokens in one
//             batch.",
//                    {.min = 1, .unit = "tokens", .absent = "measured"})
//             .check("key ordering needs tokens", [](const SourceOptions& source, Report& report) {
//               if (source.ordering == Ordering::key && !source.max_tokens) report.fail("ordering",
//               "…", "…");
//             });
//     return schema;
//   }
//
//   const Object<WorkerOptions>& worker_schema() {
//     static const auto schema =
//         Object<WorkerOptions>("A worker.")
//             .field("worker", &WorkerOptions::worker, "Name in logs and metrics.", {.required =
//             true}) .map("sources", &WorkerOptions::sources, "Where records come from, by name.",
//             source_schema());
//     return schema;
//   }
//
//   auto loaded = load(worker_schema(), text, {.file = "topology.yaml"});
//   if (has_errors(loaded.reading.issues)) … issues_text(loaded.reading.issues) …
//   KafkaOptions kafka = reread(kafka_schema(), loaded.value.sources[0].second.reader.options);
//   loaded.reading.fail("sources.reviews.ordering", "…");   // a later check points at line and
//   column
//
// Schemas are static: an Object keeps pointers to its nested ones. `${env:NAME}` and `${file:path}`
// work in every scalar.

/// A component whose kind is the key it is written under: `kafka: {…}`.
struct Tagged {
  std::string kind;  // empty: none was written
  Node options;      // validated against the schema of the kind
};

/// What a rule across fields finds wrong.
class Report {
 public:
  Report(Reading& reading, std::string path) : reading_(reading), path_(std::move(path)) {}

  /// Reports an error at a field of the object (`batch.deadline` reaches into a nested one; empty
  /// blames the object).
  void fail(std::string_view field, std::string message, std::string hint = {});
  void warn(std::string_view field, std::string message, std::string hint = {});

 private:
  Reading& reading_;
  std::string path_;
};

/// A set of keys that exclude each other.
struct Exclusive {
  std::vector<std::string> names;
  bool one_required = false;
};

/// One kind a component may have.
struct Kind {
  std::string_view name;
  const Schema* schema;
};

/// One word of a choice.
template <typename E>
struct Choice {
  std::string_view name;
  E value;
};

/// What tools see of any Object: its fields, and how to check a node without knowing the type.
class Schema {
 public:
  explicit Schema(std::string_view sentence) : sentence_(sentence) {}

  virtual ~Schema() = default;

  const std::string& sentence() const { return sentence_; }

  std::span<const FieldInfo> fields() const { return fields_; }

  std::span<const Exclusive> exclusives() const { return exclusives_; }

  /// Names of the rules across fields.
  std::span<const std::string> rules() const { return rules_; }

  /// Reports everything that is wrong with the node.
  virtual void validate(const Node& node, const std::string& path, Reading& reading) const = 0;

  /// Returns the effective values of a node that was validated.
  virtual std::vector<Shown> show_node(const Node& node) const = 0;

 protected:
  Schema(const Schema&) = default;
  Schema(Schema&&) = default;
  Schema& operator=(const Schema&) = default;
  Schema& operator=(Schema&&) = default;

  /// Adds what the declaration says; a name declared twice is a Bug.
  void declare(FieldInfo info);

  /// Reports unknown, missing and excluding keys. False when the node is no map at all.
  bool check_keys(const Node& node, const std::string& path, Reading& reading) const;

  /// Reports a value that could not be read.
  static void report(const Error& problem,
                     const FieldInfo& info,
                     const Node& node,
                     const std::string& path,
                     Reading& reading);

  std::vector<std::string> names() const;

  std::vector<FieldInfo> fields_;
  std::vector<Exclusive> exclusives_;
  std::vector<std::string> rules_;

 private:
  std::string sentence_;
};

/// Entries of a map of named objects, after reporting what is not one.
std::vector<const Member*> named_entries(const Node& node,
                                         const FieldInfo& info,
                                         const std::string& path,
                                         Reading& reading);
std::span<const Node> list_entries(const Node& node,
                                   const FieldInfo& info,
                                   const std::string& path,
                                   Reading& reading);
/// Notes the place of everything inside a node.
void remember_places(const Node& node, const std::string& path, Reading& reading);

/// The declaration of an options struct: name, member, one sentence, bounds. See the example above.
///
/// T is default-constructible; its member initialisers are the defaults. Built once, then read from
/// any thread.
template <typename T>
class Object final : public Schema {
 public:
  using Schema::Schema;

  /// Declares a member of type bool, integer, double, std::string, Secret,
  /// std::chrono::milliseconds, ByteSize, Rate, std::vector<std::string>, std::map<std::string,
  /// std::string>, or std::optional of these.
  template <typename V>
  Object& field(std::string_view name,
                V T::*member,
                std::string_view sentence,
                Attributes attributes = {}) {
    FieldInfo info =
        describe(name, sentence, Value<V>::kShape, Value<V>::kWords, std::move(attributes));
    return add(
        std::move(info),
        [member](T& out,
                 const Node& node,
                 const FieldInfo& field,
                 const std::string& path,
                 Reading& reading) {
          auto value = Value<V>::read(node, field.attributes);
          if (!value) return report(value.error(), field, node, path, reading);
          out.*member = *std::move(value);
          remember_places(node, path, reading);
        },
        [member](const T& value, const FieldInfo&) { return Value<V>::show(value.*member); });
  }

  /// Declares an enumeration (or an optional one) by its words.
  template <typename E>
  Object& choice(std::string_view name,
                 E T::*member,
                 std::string_view sentence,
                 std::initializer_list<Choice<std::type_identity_t<E>>> words,
                 Attributes attributes = {}) {
    std::vector<E> values;
    for (const auto& word : words) {
      attributes.choices.emplace_back(word.name);
      values.push_back(word.value);
    }
    FieldInfo info = describe(name, sentence, Shape::choice, "one of", std::move(attributes));
    return add(
        std::move(info),
        [member, values](T& out,
                         const Node& node,
                         const FieldInfo& field,
                         const std::string& path,
                         Reading& reading) {
          auto index = read_choice(node, field.attributes.choices);
          if (!index) return report(index.error(), field, node, path, reading);
          out.*member = values[*index];
        },
        [member, values](const T& value, const FieldInfo& field) {
          for (std::size_t i = 0; i < values.size(); ++i) {
            if (value.*member == values[i]) return shown_scalar(field.attributes.choices[i]);
          }
          return Shown{.kind = Shown::Kind::absent};
        });
  }

  /// Declares a nested object, or an optional one (absent until written).
  template <typename V, typename N>
  Object& object(std::string_view name,
                 V T::*member,
                 const Object<N>& nested,
                 Attributes attributes = {}) {
    static_assert(std::same_as<V, N> || std::same_as<V, std::optional<N>>,
                  "the member is what the schema declares");
    FieldInfo info = describe(name, nested.sentence(), Shape::object, "map", std::move(attributes));
    info.nested = &nested;
    return add(
        std::move(info),
        [member, &nested](
            T& out, const Node& node, const FieldInfo&, const std::string& path, Reading& reading) {
          out.*member = nested.read(node, path, reading);
        },
        [member, &nested](const T& value, const FieldInfo&) {
          if constexpr (std::same_as<V, N>) {
            return Shown{.kind = Shown::Kind::map, .children = nested.show(value.*member)};
          } else {
            if (!(value.*member)) return Shown{.kind = Shown::Kind::absent};
            return Shown{.kind = Shown::Kind::map, .children = nested.show(*(value.*member))};
          }
        });
  }

  /// Declares named objects: a std::map<std::string, N>, or a vector of pairs to keep the order of
  /// the file.
  template <typename V, typename N>
  Object& map(std::string_view name,
              V T::*member,
              std::string_view sentence,
              const Object<N>& nested,
              Attributes attributes = {}) {
    FieldInfo info =
        describe(name, sentence, Shape::object_map, "map of maps", std::move(attributes));
    info.nested = &nested;
    return add(
        std::move(info),
        [member, &nested](T& out,
                          const Node& node,
                          const FieldInfo& field,
                          const std::string& path,
                          Reading& reading) {
          for (const Member* entry : named_entries(node, field, path, reading)) {
            const std::string entry_path = child_path(path, entry->key);
            reading.places.set(entry_path, reading.origin_of(entry->value));
            auto& entries = out.*member;
            entries.insert(
                entries.end(),
                typename V::value_type(entry->key, nested.read(entry->value, entry_path, reading)));
          }
        },
        [member, &nested](const T& value, const FieldInfo&) {
          Shown shown{.kind = Shown::Kind::map};
          for (const auto& [key, entry] : value.*member) {
            shown.children.push_back(
                {.key = key, .kind = Shown::Kind::map, .children = nested.show(entry)});
          }
          return shown;
        });
  }

  /// Declares a list of objects: a std::vector<N>.
  template <typename N>
  Object& list(std::string_view name,
               std::vector<N> T::*member,
               std::string_view sentence,
               const Object<N>& nested,
               Attributes attributes = {}) {
    FieldInfo info =
        describe(name, sentence, Shape::object_list, "list of maps", std::move(attributes));
    info.nested = &nested;
    return add(
        std::move(info),
        [member, &nested](T& out,
                          const Node& node,
                          const FieldInfo& field,
                          const std::string& path,
                          Reading& reading) {
          const std::span<const Node> items = list_entries(node, field, path, reading);
          for (std::size_t i = 0; i < items.size(); ++i) {
            const std::string entry_path = item_path(path, i);
            reading.places.set(entry_path, reading.origin_of(items[i]));
            (out.*member).push_back(nested.read(items[i], entry_path, reading));
          }
        },
        [member, &nested](const T& value, const FieldInfo&) {
          Shown shown{.kind = Shown::Kind::list};
          for (const N& entry : value.*member) {
            shown.children.push_back({.kind = Shown::Kind::map, .children = nested.show(entry)});
          }
          return shown;
        });
  }

  /// Declares a component by the kinds it may have; exactly one is written (at most one when not
  /// required).
  Object& kind(Tagged T::*member, std::vector<Kind> kinds, bool required = true) {
    std::vector<std::string> names;
    for (const Kind& kind : kinds) {
      names.emplace_back(kind.name);
      FieldInfo info = describe(kind.name, kind.schema->sentence(), Shape::object, "map", {});
      info.nested = kind.schema;
      add(
          std::move(info),
          [member](T& out,
                   const Node& node,
                   const FieldInfo& field,
                   const std::string& path,
                   Reading& reading) {
            field.nested->validate(node, path, reading);
            out.*member = Tagged{field.name, node};
          },
          [member](const T& value, const FieldInfo& field) {
            const Tagged& tagged = value.*member;
            if (tagged.kind != field.name) return Shown{.kind = Shown::Kind::absent};
            return Shown{.kind = Shown::Kind::map,
                         .children = field.nested->show_node(tagged.options)};
          });
    }
    exclusives_.push_back({std::move(names), required});
    return *this;
  }

  /// Declares a field that another room reads: a Node, or an optional one.
  template <typename V>
  Object& node(std::string_view name,
               V T::*member,
               std::string_view sentence,
               Attributes attributes = {}) {
    static_assert(std::same_as<V, Node> || std::same_as<V, std::optional<Node>>);
    FieldInfo info = describe(name, sentence, Shape::any, "any value", std::move(attributes));
    return add(
        std::move(info),
        [member](
            T& out, const Node& node, const FieldInfo&, const std::string& path, Reading& reading) {
          remember_places(node, path, reading);
          out.*member = node;
        },
        [member](const T& value, const FieldInfo&) {
          if constexpr (std::same_as<V, Node>) {
            return (value.*member).is_null() ? Shown{.kind = Shown::Kind::absent}
                                             : shown_node(value.*member);
          } else {
            return value.*member ? shown_node(*(value.*member))
                                 : Shown{.kind = Shown::Kind::absent};
          }
        });
  }

  /// Declares a field with a small language of its own. read fails with a message "expected …,
  /// found …"; words name the type for readers.
  template <typename V>
  Object& custom(std::string_view name,
                 V T::*member,
                 std::string_view sentence,
                 std::string_view words,
                 std::type_identity_t<std::function<Result<V>(const Node&)>> read,
                 std::type_identity_t<std::function<std::string(const V&)>> print,
                 Attributes attributes = {}) {
    FieldInfo info = describe(name, sentence, Shape::any, words, std::move(attributes));
    return add(
        std::move(info),
        [member, read](T& out,
                       const Node& node,
                       const FieldInfo& field,
                       const std::string& path,
                       Reading& reading) {
          auto value = read(node);
          if (!value) return report(value.error(), field, node, path, reading);
          out.*member = *std::move(value);
        },
        [member, print](const T& value, const FieldInfo&) {
          return shown_scalar(print(value.*member));
        });
  }

  /// Of these keys, exactly one must be written.
  Object& exactly_one(std::initializer_list<std::string_view> names) {
    exclusives_.push_back({{names.begin(), names.end()}, true});
    return *this;
  }

  /// Of these keys, one may be written.
  Object& at_most_one(std::initializer_list<std::string_view> names) {
    exclusives_.push_back({{names.begin(), names.end()}, false});
    return *this;
  }

  /// Adds a rule across fields. It runs when each field on its own is fine.
  Object& check(std::string_view name, std::function<void(const T&, Report&)> rule) {
    rules_.emplace_back(name);
    checks_.push_back(std::move(rule));
    return *this;
  }

  /// Reads a node. All problems are reported; what could not be read keeps its default.
  T read(const Node& node, const std::string& path, Reading& reading) const {
    T value{};
    const std::size_t before = reading.issues.size();
    if (!check_keys(node, path, reading)) return value;
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      const std::string field_path = child_path(path, fields_[i].name);
      const Node* written = node.find(fields_[i].name);
      reading.places.set(field_path, written == nullptr ? Origin() : reading.origin_of(*written));
      if (written != nullptr && !written->broken)
        readers_[i](value, *written, fields_[i], field_path, reading);
    }
    if (reading.issues.size() != before) return value;
    Report found(reading, path);
    for (const auto& rule : checks_) rule(value, found);
    return value;
  }

  /// Returns the effective values, in the order of the declaration.
  std::vector<Shown> show(const T& value) const {
    std::vector<Shown> all;
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      Shown shown = printers_[i](value, fields_[i]);
      shown.key = fields_[i].name;
      if (shown.kind == Shown::Kind::absent) shown.value = fields_[i].attributes.absent;
      all.push_back(std::move(shown));
    }
    return all;
  }

  void validate(const Node& node, const std::string& path, Reading& reading) const override {
    read(node, path, reading);
  }

  std::vector<Shown> show_node(const Node& node) const override {
    Reading quiet;
    return show(read(node, "", quiet));
  }

 private:
  using Reader =
      std::function<void(T&, const Node&, const FieldInfo&, const std::string&, Reading&)>;
  using Printer = std::function<Shown(const T&, const FieldInfo&)>;

  static FieldInfo describe(std::string_view name,
                            std::string_view sentence,
                            Shape shape,
                            std::string_view words,
                            Attributes attributes) {
    return {.name = std::string(name),
            .sentence = std::string(sentence),
            .shape = shape,
            .words = std::string(words),
            .default_text = {},
            .attributes = std::move(attributes)};
  }

  Object& add(FieldInfo info, Reader reader, Printer printer) {
    const Shown initial = printer(T{}, info);
    if (initial.kind == Shown::Kind::scalar) info.default_text = initial.value;
    if (initial.kind == Shown::Kind::absent) info.default_text = info.attributes.absent;
    declare(std::move(info));
    readers_.push_back(std::move(reader));
    printers_.push_back(std::move(printer));
    return *this;
  }

  std::vector<Reader> readers_;
  std::vector<Printer> printers_;
  std::vector<std::function<void(const T&, Report&)>> checks_;
};

/// A configuration that was read, and all that is known about it.
template <typename T>
struct Loaded {
  T value;
  Reading reading;
};

/// Parses and reads a text. When it is not YAML, only that is reported.
template <typename T>
Loaded<T> load(const Object<T>& schema, std::string_view text, const YamlOptions& options) {
  Loaded<T> loaded{T{}, Reading{.file = options.file}};
  const auto document = parse_yaml(text, options, loaded.reading.issues);
  if (!document) return loaded;
  loaded.reading.places.set("", loaded.reading.origin_of(*document));
  loaded.value = schema.read(*document, "", loaded.reading);
  sort_issues(loaded.reading.issues);
  return loaded;
}

/// Reads a node that validate() has found good, such as the options of a Tagged. A Bug when it is
/// not.
template <typename T>
T reread(const Object<T>& schema, const Node& node) {
  Reading reading;
  T value = schema.read(node, "", reading);
  millrace::config::check(!has_errors(reading.issues),
                          "a node that is read again was validated before");
  return value;
}

}  // namespace millrace::config
