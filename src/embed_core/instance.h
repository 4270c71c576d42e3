// The memory of an instance, and what a run takes of the workspace for given extents. Shared by the
// core and by the compiler, which prints the amounts into the generated header.
#pragma once

#include "artifact/integer_element.h"
#include "artifact/size_arithmetic.h"
#include "embed_core/image.h"

namespace tenon::embed {

using artifact::SizeOp;
using artifact::SizeOpCode;
using artifact::Slot;
using artifact::SlotKind;
using artifact::Stage;
using artifact::Step;
using artifact::StepKind;

/// More bytes than any machine has: sums of amounts stop here.
inline constexpr uint64_t kMostMemory = uint64_t{1} << 62;

/// Memory in the workspace, and what is planned for it before a run.
struct Memory {
  std::byte* data = nullptr;
  uint64_t bytes = 0;
  uint64_t planned = 0;
};

/// Behind it in the caller's memory: the arrays of `Instance`.
struct InstanceHead {
  uint64_t opened = 0;  // the image's version once it is open
  Hooks hooks = {};
  const std::byte* weights = nullptr;
  uint64_t sized = 0;    // 1: the registers fit the extents
  uint64_t scratch = 0;  // planned bytes of one worker
  uint64_t fixed = 0;    // planned bytes of all but scratch
};

/// Pointers to the parts of an instance.
struct Instance {
  const Image& image;
  InstanceHead* head;
  int64_t* registers;
  int64_t* extents;  // parallel to Image::dims
  void** slots;
  uint64_t* block_offsets;
  Memory* arenas;  // of stages
  Memory* dynamics;
  void** buffers;  // of the call at hand
  int64_t* sizes;
  uint64_t bytes;  // of all

  Instance(const Image& of, void* memory) : image(of), head(static_cast<InstanceHead*>(memory)) {
    auto* at = reinterpret_cast<std::byte*>(memory) + sizeof(InstanceHead);
    take(at, registers, of.registers.count);
    take(at, extents, of.dims.count);
    take(at, slots, of.slots.count);
    take(at, block_offsets, of.blocks.count);
    take(at, arenas, of.stages.count);
    take(at, dynamics, of.dynamics.count);
    take(at, buffers, of.most_buffers);
    take(at, sizes, of.most_sizes);
    bytes = static_cast<uint64_t>(at - reinterpret_cast<std::byte*>(memory));
  }

