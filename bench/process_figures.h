#pragma once

#include <sys/types.h>

namespace millrace::bench {

/// Returns the CPU time that a process has used so far, user and system, all its threads; in
/// seconds, steps of 10 ms. Source: /proc/<pid>/stat.
double cpu_seconds(pid_t pid);

/// Returns the resident set of a process, in MiB. Source: VmRSS of /proc/<pid>/status.
double resident_mib(pid_t pid);

/// Returns how much of it is memory of its own rather than pages of files, in MiB. Source: RssAnon.
double anonymous_mib(pid_t pid);

}  // namespace millrace::bench
