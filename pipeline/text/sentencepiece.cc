#include "pipeline/text/sentencepiece.h"

#include "config/base/utf8.h"
#include "pipeline/text/protobuf_wire.h"
#include "pipeline/text/tokenizer_json.h"

#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <sentencepiece_processor.h>

// Field numbers are those of sentencepiece_model.proto: ModelProto has pieces (1), trainer_spec (2)
// and normalizer_spec (3); a piece has its text (1), score (2) and type (3).

namespace millrace::pipeline {
namespace {

using Kind = WireField::Kind;

Error damaged(const std::string& file, std::string_view what) {
  return error(
      Errc::invalid_input, "BAD_TOKENIZER", fmt::format("{}: {}; copy the file anew", file, what));
}

/// Reads one file. Remembers the first thing that is wrong.
class FileReader {
 public:
  FileReader(std::string_view bytes, const std::string& file) : bytes_(bytes), file_(file) {}

  Result<SentencePieceModel> read() {
    WireReader in(bytes_);
    while (const auto field = in.next()) {
      if (field->number > 3) continue;
      if (!is(*field, Kind::bytes, "a message")) break;
      if (field->number == 1 && !read_piece(field->bytes)) break;
      if (field->number == 2 && !read_trainer(field->bytes)) break;
      if (field->number == 3 && !read_normalizer(field->bytes)) break;
      if (field->number != 3) for_library_ += field->whole;
    }
    if (!in.ok()) return damaged(file_, fmt::format("the field at byte {} is damaged", in.at()));
    if (!wrong_.empty()) return damaged(file_, wrong_);
    if (model_.pieces.empty()) return damaged(file_, "expected pieces, found none");
    if (auto judged = ask_library(); !judged) return std::move(judged).error();
    return std::move(model_);
  }

 private:
  bool bad(std::string what) {
    wrong_ = std::move(what);
    return false;
  }

  bool is(const WireField& field, Kind kind, std::string_view expected) {
    if (field.kind == kind) return true;
    const auto at = static_cast<std::size_t>(field.whole.data() - bytes_.data());
    return bad(fmt::format("byte {}: expected {}, found another kind of field", at, expected));
  }

  bool is_whole(const WireReader& in, std::string_view message) {
    if (in.ok()) return true;
    const auto begin = static_cast<std::size_t>(message.data() - bytes_.data());
    return bad(fmt::format("the field at byte {} is damaged", begin + in.at()));
  }

  bool read_piece(std::string_view message) {
    const std::size_t id = model_.pieces.size();
    if (id > static_cast<std::size_t>(kMaxTokenId))
      return bad(fmt::format("expected at most {} pieces", kMaxTokenId + 1));
    SentencePieceModel::Piece piece;
    std::int32_t type = 1;
    WireReader in(message);
    while (const auto field = in.next()) {
      if (field->number == 1) {
        if (!is(*field, Kind::bytes, "the text of a piece")) return false;
        piece.text = field->bytes;
      } else if (field->number == 2) {
        if (!is(*field, Kind::fixed32, "the score of a piece")) return false;
        piece.score = field->as_float();
      } else if (field->number == 3) {
        if (!is(*field, Kind::varint, "the type of a piece")) return false;
        type = field->as_int32();
      }
    }
    if (!is_whole(in, message)) return false;
    if (piece.text.empty()) return bad(fmt::format("piece {} has no text", id));
    if (config::invalid_utf8_at(piece.text) || piece.text.find('\0') != std::string::npos)
      return bad(fmt::format("piece {} is not UTF-8 text", id));
    if (!std::isfinite(piece.score)) return bad(fmt::format("piece {} has no finite score", id));
    if (type < 1 || type > 6)
      return bad(fmt::format("piece {}: expected a type from 1 to 6, found {}", id, type));
    piece.type = static_cast<SentencePieceModel::Type>(type);
    model_.pieces.push_back(std::move(piece));
    return true;
  }

  bool read_trainer(std::string_view message) {
    WireReader in(message);
    while (const auto field = in.next()) {
      if (field->number == 3) {
        const std::int32_t kind = field->as_int32();
        if (!is(*field, Kind::varint, "trainer_spec.model_type")) return false;
        if (kind < 1 || kind > 4)
          return bad(fmt::format("trainer_spec.model_type: expected 1 to 4, found {}", kind));
        model_.kind = static_cast<SentencePieceModel::Kind>(kind);
      } else if (field->number == 40) {
        if (!is(*field, Kind::varint, "trainer_spec.unk_id")) return false;
        model_.unknown_id = field->as_int32();
      }
    }
    return is_whole(in, message);
  }

  bool read_normalizer(std::string_view message) {
    WireReader in(message);
    while (const auto field = in.next()) {
      if (field->number != 2) continue;
      if (!is(*field, Kind::bytes, "normalizer_spec.precompiled_charsmap")) return false;
      model_.charsmap = field->bytes;
    }
    return is_whole(in, message);
  }

  Result<void> ask_library() {
    // A second trainer_spec counts where both say something. As a model of words (model_type 3) the
    // pieces are judged the same way, and no trie is built of them that nobody asks.
    for_library_ += "\x12\x02\x18\x03";
    sentencepiece::SentencePieceProcessor library;
    const auto status = library.LoadFromSerializedProto(for_library_);
    if (!status.ok())
      return damaged(file_, config::escape_line(std::string(status.error_message()), 200));
    if (static_cast<std::size_t>(library.GetPieceSize()) != model_.pieces.size())
      return damaged(
          file_,
          fmt::format(
              "expected {} pieces, found {}", model_.pieces.size(), library.GetPieceSize()));
    return {};
  }

  std::string_view bytes_;
  const std::string& file_;
  std::string wrong_;
  std::string for_library_;
  SentencePieceModel model_;
};

}  // namespace

Result<SentencePieceModel> read_sentencepiece(std::string_view bytes, const std::string& file) {
  return FileReader(bytes, file).read();
}

}  // namespace millrace::pipeline
