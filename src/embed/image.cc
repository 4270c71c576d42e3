#include "embed/image.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <type_traits>

#include "artifact/integer_element.h"
#include "embed_core/instance.h"
#include "support/features_aarch64.h"
#include "support/features_x86.h"
#include "support/text.h"

namespace tenon::embed {
namespace {

/// The image as it grows: tables of rows, texts at the end.
class Builder {
 public:
  Builder() : bytes_(sizeof(Image)) {}

  template <class T, class Rows>
  void table(Table<T> Image::* member, const Rows& rows) {
    static_assert(std::has_unique_object_representations_v<T>, "padding would hold any bytes");
    bytes_.resize((bytes_.size() + 7) / 8 * 8);
    Table<T> t{static_cast<uint32_t>(bytes_.size()), static_cast<uint32_t>(rows.size())};
    bytes_.resize(bytes_.size() + sizeof(T) * rows.size());
    if (!rows.empty()) std::memcpy(&bytes_[t.first], rows.data(), sizeof(T) * rows.size());
    head_.*member = t;
  }
  Text text(const std::string& s) {
    const auto [at, is_new] = known_.emplace(s, static_cast<Text>(texts_.size()));
    if (is_new) texts_.append(s.c_str(), s.size() + 1);
    return at->second;
  }
  Image& head() { return head_; }

  std::vector<std::byte> finish() {
    static_assert(std::has_unique_object_representations_v<Image>, "padding would hold any bytes");
    head_.texts = static_cast<uint32_t>(bytes_.size());
    std::memcpy(bytes_.data(), &head_, sizeof head_);
    const auto* first = reinterpret_cast<const std::byte*>(texts_.data());
    bytes_.insert(bytes_.end(), first, first + texts_.size());
    return std::move(bytes_);
  }

 private:
  Image head_;
  std::vector<std::byte> bytes_;
  std::string texts_;
  std::map<std::string, Text> known_;
};

Status check(const artifact::Model& m) {
  if (!m.states.empty())
    return fail("embed.state",
                cat("the model keeps state '", m.states[0].name,
                    "' from run to run, which embedded models do not; make it an input and an "
                    "output, or write a .tenon file for the runtime"));
  if (!m.devices.empty() || !m.host_functions.empty() || !m.functions.empty())
    return fail("embed.device",
                "the model calls devices or functions of its host, which embedded models do not; "
                "write a .tenon file for the runtime");
  for (const artifact::SizeOp& op : m.size_ops)
    if (op.code == artifact::SizeOpCode::element && artifact::integer_bytes(op.dtype) == 0)
      return fail("embed.element",
                  cat("an extent is read from a tensor of ", artifact::info(op.dtype).name,
                      ", which embedded models do not; cast the tensor to i64"));
  for (const artifact::Step& s : m.steps)
    if (s.kind == StepKind::write && static_cast<DType>(s.d) != DType::i64)
      return fail("embed.element",
                  "extents are written to a tensor that is not of i64, which "
                  "embedded models do not; write a .tenon file for the runtime");
  return {};
}

class ImageWriter {
 public:
  ImageWriter(const artifact::Model& model, const Interface& face) : m_(model), face_(face) {}

  Result<std::vector<std::byte>> run(const Weights& weights, machine::Architecture architecture) {
    b_.head().weights_bytes = weights.bytes;
    b_.head().name = b_.text(m_.name.empty() ? "model" : m_.name);
    b_.head().words = face_.words;
    TENON_TRY_VOID(needs(architecture));
    interface();
    sizes();
    storage();
    b_.table(&Image::steps, m_.steps);
    b_.table(&Image::constants, weights.offsets);
    std::vector<Text> messages;
    for (const std::string& s : m_.messages) messages.push_back(b_.text(s));
    b_.table(&Image::messages, messages);
    return b_.finish();
  }

