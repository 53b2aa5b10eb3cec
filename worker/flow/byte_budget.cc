#include "worker/flow/byte_budget.h"

#include "config/base/check.h"

namespace millrace::worker {

void ByteBudget::book(std::size_t records, std::size_t bytes) {
  records_.fetch_add(records, std::memory_order_acq_rel);
  bytes_.fetch_add(bytes, std::memory_order_acq_rel);
}

void ByteBudget::release(std::size_t records, std::size_t bytes) {
  const std::size_t had_records = records_.fetch_sub(records, std::memory_order_acq_rel);
  const std::size_t had_bytes = bytes_.fetch_sub(bytes, std::memory_order_acq_rel);
  check(had_records >= records && had_bytes >= bytes, "no more is released than was booked");
  const std::size_t low_records = options_.max_records / 2;
  const std::size_t low_bytes = options_.max_bytes / 2;
  const bool was_low = had_records <= low_records && had_bytes <= low_bytes;
  const bool emptied = records > 0 && had_records == records;
  if (emptied || (!was_low && low())) {
    for (Signal* signal : signals_) signal->notify();
  }
}

}  // namespace millrace::worker
