#include "worker/stages/route.h"

namespace millrace::worker {

void RouteStage::process(Envelope envelope, Output& output) const {
  const Json* document = envelope.document.has_value() ? &*envelope.document : nullptr;
  std::optional<std::size_t> taken;
  for (std::size_t i = 0; i < branches_.size(); ++i) {
    if (!branches_[i].when) {
      if (!taken) taken = i;
      continue;
    }
    if (branches_[i].when->holds(document, envelope.token.record())) {
      taken = i;
      break;
    }
  }
  if (taken) {
    output.send(*taken, std::move(envelope));
  } else {
    envelope.token.filter();
  }
}

}  // namespace millrace::worker
