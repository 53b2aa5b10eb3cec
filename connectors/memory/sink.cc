#include "connectors/memory/sink.h"

#include <algorithm>
#include <utility>

namespace millrace::connectors {

void MemorySink::cork() {
  const std::lock_guard lock(mutex_);
  corked_ = true;
}

void MemorySink::uncork() {
  const std::lock_guard lock(mutex_);
  corked_ = false;
}

void MemorySink::set_capacity(std::size_t records) {
  const std::lock_guard lock(mutex_);
  capacity_ = records;
}

void MemorySink::hold_verdicts() {
  const std::lock_guard lock(mutex_);
  holding_ = true;
  released_ = 0;
}

void MemorySink::release_verdicts(std::size_t count) {
  const std::lock_guard lock(mutex_);
  released_ = std::min(waiting_.size() - released_, count) + released_;
  news_.notify_all();
}

void MemorySink::stop_holding() {
  const std::lock_guard lock(mutex_);
  holding_ = false;
  news_.notify_all();
}

void MemorySink::fail_when(Judge judge) {
  const std::lock_guard lock(mutex_);
  fails_ = std::move(judge);
}

void MemorySink::refuse_when(Judge judge) {
  const std::lock_guard lock(mutex_);
  refuses_ = std::move(judge);
}

void MemorySink::fail_next_open(Error problem) {
  const std::lock_guard lock(mutex_);
  open_error_ = std::move(problem);
}

void MemorySink::fail_next_poll(Error problem) {
  const std::lock_guard lock(mutex_);
  poll_error_ = std::move(problem);
  news_.notify_all();
}

std::vector<MemorySink::Written> MemorySink::written() const {
  const std::lock_guard lock(mutex_);
  return written_;
}

std::vector<MemorySink::Written> MemorySink::delivered() const {
  const std::lock_guard lock(mutex_);
  return delivered_;
}

std::size_t MemorySink::flushes() const {
  const std::lock_guard lock(mutex_);
  return flushes_;
}

bool MemorySink::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

Result<void> MemorySink::open() {
  const std::lock_guard lock(mutex_);
  if (auto problem = std::exchange(open_error_, std::nullopt)) return *std::move(problem);
  return {};
}

Result<Accepted> MemorySink::write(OutRecord& record, std::uint64_t opaque) {
  const std::lock_guard lock(mutex_);
  if (corked_ || waiting_.size() >= capacity_) return Accepted::full;
  if (refuses_) {
    if (auto problem = refuses_(record)) return *std::move(problem);
  }
  auto verdict = fails_ ? fails_(record) : std::nullopt;
  waiting_.push_back({written_.size(), std::move(verdict)});
  written_.push_back({std::move(record), opaque});
  news_.notify_all();
  return Accepted::yes;
}

std::size_t MemorySink::ready() const { return holding_ ? released_ : waiting_.size(); }

Result<void> MemorySink::poll(std::chrono::milliseconds wait, std::vector<Verdict>& verdicts) {
  std::unique_lock lock(mutex_);
  if (wait.count() > 0) news_.wait_for(lock, wait, [this] { return poll_error_ || ready() > 0; });
  if (auto problem = std::exchange(poll_error_, std::nullopt)) return *std::move(problem);
  const std::size_t count = ready();
  for (std::size_t i = 0; i < count; ++i) {
    Waiting waiting = std::move(waiting_.front());
    waiting_.pop_front();
    const Written& written = written_[waiting.index];
    if (!waiting.error) delivered_.push_back(written);
    verdicts.push_back({written.opaque, std::move(waiting.error)});
  }
  released_ = 0;
  return {};
}

Result<void> MemorySink::flush() {
  const std::lock_guard lock(mutex_);
  ++flushes_;
  return {};
}

Result<void> MemorySink::close(std::chrono::milliseconds /*deadline*/) {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  return {};
}

std::size_t MemorySink::outstanding() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

}  // namespace millrace::connectors