 private:
  template <class T>
  static void take(std::byte*& at, T*& part, uint32_t count) {
    static_assert(sizeof(T) % 8 == 0);
    part = reinterpret_cast<T*>(at);
    at += sizeof(T) * count;
  }
};

struct Problem {
  Outcome outcome = Outcome::ok;
  const char* text = "";
};

[[nodiscard]] inline uint64_t add_bounded(uint64_t a, uint64_t b) {
  return a >= kMostMemory || b >= kMostMemory || a + b >= kMostMemory ? kMostMemory : a + b;
}
[[nodiscard]] inline uint64_t round_up(uint64_t bytes) {
  return bytes >= kMostMemory ? kMostMemory : (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

/// Carries out the operations of a stage; those behind the first may read tensors.
[[nodiscard]] inline Problem run_size_ops(const Instance& m, const Stage& stage) {
  int64_t* r = m.registers;
  for (uint32_t i = stage.first_op; i < stage.first_op + stage.ops; ++i) {
    const SizeOp& op = m.image.at(m.image.size_ops)[i];
    int64_t v = 0;
    switch (op.code) {
      case SizeOpCode::move:
        v = r[op.a];
        break;
      case SizeOpCode::not_:
        v = r[op.a] == 0 ? 1 : 0;
        break;
      case SizeOpCode::select:
        v = r[r[op.a] != 0 ? op.b : op.c];
        break;
      case SizeOpCode::input_extent:
        v = m.extents[m.image.at(m.image.inputs)[op.a].first_dim + op.b];
        break;
      case SizeOpCode::element:
        v = artifact::load_integer(
            op.dtype, static_cast<const std::byte*>(m.slots[op.a]) + r[op.b] * op.unused);
        break;
      case SizeOpCode::bytes:
        if (r[op.a] < 0 || r[op.b] < 0)
          return {Outcome::memory, "an extent became negative for these shapes; give larger ones"};
        if (__builtin_mul_overflow(r[op.a], r[op.b], &v))
          return {Outcome::memory, "a tensor is too large for these shapes; give smaller ones"};
        break;
      case SizeOpCode::check:
        if (r[op.a] == 0) return {Outcome::check, m.image.text(m.image.at(m.image.messages)[op.b])};
        continue;
      default:
        v = artifact::arithmetic(op.code, r[op.a], r[op.b]);
    }
    r[op.dst] = v;
  }
  return {};
}

/// Places the blocks of a stage one behind the other; gives the bytes of all.
[[nodiscard]] inline Problem place_blocks(const Instance& m, const Stage& stage, uint64_t& total) {
  total = 0;
  for (uint32_t b = stage.first_block; b < stage.first_block + stage.blocks; ++b) {
    const int64_t size = m.registers[m.image.at(m.image.blocks)[b]];
    if (size < 0)
      return {Outcome::memory, "an extent became negative for these shapes; give larger ones"};
    m.block_offsets[b] = total;
    total = add_bounded(total, round_up(static_cast<uint64_t>(size)));
  }
  return {};
}

/// The register where no stage behind the first sets it, else 0: what data decides is not planned.
[[nodiscard]] inline uint64_t known_bytes(const Instance& m, uint32_t reg) {
  const int64_t value = m.image.at(m.image.known)[reg] != 0 ? m.registers[reg] : 0;
  return value < 0 ? 0 : static_cast<uint64_t>(value);
}

/// Runs the first stage on the instance's extents and plans the memory of a run.
[[nodiscard]] inline Problem plan(const Instance& m) {
  const Image& image = m.image;
  InstanceHead& head = *m.head;
  head.fixed = head.scratch = 0;
  for (uint32_t s = 0; s < image.stages.count; ++s) {
    const Stage& stage = image.at(image.stages)[s];
    if (s == 0)
      if (const Problem p = run_size_ops(m, stage); p.outcome != Outcome::ok) return p;
    uint64_t total = 0;
    for (uint32_t b = stage.first_block; b < stage.first_block + stage.blocks; ++b)
      total = add_bounded(total, round_up(known_bytes(m, image.at(image.blocks)[b])));
    m.arenas[s].planned = total;
    head.fixed = add_bounded(head.fixed, total);
  }
  for (uint32_t d = 0; d < image.dynamics.count; ++d) m.dynamics[d].planned = 0;
  for (uint32_t i = 0; i < image.steps.count; ++i) {
    const Step& step = image.at(image.steps)[i];
    uint64_t* most = step.kind == StepKind::launch    ? &head.scratch
                     : step.kind == StepKind::reserve ? &m.dynamics[step.a].planned
                                                      : nullptr;
    if (most == nullptr) continue;
    const uint64_t bytes =
        round_up(known_bytes(m, step.kind == StepKind::launch ? step.d : step.b));
    if (bytes > *most) *most = bytes;
  }
  // Two buffers that exchange memory both have to hold the larger amount.
  for (uint32_t i = 0; i < image.steps.count; ++i) {
    const Step& step = image.at(image.steps)[i];
    if (step.kind != StepKind::swap) continue;
    uint64_t& a = m.dynamics[step.a].planned;
    uint64_t& b = m.dynamics[step.b].planned;
    a = b = a < b ? b : a;
  }
  for (uint32_t d = 0; d < image.dynamics.count; ++d)
    head.fixed = add_bounded(head.fixed, m.dynamics[d].planned);
  return {};
}

/// Bytes of the workspace: what aligns its start included.
[[nodiscard]] inline uint64_t workspace_bytes(const Instance& m, uint64_t workers) {
  const uint64_t scratch = m.head->scratch;
  if (scratch > kMostMemory / kMostWorkers) return kMostMemory;
  return add_bounded(add_bounded(m.head->fixed, scratch * workers), kAlignment - 1);
}

}  // namespace tenon::embed
