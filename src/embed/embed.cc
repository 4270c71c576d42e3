#include "embed/embed.h"

#include <algorithm>
#include <cctype>
#include <cstring>

#include "embed/header.h"
#include "embed/module.h"
#include "support/check.h"
#include "support/hash.h"
#include "support/text.h"

namespace tenon::embed {
namespace {

constexpr uint64_t kMostInObject = uint64_t{1} << 30;

/// A file, as a sink.
class FileSink final : public Sink {
 public:
  explicit FileSink(AtomicFile& file) : file_(file) {}
  Status write(std::span<const std::byte> bytes) override {
    at_ += bytes.size();
    return file_.write(bytes);
  }

 private:
  AtomicFile& file_;
};

std::string_view base_name(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

/// "libdigits.a" gives "digits".
std::string_view stem(std::string_view path, Form form) {
  std::string_view base = base_name(path);
  base = base.substr(0, base.find('.', 1));
  if (form != Form::object && base.starts_with("lib") && base.size() > 3) base.remove_prefix(3);
  return base;
}

/// Kernels in order of their code, each up to the next.
void add_kernels(Module& module, uint64_t code_at) {
  const size_t first = module.symbols.size();
  for (const artifact::Entry& e : module.model->entries)
    module.symbols.push_back({e.symbol, code_at + e.offset, 0, false});
  const auto kernels = std::span(module.symbols).subspan(first);
  std::ranges::sort(kernels, {}, &Symbol::offset);
  for (size_t i = 0; i < kernels.size(); ++i)
    kernels[i].size =
        (i + 1 < kernels.size() ? kernels[i + 1].offset : code_at + module.model->code.size()) -
        kernels[i].offset;
}

Result<Module> module_of(const artifact::Model& model, const machine::Machine& machine,
                         std::span<const std::byte> image, const Options& options) {
  Module module;
  module.model = &model;
  module.core = find_core(machine.architecture);
  module.weights = place_weights(model);
  module.holds_weights = options.weights.empty() && module.weights.bytes > 0;
  const target::Given given[] = {{"tenon_embed_image", image, kAlignment},
                                 {"tenon_embed_code", model.code, 4096}};
  TENON_TRY(target::Blob blob, target::link(module.core->objects, machine, given));
  module.text = std::move(blob.bytes);
  uint64_t code_at = 0;
  for (const auto& [name, offset] : blob.symbols) {
    if (name == "tenon_embed_code") code_at = offset;
    if (name == "tenon_embed_image") module.weights_place = offset + offsetof(Image, weights);
    for (const std::string_view function : {"open", "size", "run", "close"})
      if (name == cat("tenon_embed_", function))
        module.symbols.push_back({cat(options.name, "_", function), offset, 0, true});
  }
  TENON_CHECK(module.symbols.size() == 4, "the core lacks a function");
  add_kernels(module, code_at);
  return module;
}

Status write_to(const std::string& path, const auto& writer) {
  TENON_TRY(AtomicFile file, AtomicFile::create(path));
  FileSink sink(file);
  TENON_TRY_VOID(writer(sink));
  return file.commit();
}

Status write_module(const Module& module, const Options& options) {
  const std::string base(base_name(options.path));
  return write_to(options.path, [&](Sink& sink) {
    switch (options.form) {
      case Form::object:
        return write_object(sink, module);
      case Form::archive:
        return write_archive(sink, module, options.name + ".o");
      case Form::shared:
        break;
    }
    return write_shared(sink, module, base);
  });
}

}  // namespace

Status Sink::pad_to(uint64_t offset) {
  constexpr std::byte kZeros[4096] = {};
  while (at_ < offset)
    TENON_TRY_VOID(write(std::span(kZeros).first(std::min<uint64_t>(offset - at_, sizeof kZeros))));
  return {};
}

Status write_weights(Sink& sink, const Module& module) {
  const uint64_t start = sink.at();
  for (size_t i = 0; i < module.weights.offsets.size(); ++i) {
    TENON_TRY_VOID(sink.pad_to(start + module.weights.offsets[i]));
    const artifact::Constant& c = module.model->constants[i];
    TENON_TRY_VOID(sink.write({c.bytes, c.size}));
  }
  return sink.pad_to(start + module.weights.bytes);
}

std::optional<Form> form_of(std::string_view path) {
  if (path.ends_with(".o")) return Form::object;
  if (path.ends_with(".a")) return Form::archive;
  if (path.ends_with(".so")) return Form::shared;
  return std::nullopt;
}

std::string identifier_of(std::string_view path, Form form) { return c_name(stem(path, form)); }

std::string header_of(std::string_view path, Form form) {
  return cat(path.substr(0, path.size() - base_name(path).size()), stem(path, form), ".h");
}

bool is_identifier(std::string_view name) { return !name.empty() && c_name(name) == name; }

Status write(const artifact::Model& model, const Options& options) {
  const machine::Machine* machine = machine::find_row(model.target);
  if (machine == nullptr || find_core(machine->architecture) == nullptr)
    return fail("embed.target", cat("models for target '", model.target,
                                    "' cannot be embedded; `tenon targets` lists others"));
  const Interface face = interface_of(model);
  const Weights weights = place_weights(model);
  if (options.weights.empty() && weights.bytes > kMostInObject)
    return fail("embed.weights", cat("the constants take ", weights.bytes >> 20,
                                     " MiB, and linkers reach 1024 MiB; put them into a file of "
                                     "their own with --weights FILE"));
  TENON_TRY(std::vector<std::byte> image, image_of(model, face, weights, machine->architecture));
  HeaderFacts facts{options.name, model.name,      model.producer,
                    model.target, sizes_of(image), options.weights.empty() ? 0 : weights.bytes};
  // The header's own text, and what it does not show of the code that belongs to it.
  const std::string draft = header_text(facts, face, 0);
  uint64_t version = hash_bytes(draft.data(), draft.size());
  version = hash_bytes(model.code.data(), model.code.size(), version);
  version = hash_bytes(image.data(), image.size(), version);
  head_of(image).version = version;
  TENON_TRY(const Module module, module_of(model, *machine, image, options));
  if (!options.weights.empty())
    TENON_TRY_VOID(
        write_to(options.weights, [&](Sink& sink) { return write_weights(sink, module); }));
  const std::string header = header_text(facts, face, version);
  TENON_TRY_VOID(write_file(options.header, std::as_bytes(std::span(header))));
  return write_module(module, options);
}

}  // namespace tenon::embed