 private:
  Status needs(machine::Architecture architecture) {
    std::vector<Need> rows;
    for (const std::string& name : m_.needs) {
      const size_t before = rows.size();
      if (architecture == machine::Architecture::x86_64)
        for (const x86::Feature& f : x86::kFeatures)
          if (f.name == name)
            rows.push_back({b_.text(name), f.place.leaf, f.place.sub, f.place.reg,
                            static_cast<uint32_t>(f.place.bit), 0, f.place.state});
      if (architecture == machine::Architecture::aarch64)
        for (const aarch64::Feature& f : aarch64::kFeatures)
          if (f.name == name)
            rows.push_back({b_.text(name), static_cast<uint32_t>(f.type), 0, 0,
                            static_cast<uint32_t>(f.bit), 0, 0});
      if (rows.size() == before)
        return fail("embed.target", cat("an object cannot ask the CPU for '", name,
                                        "', which the code needs; choose another --target"));
    }
    b_.table(&Image::needs, rows);
    return {};
  }

  void interface() {
    std::vector<Dim> dims;
    std::vector<Input> inputs;
    for (size_t i = 0; i < m_.inputs.size(); ++i) {
      const artifact::Input& in = m_.inputs[i];
      inputs.push_back({b_.text(in.name), face_.inputs[i].word, static_cast<uint32_t>(dims.size()),
                        static_cast<uint32_t>(in.dims.size()), in.constant,
                        artifact::info(in.dtype).element_bytes});
      for (size_t d = 0; d < in.dims.size(); ++d)
        dims.push_back({std::max<int64_t>(in.dims[d].extent, 0), face_.words_of_dims[i][d], 0});
    }
    b_.table(&Image::dims, dims);
    b_.table(&Image::inputs, inputs);
    std::vector<uint32_t> output_dims;
    std::vector<Output> outputs;
    for (size_t i = 0; i < m_.outputs.size(); ++i) {
      const artifact::Output& out = m_.outputs[i];
      const TensorMember& t = face_.outputs[i];
      outputs.push_back({b_.text(out.name), t.word, t.room, t.extents,
                         static_cast<uint32_t>(output_dims.size()), t.rank, out.slot, out.bytes,
                         out.bytes == kNone ? 0 : stage_of_block(m_.slots[out.slot].index),
                         artifact::info(out.dtype).element_bytes});
      for (const artifact::OutputDim& d : out.dims) output_dims.push_back(d.reg);
    }
    b_.table(&Image::output_dims, output_dims);
    b_.table(&Image::outputs, outputs);
    std::vector<Kernel> kernels;
    for (const artifact::KernelInfo& k : m_.kernels)
      kernels.push_back({b_.text(k.name), k.flops, k.bytes});
    b_.table(&Image::kernels, kernels);
    std::vector<uint64_t> entries;
    for (const artifact::Entry& e : m_.entries) entries.push_back(e.offset);
    b_.table(&Image::entries, entries);
  }

  void sizes() {
    b_.table(&Image::registers, m_.registers);
    std::vector<uint8_t> known(m_.registers.size(), 1);
    for (size_t s = 1; s < m_.stages.size(); ++s)
      for (const SizeOp& op :
           std::span(m_.size_ops).subspan(m_.stages[s].first_op, m_.stages[s].ops))
        if (op.code != SizeOpCode::check) known[op.dst] = 0;
    b_.table(&Image::known, known);
    std::vector<SizeOp> ops = m_.size_ops;
    for (SizeOp& op : ops)
      op.unused = op.code == SizeOpCode::element
                      ? static_cast<uint16_t>(artifact::integer_bytes(op.dtype))
                      : 0;
    b_.table(&Image::size_ops, ops);
    b_.table(&Image::stages, m_.stages);
    b_.table(&Image::blocks, m_.blocks);
  }

  uint32_t stage_of_block(uint32_t block) const {
    uint32_t stage = 0;
    while (block >= m_.stages[stage].first_block + m_.stages[stage].blocks) ++stage;
    return stage;
  }

