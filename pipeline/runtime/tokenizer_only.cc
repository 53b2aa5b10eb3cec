#include "pipeline/runtime/tokenizer_only.h"

#include "config/base/sha256.h"

#include <array>
#include <cstddef>
#include <fstream>
#include <span>
#include <sstream>
#include <utility>

#include <fmt/format.h>

namespace millrace::pipeline {
namespace {

constexpr std::size_t kRevisionDigits = 12;

/// The files of a tokenizer: what changes its ids changes one of them.
constexpr std::array kFiles = {"tokenizer.json",
                               "tokenizer_config.json",
                               "special_tokens_map.json",
                               "added_tokens.json",
                               "vocab.txt",
                               "vocab.json",
                               "merges.txt",
                               "sentencepiece.bpe.model",
                               "spiece.model",
                               "spm.model"};

std::string digest_of(const std::filesystem::path& folder) {
  config::Sha256 digest;
  for (const char* name : kFiles) {
    std::ifstream stream(folder / name, std::ios::binary);
    std::stringstream text;
    if (stream) text << stream.rdbuf();
    digest.add(std::as_bytes(std::span<const char>(text.view())));
  }
  return digest.hex().substr(0, kRevisionDigits);
}

class TokenizerOnly final : public Model {
 public:
  explicit TokenizerOnly(std::string revision) {
    facts_.model_type = "tokenizer";
    facts_.architecture = "tokenizer";
    facts_.revision = std::move(revision);
    facts_.device = "cpu";
    facts_.dtype = "none";
  }

  const ModelFacts& facts() const override { return facts_; }

  std::unique_ptr<Workspace> make_workspace() const override { return std::make_unique<NoRows>(); }

  Result<Output> forward(const Batch&, Workspace&) const override {
    return error(Errc::internal, "FORWARD_FAILED", "a task without a model has made rows for one");
  }

 private:
  struct NoRows final : Workspace {};

  ModelFacts facts_;
};

}  // namespace

std::shared_ptr<const Model> tokenizer_only(const std::filesystem::path& folder,
                                            const std::string& revision) {
  const std::string content = digest_of(folder);
  return std::make_shared<const TokenizerOnly>(
      revision.empty() ? content : fmt::format("{}@{}", revision, content));
}

}  // namespace millrace::pipeline
