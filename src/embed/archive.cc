// The archive: the index of symbols that linkers ask for, and the object.
#include <ar.h>

#include <cstring>

#include "embed/module.h"
#include "support/text.h"

namespace tenon::embed {
namespace {

ar_hdr member_header(const std::string& name, uint64_t size) {
  ar_hdr h;
  std::memset(&h, ' ', sizeof h);
  const auto put = [](auto& field, const std::string& value) {
    std::memcpy(field, value.data(), std::min(sizeof field, value.size()));
  };
  put(h.ar_name, name);
  // No date and no owner: the same model gives the same bytes.
  put(h.ar_date, "0");
  put(h.ar_uid, "0");
  put(h.ar_gid, "0");
  put(h.ar_mode, "644");
  put(h.ar_size, std::to_string(size));
  std::memcpy(h.ar_fmag, ARFMAG, sizeof h.ar_fmag);
  return h;
}

/// A number of the index: 4 bytes, the highest first.
void put_number(std::string& out, uint64_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
}

/// The object inside the archive, whose offsets count from its own start.
class Member final : public Sink {
 public:
  explicit Member(Sink& archive) : archive_(archive) {}
  Status write(std::span<const std::byte> bytes) override {
    at_ += bytes.size();
    return archive_.write(bytes);
  }

 private:
  Sink& archive_;
};

}  // namespace

Status write_archive(Sink& sink, const Module& module, const std::string& member) {
  std::string names;
  uint64_t globals = 0;
  for (const Symbol& s : module.symbols) {
    if (!s.is_global) continue;
    names += s.name + '\0';
    ++globals;
  }
  // A name of the format's 15 letters; a longer one tells nothing that is needed.
  const std::string name = (member.size() <= 15 ? member : std::string("model.o")) + "/";
  uint64_t index_bytes = 4 + 4 * globals + names.size();
  index_bytes += index_bytes % 2;
  const uint64_t object_at = SARMAG + sizeof(ar_hdr) + index_bytes;
  std::string index;
  put_number(index, globals);
  for (uint64_t i = 0; i < globals; ++i) put_number(index, object_at);
  index += names;
  index.resize(index_bytes);
  TENON_TRY_VOID(sink.write(std::as_bytes(std::span(ARMAG, SARMAG))));
  TENON_TRY_VOID(sink.put(member_header("/", index_bytes)));
  TENON_TRY_VOID(sink.write(std::as_bytes(std::span(index))));
  TENON_TRY_VOID(sink.put(member_header(name, object_bytes(module))));
  Member object(sink);
  return write_object(object, module);
}

}  // namespace tenon::embed
