#include "pipeline/models/table.h"

#include "pipeline/models/albert.h"
#include "pipeline/models/bart.h"
#include "pipeline/models/bert.h"
#include "pipeline/models/deberta_v2.h"
#include "pipeline/models/distilbert.h"
#include "pipeline/models/electra.h"
#include "pipeline/models/modernbert.h"
#include "pipeline/models/mpnet.h"
#include "pipeline/models/roberta.h"

#include <algorithm>
#include <array>

namespace millrace::pipeline {

std::span<const Architecture> architectures() {
  static const std::array kAll = {bert(),
                                  distilbert(),
                                  roberta(),
                                  xlm_roberta(),
                                  camembert(),
                                  electra(),
                                  albert(),
                                  mpnet(),
                                  deberta_v2(),
                                  modernbert(),
                                  bart(),
                                  mbart()};
  return kAll;
}

const HeadNames* find_head(std::span<const HeadNames> heads, HeadKind kind) {
  const auto found = std::find_if(
      heads.begin(), heads.end(), [&](const HeadNames& head) { return head.kind == kind; });
  return found == heads.end() ? nullptr : &*found;
}

}  // namespace millrace::pipeline
