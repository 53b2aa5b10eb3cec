#include "pipeline/text/protobuf_wire.h"
#include "pipeline/text/sentencepiece.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

/// Any bytes are a SentencePiece file that is read, or are refused.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto model = millrace::pipeline::read_sentencepiece(bytes, "spm.model");
  if (!model) {
    if (model.error().code != "BAD_TOKENIZER") std::abort();
    return 0;
  }
  if (model->pieces.empty()) std::abort();
  millrace::pipeline::WireReader in(bytes);
  std::size_t pieces = 0;
  while (const auto field = in.next()) pieces += field->number == 1 ? 1 : 0;
  if (!in.ok() || pieces != model->pieces.size()) std::abort();
  return 0;
}
