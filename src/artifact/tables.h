// The plain records of a compiled model, and what they mean: size programs, memory, steps. Apart
// from model.h, since code without the C++ library reads them too (src/embed_core).
#pragma once

#include <cstdint>

#include "support/dtype.h"

namespace tenon::artifact {

/// "No index": an absent register, symbol or block.
inline constexpr uint32_t kNone = UINT32_MAX;

enum class SizeOpCode : uint8_t {
  move,          // dst = a
  input_extent,  // dst = extent of input a (index) along axis b (index)
  element,       // dst = element b (register) of the tensor in slot a, read as dtype
  add,
  sub,
  mul,
  floordiv,
  mod,
  div,  // wrap; division by zero gives 0; div truncates
  min,
  max,
  eq,
  ne,
  lt,
  le,
  and_,
  or_,
  xor_,
  not_,
  shl,
  shr,
  select,  // dst = a != 0 ? b : c
  bytes,   // dst = a * b, an amount of memory: refuses negative factors and overflow
  check,   // run fails with message b (index into messages) unless a != 0
};
inline constexpr int kSizeOpCount = static_cast<int>(SizeOpCode::check) + 1;

struct SizeOp {
  SizeOpCode code = SizeOpCode::move;
  DType dtype = DType::i64;
  uint16_t unused = 0;
  uint32_t dst = 0, a = 0, b = 0, c = 0;
  bool operator==(const SizeOp&) const = default;
};

/// A run of size operations with an arena segment: its blocks lie one behind the other, each of as
/// many bytes as its register says, rounded up to 64.
struct Stage {
  uint32_t first_op = 0, ops = 0;
  uint32_t first_block = 0, blocks = 0;
  uint32_t dynamic = 0;  // 0: depends on input extents only, so it is skipped while they stay
  bool operator==(const Stage&) const = default;
};

enum class SlotKind : uint32_t {
  bound,     // set by bind steps
  input,     // index: the model input
  constant,  // index: the constant
  arena,     // index: the block; offset: register, bytes from the block's start
  dynamic,   // index: the dynamic buffer
  state,     // index: the state
  device,    // index: the device buffer
};
struct Slot {
  SlotKind kind = SlotKind::bound;
  uint32_t index = 0;
  uint32_t offset = kNone;
  bool operator==(const Slot&) const = default;
};

/// Memory of another device than the host, which an `allocate` step provides.
struct DeviceBuffer {
  uint32_t device = 0;     // 1 and more: index into Model::devices, plus 1
  uint32_t bytes = kNone;  // register
  bool operator==(const DeviceBuffer&) const = default;
};

/// The buffers (slots) and sizes (registers) of one kernel call; shared by its launches.
struct Call {
  uint32_t first_buffer = 0, buffers = 0;  // in buffer_list
  uint32_t first_size = 0, sizes = 0;      // in register_list
  uint32_t where = kNone;                  // message: the nodes whose indices the kernel checks
  bool operator==(const Call&) const = default;
};

enum class StepKind : uint32_t {
  launch,     // entry b on call a, grid register c, scratch bytes register d, kernel row e
  stage,      // run size operations of stage a, then lay out its segment
  jump,       // to step a
  unless,     // to step b if register a is 0
  copy,       // slot b to slot a, register c bytes; also between the host and a device
  bind,       // slot a now points where slot b points
  write,      // c scalars from register_list[b..] to the tensor in slot a, as DType d
  reserve,    // dynamic buffer a holds at least register b bytes; contents are lost if it grows
  swap,       // dynamic buffers a and b exchange memory
  append,     // register c bytes of slot b to dynamic buffer a at position (register d) * bytes
  resize,     // state a takes the extents of its registers
  allocate,   // device buffer a has at least the bytes of its register; contents are lost
  host_call,  // the caller's function b (index into host_functions) on the buffers of call a
};
inline constexpr uint32_t kStepKindCount = static_cast<uint32_t>(StepKind::host_call) + 1;

struct Step {
  StepKind kind = StepKind::launch;
  uint32_t a = 0, b = 0, c = 0, d = 0, e = 0;
  uint32_t device = 0;  // that carries out a launch: 0 the host, else index into devices, plus 1
  bool operator==(const Step&) const = default;
};

/// Kernels of so little arithmetic and traffic finish before a second thread has woken.
[[nodiscard]] inline bool is_small_kernel(int64_t flops, int64_t bytes) {
  constexpr int64_t kSmall = 1 << 15;
  return flops < kSmall && bytes < kSmall && flops + bytes < kSmall;
}

}  // namespace tenon::artifact
