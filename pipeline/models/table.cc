#include "pipeline/models/table.h"

#include "pipeline/models/bert.h"
#include "pipeline/models/distilbert.h"

#include <array>

namespace millrace::pipeline {

std::span<const Architecture> architectures() {
  static const std::array kAll = {bert(), distilbert()};
  return kAll;
}

}  // namespace millrace::pipeline
