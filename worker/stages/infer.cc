#include "worker/stages/infer.h"

#include "config/base/log.h"

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::worker {
namespace {

std::vector<double> forward_bounds() {
  return {0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05,
          0.06,   0.08,  0.1,   0.15,  0.2,   0.3,    0.5,  1,     2,    5,    10,   30};
}

}  // namespace

InferStage::InferStage(InferOptions options,
                       std::shared_ptr<const pipeline::Task> task,
                       std::shared_ptr<const pipeline::Model> model,
                       Signal& runner_signal,
                       FinishedJobs& finished,
                       StopReason& stop,
                       Metrics& metrics,
                       const Clock& clock)
    : options_(std::move(options)),
      task_(std::move(task)),
      model_(std::move(model)),
      queue_(options_.batch, runner_signal),
      runner_signal_(runner_signal),
      finished_(finished),
      stop_(stop),
      clock_(clock),
      batches_(metrics.counter(
          "worker_batches_total", "Batches that a model has done.", {{"stage", options_.name}})),
      rows_(metrics.counter(
          "worker_rows_total", "Rows that a model has done.", {{"stage", options_.name}})),
      tokens_(metrics.counter(
          "worker_tokens_total", "Tokens that a model has done.", {{"stage", options_.name}})),
      truncated_(metrics.counter("worker_truncated_total",
                                 "Records with a text that was cut.",
                                 {{"stage", options_.name}})),
      dropped_(metrics.counter("worker_dropped_total",
                               "Failed records that `then: drop` has thrown away.",
                               {{"stage", options_.name}})),
      forward_(metrics.histogram("worker_forward_seconds",
                                 "Time of one batch in the model.",
                                 forward_bounds(),
                                 {{"stage", options_.name}})) {
  const pipeline::ModelFacts& facts = model_->facts();
  tag_ = std::make_shared<const ModelTag>(
      ModelTag{facts.architecture, facts.revision, facts.device, facts.dtype});
}

void InferStage::process(Envelope envelope, Output& output) const {
  if (!envelope.document.has_value()) {
    // A record without a value has nothing to infer from; `on_null: forward` means that it passes.
    output.send(0, std::move(envelope));
    return;
  }
  Document made;
  const auto input = options_.read.of(*envelope.document, made);
  if (!input) {
    settle_failed(std::move(envelope), failure_of(input.error()));
    return;
  }
  auto prepared = task_->prepare(**input);
  if (!prepared) {
    Failure failure = failure_of(std::move(prepared).error());
    settle_failed(std::move(envelope), std::move(failure));
    return;
  }
  auto job = std::make_shared<InferJob>();
  job->stage = this;
  job->envelope = std::move(envelope);
  job->prepared = *std::move(prepared);
  const std::size_t items = job->prepared.items.size();
  job->values.resize(items);
  job->missing.store(items, std::memory_order_relaxed);
  if (items == 0) {
    finish(*job, output);
    return;
  }
  const Instant now = clock_.now();
  for (std::size_t item = 0; item < items; ++item) {
    const pipeline::Item& content = job->prepared.items[item];
    const std::size_t bytes = (content.ids.size() + content.type_ids.size()) * sizeof(std::int32_t);
    queue_.add(Row{job, item}, content.cost(), bytes, now);
  }
}

void InferStage::deliver(const Row& row, const pipeline::RowView& values) const {
  InferJob::Values& kept = row.job->values[row.item];
  kept.numbers.assign(values.values.begin(), values.values.end());
  kept.width = values.width;
  row_is_back(row);
}

void InferStage::fail(const Row& row,
                      Error error,
                      std::uint32_t attempts,
                      const std::string& batch) const {
  {
    const std::lock_guard lock(row.job->failure_mutex);
    if (!row.job->failure) {
      auto failure = std::make_unique<Failure>(failure_of(std::move(error)));
      failure->attempts = attempts;
      failure->batch = batch;
      row.job->failure = std::move(failure);
    }
  }
  row_is_back(row);
}

void InferStage::abandon(const Row& row) const {
  row.job->abandoned.store(true, std::memory_order_release);
  row_is_back(row);
}

void InferStage::row_is_back(const Row& row) const {
  if (row.job->missing.fetch_sub(1, std::memory_order_acq_rel) == 1)
    finished_.push(std::shared_ptr(row.job));
}

void InferStage::finish(InferJob& job, Output& output) const {
  Envelope& envelope = job.envelope;
  if (job.abandoned.load(std::memory_order_acquire) || envelope.token.lease().dead()) {
    envelope.token.discard();
    return;
  }
  if (job.failure) {
    settle_failed(std::move(envelope), std::move(*job.failure));
    return;
  }
  if (job.prepared.truncated) {
    envelope.truncated = true;
    truncated_.add();
  }
  envelope.models.push_back(tag_);
  std::vector<pipeline::RowView> rows;
  rows.reserve(job.values.size());
  for (const InferJob::Values& values : job.values) rows.push_back({values.numbers, values.width});
  auto result = task_->finish(job.prepared, rows);
  if (!result && options_.nonfinite_is_null && result.error().code == "NONFINITE") {
    result = Json(nullptr);
  }
  if (!result) {
    Failure failure = failure_of(std::move(result).error());
    settle_failed(std::move(envelope), std::move(failure));
    return;
  }
  if (auto written = put(envelope, *std::move(result)); !written) {
    Failure failure = failure_of(std::move(written).error());
    settle_failed(std::move(envelope), std::move(failure));
    return;
  }
  output.send(0, std::move(envelope));
}

/// A value that has no fields gives way to a new document that holds the results only.
Result<void> InferStage::put(Envelope& envelope, Json result) const {
  Json& document = *envelope.document;
  envelope.changed = true;
  if (!options_.write.whole() && !document.is_object() && !document.is_array())
    document = Json::object();
  return options_.write.put(document, std::move(result));
}

Failure InferStage::failure_of(Error error) const {
  const std::int64_t now = clock_.unix_ms();
  return Failure{.error = std::move(error),
                 .stage = options_.name,
                 .attempts = 1,
                 .first_ms = now,
                 .last_ms = now,
                 .model = tag_->model,
                 .revision = tag_->revision,
                 .device = tag_->device,
                 .dtype = tag_->dtype,
                 .batch = {}};
}

void InferStage::settle_failed(Envelope envelope, Failure failure) const {
  switch (options_.then) {
    case AfterFailure::dead_letter:
      envelope.token.reject(std::move(failure));
      return;
    case AfterFailure::drop:
      dropped_.add();
      envelope.token.filter();
      return;
    case AfterFailure::stop:
      // The token is left unsettled on purpose: the record is read again after the restart.
      stop_.stop(error(failure.error.kind,
                       "STOPPED_BY_ERRORS",
                       fmt::format("stage {} failed at {} and is told to stop: {}",
                                   options_.name,
                                   to_text(envelope.token.record().origin),
                                   failure.error.text())));
      return;
  }
}

void InferStage::count_batch(std::size_t rows, std::size_t tokens, Duration took) const {
  batches_.add();
  rows_.add(rows);
  tokens_.add(tokens);
  forward_.observe(std::chrono::duration<double>(took).count());
}

InferCounts InferStage::counts() const {
  return {.batches = batches_.value(),
          .rows = rows_.value(),
          .tokens = tokens_.value(),
          .budget_tokens = queue_.limits().max_cost,
          .queued_rows = queue_.size(),
          .forward_p50_ms = forward_.quantile(0.5) * 1000.0};
}

}  // namespace millrace::worker
