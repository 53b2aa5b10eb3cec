#include "pipeline/kernels/cpu.h"

namespace millrace::pipeline {

const Cpu& cpu() {
  static const Cpu found = [] {
    Cpu has;
#if defined(__x86_64__)
    has.avx2 = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
    has.avx512 = __builtin_cpu_supports("avx512f") != 0 &&
                 __builtin_cpu_supports("avx512bw") != 0 &&
                 __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0;
#endif
    return has;
  }();
  return found;
}

}  // namespace millrace::pipeline
