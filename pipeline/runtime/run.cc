#include "pipeline/runtime/pipeline.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

#include <nlohmann/json.hpp>

namespace millrace::pipeline {
namespace {

/// One input on its way to its result.
struct Job {
  Result<Prepared> prepared = Prepared();
  std::vector<std::vector<float>> values;  // per item
  std::vector<std::size_t> widths;         // per item
  std::optional<Error> failure;
};

/// One item of a job.
struct Row {
  Job* job = nullptr;
  std::size_t item = 0;

  const Item& content() const { return job->prepared->items[item]; }
};

Job prepare(const Task& task, const Json& input) {
  Job job;
  job.prepared = task.prepare(input);
  if (!job.prepared) return job;
  job.values.resize(job.prepared->items.size());
  job.widths.resize(job.prepared->items.size());
  return job;
}

/// Longest first, so that a batch holds rows of about one length.
std::vector<Row> rows_by_length(std::vector<Job>& jobs) {
  std::vector<Row> rows;
  for (Job& job : jobs) {
    for (std::size_t item = 0; item < job.values.size(); ++item) rows.push_back({&job, item});
  }
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return a.content().cost() > b.content().cost();
  });
  return rows;
}

/// Returns how many of the rows make one batch: at least one, then as many as the budget holds.
std::size_t batch_of(std::span<const Row> rows, std::size_t budget) {
  std::size_t tokens = rows.front().content().cost();
  std::size_t count = 1;
  while (count < rows.size()) {
    tokens += rows[count].content().cost();
    if (tokens > budget) break;
    ++count;
  }
  return count;
}

/// Runs rows as one batch. One that fails is run again in halves, until the row that it is about
/// stands alone.
void forward(const Model& model, Workspace& workspace, std::span<const Row> rows) {
  std::vector<const Item*> items;
  for (const Row& row : rows) items.push_back(&row.content());
  const auto output = model.forward(pack(items), workspace);
  if (!output && rows.size() > 1 && output.error().kind != Errc::device_lost) {
    forward(model, workspace, rows.first(rows.size() / 2));
    forward(model, workspace, rows.subspan(rows.size() / 2));
    return;
  }
  for (std::size_t r = 0; r < rows.size(); ++r) {
    Job& job = *rows[r].job;
    if (!output) {
      job.failure = output.error();
      continue;
    }
    const RowView row = output->row(r);
    job.values[rows[r].item].assign(row.values.begin(), row.values.end());
    job.widths[rows[r].item] = row.width;
  }
}

Result<Json> finish(const Task& task, const Job& job) {
  if (!job.prepared) return job.prepared.error();
  if (job.failure) return *job.failure;
  std::vector<RowView> views;
  for (std::size_t item = 0; item < job.values.size(); ++item)
    views.push_back({job.values[item], job.widths[item]});
  return task.finish(*job.prepared, views);
}

}  // namespace

std::vector<Result<Json>> run_pipeline(const Pipeline& pipeline, const std::vector<Json>& inputs) {
  std::vector<Job> jobs;
  jobs.reserve(inputs.size());
  for (const Json& input : inputs) jobs.push_back(prepare(pipeline.task(), input));
  const std::vector<Row> rows = rows_by_length(jobs);
  const auto workspace = pipeline.model().make_workspace();
  for (std::span<const Row> rest = rows; !rest.empty();) {
    const std::size_t count = batch_of(rest, pipeline.batch_tokens());
    forward(pipeline.model(), *workspace, rest.first(count));
    rest = rest.subspan(count);
  }
  std::vector<Result<Json>> results;
  results.reserve(jobs.size());
  for (const Job& job : jobs) results.push_back(finish(pipeline.task(), job));
  return results;
}

}  // namespace millrace::pipeline
