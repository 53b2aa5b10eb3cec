#include "worker/stages/isolate.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace millrace::worker {
namespace {

using Done = std::function<void(std::size_t row, const pipeline::RowView& values)>;

class Isolation {
 public:
  Isolation(std::span<const Row> rows,
            const Forward& forward,
            std::uint32_t retries,
            const Done& done)
      : rows_(rows), forward_(forward), retries_(retries), done_(done) {}

  Isolated run() {
    run_range(0, rows_.size());
    for (std::size_t i = 0; i < suspects_.size() && !result_.stop; ++i) try_alone(suspects_[i]);
    return std::move(result_);
  }

 private:
  struct Suspect {
    std::size_t row = 0;
    Error error;
  };

  void run_range(std::size_t begin, std::size_t end) {
    if (begin == end || result_.stop) return;
    auto output = call(begin, end);
    if (output) {
      hand_out(begin, end, *output);
      return;
    }
    const Error& problem = output.error();
    if (problem.kind == Errc::device_lost) {
      result_.stop = problem;
      return;
    }
    if (end - begin == 1) {
      suspects_.push_back({begin, problem});
      return;
    }
    const bool memory = problem.kind == Errc::resource_exhausted;
    const std::size_t middle = memory ? half_of_cost(begin, end) : begin + (end - begin) / 2;
    if (memory) {
      const std::size_t half = std::max(cost(begin, middle), cost(middle, end));
      result_.lower_cost = std::min(result_.lower_cost.value_or(half), half);
    }
    run_range(begin, middle);
    run_range(middle, end);
  }

  void try_alone(Suspect suspect) {
    std::uint32_t attempts = 1;
    Error problem = std::move(suspect.error);
    for (std::uint32_t again = 0; again < 1 + retries_; ++again) {
      auto output = call(suspect.row, suspect.row + 1);
      ++attempts;
      if (output) {
        hand_out(suspect.row, suspect.row + 1, *output);
        return;
      }
      problem = std::move(output).error();
      if (problem.kind == Errc::device_lost) {
        result_.stop = std::move(problem);
        return;
      }
    }
    if (problem.kind == Errc::resource_exhausted) {
      problem = error(Errc::resource_exhausted,
                      "TOO_BIG_FOR_MEMORY",
                      fmt::format("a row of {} tokens does not fit into memory alone: {}",
                                  rows_[suspect.row].content().cost(),
                                  problem.message));
    }
    result_.blamed.push_back({suspect.row, std::move(problem), attempts});
  }

  Result<pipeline::Output> call(std::size_t begin, std::size_t end) {
    ++result_.calls;
    return forward_(rows_.subspan(begin, end - begin));
  }

  void hand_out(std::size_t begin, std::size_t end, const pipeline::Output& output) {
    for (std::size_t row = begin; row < end; ++row) done_(row, output.row(row - begin));
  }

  std::size_t cost(std::size_t begin, std::size_t end) const {
    std::size_t sum = 0;
    for (std::size_t row = begin; row < end; ++row) sum += rows_[row].content().cost();
    return sum;
  }

  /// The place, inside the range, at which both sides cost about the same.
  std::size_t half_of_cost(std::size_t begin, std::size_t end) const {
    const std::size_t whole = cost(begin, end);
    std::size_t sum = 0;
    for (std::size_t row = begin; row + 1 < end; ++row) {
      sum += rows_[row].content().cost();
      if (2 * sum >= whole) return row + 1;
    }
    return end - 1;
  }

  std::span<const Row> rows_;
  const Forward& forward_;
  std::uint32_t retries_;
  const Done& done_;
  std::vector<Suspect> suspects_;
  Isolated result_;
};

}  // namespace

Isolated isolate(std::span<const Row> rows,
                 const Forward& forward,
                 std::uint32_t retries,
                 const Done& done) {
  return Isolation(rows, forward, retries, done).run();
}

}  // namespace millrace::worker
