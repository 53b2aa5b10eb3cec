#pragma once

#include <stdexcept>
#include <string>

namespace millrace::config {

/// A broken invariant of our own. Caught only at the top of a thread, where it becomes exit 70.
class Bug : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// Throws Bug unless the condition holds. `what` says what should have been true.
inline void check(bool condition, const char* what) {
  if (!condition) throw Bug(what);
}

}  // namespace millrace::config

namespace millrace {
using config::Bug;
using config::check;
}  // namespace millrace
