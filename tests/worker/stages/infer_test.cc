#include "worker/stages/infer.h"

#include "config/base/clock.h"
#include "config/base/metrics.h"
#include "worker/flow/byte_budget.h"
#include "worker/stages/runner.h"

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace millrace::worker {
namespace {

/// Gives the number it was given, through a row of one token.
class NumberTask final : public pipeline::Task {
 public:
  Result<pipeline::Prepared> prepare(const Json& input) const override {
    if (!input.is_number()) return error(Errc::invalid_input, "BAD_INPUT", "no number");
    pipeline::Prepared prepared;
    prepared.items.push_back({.ids = {input.get<std::int32_t>()}, .type_ids = {}});
    prepared.truncated = input.get<int>() == 7;
    return prepared;
  }

  Result<Json> finish(const pipeline::Prepared&,
                      std::span<const pipeline::RowView> rows) const override {
    const float value = rows[0].values[0];
    if (!std::isfinite(value)) return error(Errc::invalid_input, "NONFINITE", "not finite");
    return Json(static_cast<int>(value));
  }
};

class NoWorkspace final : public pipeline::Workspace {};

/// Gives each id back; -1 becomes NaN and -2 fails the batch.
class EchoModel final : public pipeline::Model {
 public:
  EchoModel() {
    facts_ = {.architecture = "Echo", .revision = "r1", .device = "cpu", .dtype = "float32"};
  }

  const pipeline::ModelFacts& facts() const override { return facts_; }

  std::unique_ptr<pipeline::Workspace> make_workspace() const override {
    return std::make_unique<NoWorkspace>();
  }

  Result<pipeline::Output> forward(const pipeline::Batch& batch,
                                   pipeline::Workspace&) const override {
    pipeline::Output output;
    output.begin.push_back(0);
    for (const std::int32_t id : batch.ids) {
      if (id == -2) return error(Errc::internal, "FORWARD_FAILED", "bad row");
      output.values.push_back(id == -1 ? std::numeric_limits<float>::quiet_NaN()
                                       : static_cast<float>(id));
      output.begin.push_back(output.values.size());
      output.width.push_back(1);
    }
    return output;
  }

 private:
  pipeline::ModelFacts facts_;
};

/// Keeps what a stage has sent on.
class Kept final : public Output {
 public:
  void send(std::size_t, Envelope envelope) override { envelopes.push_back(std::move(envelope)); }

  std::vector<Envelope> envelopes;
};

class Infer : public testing::Test {
 protected:
  void make(InferOptions options) {
    options.name = "score";
    options.batch.deadline = std::chrono::milliseconds(0);
    stage_ = std::make_unique<InferStage>(std::move(options),
                                          std::make_shared<NumberTask>(),
                                          std::make_shared<EchoModel>(),
                                          signal_,
                                          finished_,
                                          stop_,
                                          metrics_,
                                          clock_);
    runner_ = std::make_unique<Runner>(std::vector<const InferStage*>{stage_.get()}, stop_, clock_);
  }

  /// Sends a document through the stage; what came out is in out_, or in the passage.
  PassagePtr run(const std::string& document) {
    auto passage = std::make_unique<Passage>();
    passage->lease = lease_;
    Envelope envelope;
    envelope.token = FateToken(std::move(passage), exit_);
    envelope.document = Document(Json::parse(document));
    stage_->process(std::move(envelope), out_);
    runner_->step();
    std::vector<std::shared_ptr<InferJob>> jobs;
    finished_.pop_all(jobs);
    for (const auto& job : jobs) stage_->finish(*job, out_);
    std::vector<PassagePtr> settled;
    inbox_.pop_all(settled);
    return settled.empty() ? nullptr : std::move(settled.front());
  }

  std::string sent() {
    if (out_.envelopes.size() != 1) return "nothing";
    std::string text = out_.envelopes[0].document->dump();
    out_.envelopes[0].token.filter();
    return text;
  }

  ManualClock clock_;
  Metrics metrics_;
  Signal signal_;
  ByteBudget budget_;
  Channel<PassagePtr> inbox_{signal_};
  Exit exit_{inbox_, budget_};
  FinishedJobs finished_{signal_};
  StopReason stop_;
  std::shared_ptr<LeaseState> lease_ = std::make_shared<LeaseState>(
      Lease{1, "t", 0}, 0, std::vector<OffsetRun>{}, std::make_shared<Ledger>());
  Kept out_;
  std::unique_ptr<InferStage> stage_;
  std::unique_ptr<Runner> runner_;
};

InferOptions at_result() {
  InferOptions options;
  options.write = *Pointer::parse("/result");
  return options;
}

TEST_F(Infer, writes_the_result_where_it_is_told) {
  make(at_result());
  EXPECT_EQ(run("5"), nullptr);
  // A value without fields gives way to a document that holds the result.
  EXPECT_EQ(sent(), R"({"result":5})");
}

TEST_F(Infer, an_empty_pointer_makes_the_result_the_whole_value) {
  make({});
  run("5");
  EXPECT_EQ(sent(), "5");
}

TEST_F(Infer, says_which_model_it_was_and_whether_it_cut) {
  make(at_result());
  run("7");
  ASSERT_EQ(out_.envelopes.size(), 1U);
  EXPECT_TRUE(out_.envelopes[0].truncated);
  EXPECT_EQ(out_.envelopes[0].models[0]->model, "Echo");
  EXPECT_EQ(sent(), R"({"result":7})");
}

TEST_F(Infer, a_record_that_cannot_be_prepared_or_computed_is_a_dead_letter) {
  make(at_result());
  for (const auto& [document, code] : {std::pair("\"text\"", "BAD_INPUT"),
                                       std::pair("-2", "FORWARD_FAILED"),
                                       std::pair("-1", "NONFINITE")}) {
    const PassagePtr passage = run(document);
    ASSERT_NE(passage, nullptr) << document;
    EXPECT_EQ(passage->outcome, Outcome::dead_lettered);
    ASSERT_NE(passage->failure, nullptr);
    EXPECT_EQ(passage->failure->error.code, code);
    EXPECT_EQ(passage->failure->stage, "score");
    EXPECT_EQ(passage->failure->model, "Echo");
  }
  EXPECT_TRUE(out_.envelopes.empty());
}

TEST_F(Infer, a_result_that_is_no_number_may_be_null_instead) {
  InferOptions options = at_result();
  options.nonfinite_is_null = true;
  make(options);
  EXPECT_EQ(run("-1"), nullptr);
  EXPECT_EQ(sent(), R"({"result":null})");
}

TEST_F(Infer, failed_records_are_dropped_or_stop_the_worker_if_it_is_told_so) {
  InferOptions options = at_result();
  options.then = AfterFailure::drop;
  make(options);
  EXPECT_EQ(run("-2")->outcome, Outcome::filtered);
  options.then = AfterFailure::stop;
  make(options);
  EXPECT_EQ(run("-2")->outcome, Outcome::failed);
  ASSERT_TRUE(stop_.stopped());
  EXPECT_EQ(stop_.error()->code, "STOPPED_BY_ERRORS");
}

TEST_F(Infer, rows_of_a_partition_that_is_being_given_back_never_reach_the_model) {
  make(at_result());
  auto passage = std::make_unique<Passage>();
  passage->lease = lease_;
  Envelope envelope;
  envelope.token = FateToken(std::move(passage), exit_);
  envelope.document = Document(Json(5));
  stage_->process(std::move(envelope), out_);
  lease_->move_to(LeaseStage::closing);
  runner_->step();
  std::vector<std::shared_ptr<InferJob>> jobs;
  finished_.pop_all(jobs);
  ASSERT_EQ(jobs.size(), 1U);
  stage_->finish(*jobs[0], out_);
  std::vector<PassagePtr> settled;
  inbox_.pop_all(settled);
  ASSERT_EQ(settled.size(), 1U);
  EXPECT_EQ(settled[0]->outcome, Outcome::discarded);
  EXPECT_EQ(stage_->counts().batches, 0U);
}

}  // namespace
}  // namespace millrace::worker