  void storage() {
    std::vector<std::vector<uint32_t>> by_stage(m_.stages.size());
    for (uint32_t s = 0; s < m_.slots.size(); ++s)
      if (m_.slots[s].kind == SlotKind::arena)
        by_stage[stage_of_block(m_.slots[s].index)].push_back(s);
    std::vector<uint32_t> first{0}, slots;
    for (const auto& list : by_stage) {
      slots.insert(slots.end(), list.begin(), list.end());
      first.push_back(static_cast<uint32_t>(slots.size()));
    }
    b_.table(&Image::first_slots, first);
    b_.table(&Image::stage_slots, slots);
    b_.table(&Image::slots, m_.slots);
    b_.table(&Image::dynamics, m_.dynamics);
    b_.table(&Image::calls, m_.calls);
    b_.table(&Image::buffer_list, m_.buffer_list);
    b_.table(&Image::register_list, m_.register_list);
    for (const artifact::Call& c : m_.calls) {
      b_.head().most_buffers = std::max(b_.head().most_buffers, c.buffers);
      b_.head().most_sizes = std::max(b_.head().most_sizes, c.sizes);
    }
  }

  const artifact::Model& m_;
  const Interface& face_;
  Builder b_;
};

/// True if some step reserves the buffer's whole memory before values are appended.
bool is_reserved(const Image& image, uint32_t dynamic) {
  const auto is_zero = [&](uint32_t reg) {
    const std::span ops(image.at(image.size_ops), image.size_ops.count);
    return image.at(image.registers)[reg] == 0 &&
           std::ranges::none_of(ops, [&](const SizeOp& op) { return op.dst == reg; });
  };
  const std::span steps(image.at(image.steps), image.steps.count);
  return std::ranges::any_of(steps, [&](const Step& s) {
    return s.kind == StepKind::reserve && s.a == dynamic && !is_zero(s.b);
  });
}

/// True where a run may take more than the plan for its extents.
bool data_decide(const Image& image) {
  const uint8_t* known = image.at(image.known);
  for (uint32_t b = 0; b < image.blocks.count; ++b)
    if (known[image.at(image.blocks)[b]] == 0) return true;
  for (uint32_t i = 0; i < image.steps.count; ++i) {
    const Step& s = image.at(image.steps)[i];
    if ((s.kind == StepKind::append && !is_reserved(image, s.a)) ||
        (s.kind == StepKind::launch && known[s.d] == 0) ||
        (s.kind == StepKind::reserve && known[s.b] == 0))
      return true;
  }
  return false;
}

}  // namespace

Weights place_weights(const artifact::Model& model) {
  Weights w;
  for (const artifact::Constant& c : model.constants) {
    w.offsets.push_back(w.bytes);
    w.bytes = round_up(w.bytes + c.size);
  }
  return w;
}

Result<std::vector<std::byte>> image_of(const artifact::Model& model, const Interface& face,
                                        const Weights& weights,
                                        machine::Architecture architecture) {
  TENON_TRY_VOID(check(model));
  return ImageWriter(model, face).run(weights, architecture);
}

Image& head_of(std::vector<std::byte>& image) { return *reinterpret_cast<Image*>(image.data()); }

Sizes sizes_of(std::vector<std::byte>& bytes) {
  const Image& image = head_of(bytes);
  Sizes sizes;
  sizes.instance = Instance(image, bytes.data()).bytes;
  std::vector<uint64_t> memory(sizes.instance / 8);
  const Instance m(image, memory.data());
  *m.head = {};
  std::copy_n(image.at(image.registers), image.registers.count, m.registers);
  bool is_static = true;
  for (uint32_t d = 0; d < image.dims.count; ++d) {
    m.extents[d] = image.at(image.dims)[d].extent;
    is_static = is_static && image.at(image.dims)[d].word == kNone;
  }
  sizes.grows = data_decide(image);
  if (!is_static || plan(m).outcome != Outcome::ok) return sizes;
  sizes.workspace_is_known = true;
  sizes.workspace = workspace_bytes(m, 1);
  sizes.worker = m.head->scratch;
  return sizes;
}

}  // namespace tenon::embed
