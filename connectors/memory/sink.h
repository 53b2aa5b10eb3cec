#pragma once

#include "connectors/contract/sink.h"

#include <condition_variable>
#include <deque>
#include <functional>
#include <limits>
#include <mutex>
#include <optional>
#include <vector>

namespace millrace::connectors {

/// Collects what is written, and misbehaves when told to.
///
/// For the simulator and tests. The Sink part belongs to one thread; all else is thread-safe.
class MemorySink final : public Sink {
 public:
  struct Written {
    OutRecord record;
    std::uint64_t opaque = 0;
  };

  using Judge = std::function<std::optional<Error>(const OutRecord&)>;

  // What a test does.

  /// While corked, the sink is full.
  void cork();
  void uncork();

  /// Is full while this many records wait for their verdict.
  void set_capacity(std::size_t records);

  /// Keeps verdicts back until they are released, oldest first.
  void hold_verdicts();
  void release_verdicts(std::size_t count = std::numeric_limits<std::size_t>::max());
  /// Lets verdicts through again, those kept back first.
  void stop_holding();

  /// Gives records for which the judge returns an error that error as their verdict. It runs under
  /// a lock: keep it pure.
  void fail_when(Judge judge);

  /// Refuses such records in write() already.
  void refuse_when(Judge judge);

  void fail_next_open(Error problem);
  void fail_next_poll(Error problem);

  // What a test looks at.

  /// Returns all accepted records in the order of write().
  std::vector<Written> written() const;

  /// Returns the values of those whose verdict was good and has been fetched, in the order of the
  /// verdicts.
  std::vector<Written> delivered() const;
  std::size_t flushes() const;
  bool closed() const;

  // Sink.

  Result<void> open() override;
  Result<Accepted> write(OutRecord& record, std::uint64_t opaque) override;
  Result<void> poll(std::chrono::milliseconds wait, std::vector<Verdict>& verdicts) override;
  Result<void> flush() override;
  Result<void> close(std::chrono::milliseconds deadline) override;
  std::size_t outstanding() const override;

 private:
  struct Waiting {
    std::size_t index;  // into written_
    std::optional<Error> error;
  };

  std::size_t ready() const;

  mutable std::mutex mutex_;
  std::condition_variable news_;
  std::vector<Written> written_;
  std::vector<Written> delivered_;
  std::deque<Waiting> waiting_;
  bool corked_ = false;
  std::size_t capacity_ = std::numeric_limits<std::size_t>::max();
  bool holding_ = false;
  std::size_t released_ = 0;  // of the waiting, while holding
  Judge fails_, refuses_;
  std::optional<Error> open_error_, poll_error_;
  std::size_t flushes_ = 0;
  bool closed_ = false;
};

}  // namespace millrace::connectors
