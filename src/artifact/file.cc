#include "artifact/file.h"

#include <cstring>

#include "artifact/codec.h"
#include "support/cpu.h"
#include "support/file.h"
#include "support/hash.h"
#include "support/text.h"

namespace tenon::artifact {
namespace {

constexpr char kMagic[8] = {'T', 'E', 'N', 'O', 'N', '\r', '\n', '\x1a'};

struct Header {
  char magic[8] = {};
  uint32_t version = 0;
  uint32_t header_size = 0;
  uint64_t header_checksum = 0;  // of the header page with this field 0
  uint64_t file_size = 0;
  uint64_t metadata_size = 0;  // the section begins behind the header
  uint64_t metadata_checksum = 0;
  uint64_t code_offset = 0, code_size = 0;
  uint64_t constants_offset = 0, constants_size = 0;
  uint64_t checksum = 0;  // of everything behind the header
};
static_assert(sizeof(Header) <= kPage);

uint64_t round_up(uint64_t n, uint64_t to) { return (n + to - 1) / to * to; }

using Page = std::vector<std::byte>;
Page page_of(const Header& header) {
  Page page(kPage);
  std::memcpy(page.data(), &header, sizeof header);
  return page;
}

uint64_t header_checksum(std::span<const std::byte> page) {
  Page copy(page.begin(), page.begin() + kPage);
  std::memset(copy.data() + offsetof(Header, header_checksum), 0, sizeof(uint64_t));
  return hash_bytes(copy.data(), copy.size());
}

// ---- metadata: the same list of fields for both directions

template <class Stream, class T, class F>
void rows(Stream& s, T& list, size_t least, F each) {
  if constexpr (std::is_same_v<Stream, Encoder>) {
    s.value(static_cast<uint64_t>(list.size()));
  } else {
    list.resize(s.count(least));
  }
  for (auto& row : list) each(row);
}

template <class Stream, class M>
void metadata(Stream& s, M& m) {
  s.text(m.name);
  s.text(m.producer);
  s.text(m.target);
  s.text(m.precision);
  for (auto* list : {&m.needs, &m.symbols, &m.messages, &m.devices, &m.host_functions})
    rows(s, *list, 4, [&](auto& t) { s.text(t); });
  rows(s, m.inputs, 25, [&](auto& in) {
    s.text(in.name);
    s.value(in.dtype);
    s.value(in.constant);
    rows(s, in.dims, 16, [&](auto& d) {
      s.text(d.text);
      s.value(d.symbol);
      s.value(d.extent);
    });
    s.value(in.below);
    s.value(in.role);
  });
  rows(s, m.states, 33, [&](auto& state) {
    s.text(state.name);
    s.value(state.dtype);
    rows(s, state.dims, 8, [&](auto& d) {
      s.text(d.text);
      s.value(d.reg);
    });
    s.value(state.reserved);
    s.value(state.constant);
    s.table(state.initial);
  });
  rows(s, m.outputs, 21, [&](auto& out) {
    s.text(out.name);
    s.value(out.dtype);
    rows(s, out.dims, 8, [&](auto& d) {
      s.text(d.text);
      s.value(d.reg);
    });
    s.value(out.slot);
    s.value(out.bytes);
  });
  rows(s, m.kernels, 32, [&](auto& k) {
    for (auto* t : {&k.name, &k.op, &k.shape, &k.key, &k.schedule}) s.text(*t);
    rows(s, k.instructions, 4, [&](auto& t) { s.text(t); });
    s.value(k.flops);
    s.value(k.bytes);
  });
  rows(s, m.entries, 12, [&](auto& e) {
    s.text(e.symbol);
    s.value(e.offset);
  });
  s.table(m.registers);
  s.table(m.size_ops);
  s.table(m.stages);
  s.table(m.blocks);
  s.table(m.slots);
  s.table(m.dynamics);
  s.table(m.device_buffers);
  s.table(m.calls);
  s.table(m.buffer_list);
  s.table(m.register_list);
  s.table(m.steps);
}

struct ConstantRow {
  uint64_t offset, size;  // in the constants section
};

std::vector<ConstantRow> place_constants(const Model& model, uint64_t& total) {
  std::vector<ConstantRow> placed;
  total = 0;
  for (const Constant& c : model.constants) {
    placed.push_back({total, c.size});
    total = round_up(total + c.size, 64);
  }
  total = round_up(total, kPage);
  return placed;
}

/// Sends the sections behind the header, padding included, to `sink(span)`.
template <class Sink>
Status stream_body(const Model& model, const Header& h, std::span<const std::byte> meta,
                   Sink sink) {
  static constexpr std::byte kZeros[kPage] = {};
  uint64_t at = kPage;
  const auto pad_to = [&](uint64_t offset) -> Status {
    for (; at < offset; at = std::min(offset, at + kPage))
      TENON_TRY_VOID(sink(std::span(kZeros, std::min(offset - at, kPage))));
    return {};
  };
  const auto put = [&](std::span<const std::byte> bytes) -> Status {
    at += bytes.size();
    return sink(bytes);
  };
  TENON_TRY_VOID(put(meta));
  TENON_TRY_VOID(pad_to(h.code_offset));
  TENON_TRY_VOID(put(model.code));
  TENON_TRY_VOID(pad_to(h.constants_offset));
  for (const Constant& c : model.constants) {
    TENON_TRY_VOID(put({c.bytes, c.size}));
    TENON_TRY_VOID(pad_to(round_up(at, 64)));
  }
  return pad_to(h.file_size);
}

Result<Header> first_page(std::span<const std::byte> bytes, const std::string& name) {
  if (!is_artifact(bytes))
    return fail("artifact.magic",
                cat("'", name, "' is not a compiled Tenon model; `tenon compile` makes one"));
  if (bytes.size() < kPage)
    return fail("artifact.truncated",
                cat("'", name, "' ends inside its header; copy or compile it again"));
  Header h;
  std::memcpy(&h, bytes.data(), sizeof h);
  if (h.version != kFormatVersion)
    return fail("artifact.version",
                cat("'", name, "' has format version ", h.version, ", this Tenon reads version ",
                    kFormatVersion, "; compile the model again"));
  if (h.header_size != kPage || header_checksum(bytes.first(kPage)) != h.header_checksum)
    return fail("artifact.checksum",
                cat("the header of '", name, "' is damaged; copy or compile it again"));
  return h;
}

Result<Header> read_header(std::span<const std::byte> bytes, const std::string& name) {
  TENON_TRY(const Header h, first_page(bytes, name));
  if (bytes.size() != h.file_size)
    return fail("artifact.truncated",
                cat("'", name, "' has ", bytes.size(), " bytes, its header says ", h.file_size,
                    "; copy or compile it again"));
  const auto inside = [&](uint64_t offset, uint64_t size) {
    return offset >= kPage && offset <= h.file_size && size <= h.file_size - offset;
  };
  if (!inside(kPage, h.metadata_size) || !inside(h.code_offset, h.code_size) ||
      h.code_offset % kPage != 0 || !inside(h.constants_offset, h.constants_size) ||
      h.constants_offset % kPage != 0)
    return fail("artifact.invalid",
                cat("the sections of '", name, "' lie outside the file; compile the model again"));
  return h;
}

Status attach_constants(Model& model, std::span<const ConstantRow> rows_of,
                        std::span<const std::byte> section, const std::string& name) {
  for (const ConstantRow& c : rows_of) {
    if (c.offset > section.size() || c.size > section.size() - c.offset || c.offset % 64 != 0)
      return fail("artifact.invalid", cat("a constant of '", name,
                                          "' lies outside its section; compile the model again"));
    model.constants.push_back({section.data() + c.offset, c.size});
  }
  return {};
}

}  // namespace

bool is_artifact(std::span<const std::byte> bytes) {
  return bytes.size() >= sizeof kMagic && std::memcmp(bytes.data(), kMagic, sizeof kMagic) == 0;
}

Result<uint64_t> file_bytes(std::span<const std::byte> page, const std::string& name) {
  TENON_TRY(const Header h, first_page(page, name));
  return h.file_size;
}

Status check_cpu(const Model& model, const std::string& name) {
  std::string missing;
  for (const std::string& feature : model.needs)
    if (!has_feature(feature)) missing += (missing.empty() ? "" : ", ") + feature;
  if (missing.empty()) return {};
  return fail("artifact.cpu",
              cat("'", name, "' was compiled for ", model.target, " and needs instructions that ",
                  cpu_id().name, " lacks: ", missing, "; compile it for this machine"));
}

Result<Model> parse(std::span<const std::byte> bytes, const std::string& name,
                    const ReadOptions& options) {
  TENON_TRY(const Header h, read_header(bytes, name));
  const auto meta = bytes.subspan(kPage, h.metadata_size);
  if (hash_bytes(meta.data(), meta.size()) != h.metadata_checksum)
    return fail("artifact.checksum",
                cat("the metadata of '", name, "' is damaged; copy or compile it again"));
  const auto body = bytes.subspan(kPage);
  if (options.verify_whole && hash_bytes(body.data(), body.size()) != h.checksum)
    return fail("artifact.checksum", cat("'", name, "' is damaged; copy or compile it again"));
  Model model;
  Decoder decoder(meta);
  std::vector<ConstantRow> placed;
  metadata(decoder, model);
  decoder.table(placed);
  if (!decoder.at_end())
    return fail("artifact.invalid",
                cat("the metadata of '", name, "' does not parse; compile the model again"));
  if (options.check_cpu) TENON_TRY_VOID(check_cpu(model, name));
  model.code = bytes.subspan(h.code_offset, h.code_size);
  TENON_TRY_VOID(
      attach_constants(model, placed, bytes.subspan(h.constants_offset, h.constants_size), name));
  TENON_TRY_VOID(validate(model));
  return model;
}

Result<Model> read(const std::string& path, const ReadOptions& options) {
  TENON_TRY(auto file, MappedFile::open(path));
  TENON_TRY(Model model, parse(file->bytes(), path, options));
  model.owners.push_back(std::move(file));
  return model;
}

Status write(const Model& model, const std::string& path) {
  if (!model.functions.empty())
    return fail("artifact.in_process",
                "a model of functions of this process cannot be written to a file");
  uint64_t constants_size = 0;
  const std::vector<ConstantRow> placed = place_constants(model, constants_size);
  Encoder encoder;
  metadata(encoder, model);
  encoder.table(placed);
  const std::vector<std::byte>& meta = encoder.bytes();
  Header h;
  std::memcpy(h.magic, kMagic, sizeof kMagic);
  h.version = kFormatVersion;
  h.header_size = kPage;
  h.metadata_size = meta.size();
  h.metadata_checksum = hash_bytes(meta.data(), meta.size());
  h.code_offset = round_up(kPage + meta.size(), kPage);
  h.code_size = model.code.size();
  h.constants_offset = round_up(h.code_offset + h.code_size, kPage);
  h.constants_size = constants_size;
  h.file_size = h.constants_offset + constants_size;
  HashStream hash;
  TENON_TRY(AtomicFile file, AtomicFile::create(path));
  TENON_TRY_VOID(file.write(page_of(h)));
  TENON_TRY_VOID(stream_body(model, h, meta, [&](std::span<const std::byte> bytes) -> Status {
    hash.update(bytes.data(), bytes.size());
    return file.write(bytes);
  }));
  h.checksum = hash.digest();
  h.header_checksum = header_checksum(page_of(h));
  TENON_TRY_VOID(file.write_at(0, page_of(h)));
  return file.commit();
}

}  // namespace tenon::artifact
