#pragma once

#include "config/base/clock.h"
#include "config/base/metrics.h"
#include "config/base/pointer.h"
#include "pipeline/contract/model.h"
#include "pipeline/contract/task.h"
#include "worker/flow/batch_queue.h"
#include "worker/flow/channel.h"
#include "worker/flow/stop_reason.h"
#include "worker/stages/read.h"
#include "worker/stages/stage.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace millrace::worker {

class InferStage;

/// One record between prepare and finish.
///
/// Owned by its rows until the last of them is back; then by the pool. Each row is written by one
/// runner.
struct InferJob {
  const InferStage* stage = nullptr;
  Envelope envelope;
  pipeline::Prepared prepared;

  struct Values {
    std::vector<float> numbers;
    std::size_t width = 0;
  };

  std::vector<Values> values;  // one for each item
  std::atomic<std::size_t> missing{0};
  std::mutex failure_mutex;
  std::unique_ptr<Failure> failure;  // the first one of its rows
  std::atomic<bool> abandoned{false};
};

/// One item of a record, waiting for the model.
struct Row {
  std::shared_ptr<InferJob> job;
  std::size_t item = 0;

  const pipeline::Item& content() const { return job->prepared.items[item]; }
};

/// Jobs whose rows are all back.
using FinishedJobs = Channel<std::shared_ptr<InferJob>>;

enum class AfterFailure : std::uint8_t { dead_letter, drop, stop };

struct InferOptions {
  std::string name;
  Read read;
  Pointer write;
  BatchLimits batch;
  std::uint32_t retries = 0;
  AfterFailure then = AfterFailure::dead_letter;
  bool nonfinite_is_null = false;  // else such a record has failed
};

/// What a pipeline did so far, for the status page. Thread-safe to read.
struct InferCounts {
  std::uint64_t batches = 0;
  std::uint64_t rows = 0;
  std::uint64_t tokens = 0;
  std::size_t budget_tokens = 0;
  std::size_t queued_rows = 0;
  double forward_p50_ms = 0;
};

/// Runs a pipeline: prepare on the pool, rows of all partitions into one queue, forward on a
/// runner, finish on the pool.
class InferStage final : public Stage {
 public:
  /// task and model may share an owner. runner_signal: where runners wait. Everything referred to
  /// outlives the stage.
  InferStage(InferOptions options,
             std::shared_ptr<const pipeline::Task> task,
             std::shared_ptr<const pipeline::Model> model,
             Signal& runner_signal,
             FinishedJobs& finished,
             StopReason& stop,
             Metrics& metrics,
             const Clock& clock);

  /// Prepares the record and hands its rows to the runners. A record without rows is finished at
  /// once.
  void process(Envelope envelope, Output& output) const override;

  /// Puts the result of a job whose rows are back into its document and sends it on, or settles it
  /// as failed.
  void finish(InferJob& job, Output& output) const;

  /// Takes a row back from the runner: its values, or why there are none.
  void deliver(const Row& row, const pipeline::RowView& values) const;
  void fail(const Row& row, Error error, std::uint32_t attempts, const std::string& batch) const;

  /// Takes back a row that no model will see, because its record is left to the next owner of the
  /// partition.
  void abandon(const Row& row) const;

  const std::string& name() const { return options_.name; }

  const pipeline::Model& model() const { return *model_; }

  std::uint32_t retries() const { return options_.retries; }

  BatchQueue<Row>& queue() const { return queue_; }

  /// Wakes a runner that has nothing to do.
  void wake_another() const { runner_signal_.notify(); }

  /// Counts a batch that a runner has done.
  void count_batch(std::size_t rows, std::size_t tokens, Duration took) const;

  InferCounts counts() const;

 private:
  void row_is_back(const Row& row) const;
  void settle_failed(Envelope envelope, Failure failure) const;
  Failure failure_of(Error error) const;
  Result<void> put(Envelope& envelope, Json result) const;

  InferOptions options_;
  std::shared_ptr<const pipeline::Task> task_;
  std::shared_ptr<const pipeline::Model> model_;
  std::shared_ptr<const ModelTag> tag_;
  mutable BatchQueue<Row> queue_;
  Signal& runner_signal_;
  FinishedJobs& finished_;
  StopReason& stop_;
  const Clock& clock_;
  Counter& batches_;
  Counter& rows_;
  Counter& tokens_;
  Counter& truncated_;
  Counter& dropped_;
  Histogram& forward_;
};

}  // namespace millrace::worker
