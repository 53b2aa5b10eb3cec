#include "worker/stages/filter.h"

namespace millrace::worker {

void FilterStage::process(Envelope envelope, Output& output) const {
  const Json* document = envelope.document.has_value() ? &*envelope.document : nullptr;
  if (condition_.holds(document, envelope.token.record())) {
    output.send(0, std::move(envelope));
  } else {
    envelope.token.filter();
  }
}

}  // namespace millrace::worker
