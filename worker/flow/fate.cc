#include "worker/flow/fate.h"

#include "config/base/check.h"

#include <utility>

namespace millrace::worker {
namespace {

/// Beyond this many records a batch is sent, so that the first of a long chunk do not wait for the
/// last.
constexpr std::size_t kMaxSettleBatch = 256;

thread_local SettleBatch* current_batch = nullptr;

void weigh(Passage& passage, ByteBudget& budget, std::size_t bytes) {
  passage.booked_bytes += bytes;
  budget.book(0, bytes);
}

}  // namespace

std::size_t size_bytes(const connectors::OutRecord& output) {
  std::size_t size = output.key.size() + output.value.size();
  for (const connectors::Header& header : output.headers) {
    size += header.name.size() + header.value.size();
  }
  return size;
}

FateToken::FateToken(PassagePtr passage, Exit& exit) : passage_(passage.release()) {
  passage_->exit_ = &exit;
}

FateToken& FateToken::operator=(FateToken&& other) noexcept {
  FateToken old(std::exchange(passage_, std::exchange(other.passage_, nullptr)));
  return *this;
}

FateToken::~FateToken() {
  if (passage_ != nullptr) settle(Outcome::failed, [](Passage&) {});
}

FateToken FateToken::split() {
  check(passage_ != nullptr, "only an open duty is split");
  passage_->parts_.fetch_add(1, std::memory_order_relaxed);
  return FateToken(passage_);
}

template <typename Change>
void FateToken::settle(Outcome outcome, Change change) {
  check(passage_ != nullptr, "a token is settled once");
  Passage& passage = *std::exchange(passage_, nullptr);
  {
    // The holder of the only part is alone: nobody else could split it.
    std::unique_lock<std::mutex> lock;
    if (passage.parts_.load(std::memory_order_acquire) > 1) lock = std::unique_lock(passage.mutex_);
    change(passage);
    if (outcome > passage.outcome) passage.outcome = outcome;
  }
  if (passage.parts_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    SettleBatch::arrive(PassagePtr(&passage), *passage.exit_);
  }
}

void FateToken::publish(SinkId sink, connectors::OutRecord output) {
  settle(Outcome::published, [&](Passage& passage) {
    weigh(passage, passage.exit_->budget, size_bytes(output));
    passage.outputs.add(Emission{sink, std::move(output)});
  });
}

void FateToken::filter() {
  settle(Outcome::filtered, [](Passage&) {});
}

void FateToken::reject(Failure failure) {
  settle(Outcome::dead_lettered, [&](Passage& passage) {
    if (!passage.failure) passage.failure = std::make_unique<Failure>(std::move(failure));
  });
}

void FateToken::discard() {
  check(passage_ != nullptr && !lease().active(), "only records of an ending lease are discarded");
  settle(Outcome::discarded, [](Passage&) {});
}

SettleBatch::SettleBatch() : outer_(std::exchange(current_batch, this)) {}

SettleBatch::~SettleBatch() {
  flush();
  current_batch = outer_;
}

void SettleBatch::flush() {
  if (passages_.empty()) return;
  // A closed inbox means teardown past the deadline: the passages end here, unsettled.
  if (!exit_->inbox.push_all(passages_)) passages_.clear();
}

void SettleBatch::arrive(PassagePtr passage, Exit& exit) {
  SettleBatch* batch = current_batch;
  if (batch == nullptr) {
    exit.inbox.push(std::move(passage));
    return;
  }
  if (batch->exit_ != &exit) batch->flush();
  batch->exit_ = &exit;
  batch->passages_.push_back(std::move(passage));
  if (batch->passages_.size() >= kMaxSettleBatch) batch->flush();
}

}  // namespace millrace::worker
