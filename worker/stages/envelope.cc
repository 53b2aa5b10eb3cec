#include "worker/stages/envelope.h"

namespace millrace::worker {

Envelope Envelope::split() {
  Envelope other;
  other.token = token.split();
  if (document.has_value()) other.document = document.clone();
  other.inlet = inlet;
  other.changed = changed;
  other.truncated = truncated;
  other.models = models;
  return other;
}

}  // namespace millrace::worker
