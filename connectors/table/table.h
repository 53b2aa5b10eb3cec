#pragma once

#include "config/base/result.h"
#include "config/schema/object.h"
#include "connectors/codecs/codecs.h"
#include "connectors/contract/admin.h"
#include "connectors/contract/sink.h"
#include "connectors/contract/source.h"
#include "connectors/file/options.h"
#include "connectors/kafka/options.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::connectors {

// The one list of connectors. A new one is a row here; whoever uses the table does not change.

/// The clusters of a topology file, by name.
using Clusters = std::vector<std::pair<std::string, ClusterOptions>>;

/// The kinds that may stand under a source, or a sink, with their schemas.
const std::vector<config::Kind>& source_kinds();
const std::vector<config::Kind>& sink_kinds();

/// Something that is wrong with a connector as written: the field of its options, and what.
struct OptionProblem {
  std::string field;
  std::string message;
  std::string hint;
};

/// Looks at options in the light of the clusters. Options that their schema has refused are looked
/// at as far as they go.
std::vector<OptionProblem> check_source(const config::Tagged& tagged, const Clusters& clusters);
std::vector<OptionProblem> check_sink(const config::Tagged& tagged, const Clusters& clusters);

/// Tries options that were found good on clients that connect to nobody. Nothing: they are fine.
std::optional<std::string> try_source(const config::Tagged& tagged, const Clusters& clusters);
std::optional<std::string> try_sink(const config::Tagged& tagged, const Clusters& clusters);

/// What a connector reads or writes, for people: `kafka reviews.raw`, `files out.jsonl.gz`.
std::string describe(const config::Tagged& tagged);

/// Names of what is read or written, each unique in the world: `kafka main/reviews.raw`. Empty for
/// streams.
std::vector<std::string> targets(const config::Tagged& tagged);

/// Whether reading goes on after a restart where it was, or why not.
struct Reread {
  bool continues = true;
  std::string reason;
};

Reread reread_of(const config::Tagged& source);

/// Makes a connector from options that check_source or check_sink has found good.
std::unique_ptr<Source> make_source(const config::Tagged& tagged,
                                    const Clusters& clusters,
                                    const KafkaEnvironment& environment);
std::unique_ptr<Sink> make_sink(const config::Tagged& tagged,
                                const Clusters& clusters,
                                const KafkaEnvironment& environment);

/// A Kafka broker inside this process, for the demo.
class EmbeddedBroker {
 public:
  static Result<std::unique_ptr<EmbeddedBroker>> start();
  virtual ~EmbeddedBroker() = default;

  /// What `brokers:` wants.
  virtual const std::string& brokers() const = 0;
  virtual Result<void> create_topic(const std::string& name, int partitions) = 0;
};

/// Versions of the libraries behind the connectors, for `version --features`.
std::vector<std::string> library_versions();

}  // namespace millrace::connectors
