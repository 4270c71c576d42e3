// Shape stages as plain functions of extents: integer operations on registers, and the layout of an
// arena segment. Shared by the execution and by what is computed of a run before it starts.
#include "runtime/size_stage.h"

#include <algorithm>

namespace tenon::runtime {
namespace {

using artifact::SizeOp;
using artifact::SizeOpCode;

int64_t wrap_add(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
int64_t wrap_sub(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
int64_t wrap_mul(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}
int64_t trunc_div(int64_t a, int64_t b) { return b == 0 ? 0 : b == -1 ? wrap_sub(0, a) : a / b; }
int64_t floor_div(int64_t a, int64_t b) {
  const int64_t q = trunc_div(a, b);
  return b != 0 && wrap_mul(q, b) != a && ((a < 0) != (b < 0)) ? q - 1 : q;
}
int64_t floor_mod(int64_t a, int64_t b) {
  return b == 0 ? 0 : wrap_sub(a, wrap_mul(floor_div(a, b), b));
}
int64_t shift_left(int64_t a, int64_t b) {
  return b < 0 || b >= 64 ? 0 : static_cast<int64_t>(static_cast<uint64_t>(a) << b);
}
int64_t shift_right(int64_t a, int64_t b) { return b < 0 || b >= 64 ? (a < 0 ? -1 : 0) : a >> b; }

int64_t arithmetic(SizeOpCode code, int64_t a, int64_t b) {
  switch (code) {
    case SizeOpCode::add:
      return wrap_add(a, b);
    case SizeOpCode::sub:
      return wrap_sub(a, b);
    case SizeOpCode::mul:
      return wrap_mul(a, b);
    case SizeOpCode::floordiv:
      return floor_div(a, b);
    case SizeOpCode::mod:
      return floor_mod(a, b);
    case SizeOpCode::div:
      return trunc_div(a, b);
    case SizeOpCode::min:
      return std::min(a, b);
    case SizeOpCode::max:
      return std::max(a, b);
    case SizeOpCode::eq:
      return a == b ? 1 : 0;
    case SizeOpCode::ne:
      return a != b ? 1 : 0;
    case SizeOpCode::lt:
      return a < b ? 1 : 0;
    case SizeOpCode::le:
      return a <= b ? 1 : 0;
    case SizeOpCode::and_:
      return a & b;
    case SizeOpCode::or_:
      return a | b;
    case SizeOpCode::xor_:
      return a ^ b;
    case SizeOpCode::shl:
      return shift_left(a, b);
    case SizeOpCode::shr:
      return shift_right(a, b);
    default:
      return 0;
  }
}

}  // namespace

Status run_size_ops(const artifact::Model& model, const artifact::Stage& stage,
                    const InputDims& inputs, std::span<void* const> slots,
                    std::span<int64_t> registers, bool& changed) {
  for (const SizeOp& op : std::span(model.size_ops).subspan(stage.first_op, stage.ops)) {
    int64_t v = 0;
    switch (op.code) {
      case SizeOpCode::move:
        v = registers[op.a];
        break;
      case SizeOpCode::not_:
        v = registers[op.a] == 0 ? 1 : 0;
        break;
      case SizeOpCode::select:
        v = registers[registers[op.a] != 0 ? op.b : op.c];
        break;
      case SizeOpCode::input_extent:
        v = inputs[op.a][op.b];
        break;
      case SizeOpCode::element: {
        const auto* data = static_cast<const std::byte*>(slots[op.a]);
        v = artifact::load_int(op.dtype,
                               data + registers[op.b] * artifact::info(op.dtype).element_bytes);
        break;
      }
      case SizeOpCode::bytes: {
        const int64_t a = registers[op.a];
        const int64_t b = registers[op.b];
        if (a < 0 || b < 0)
          return fail("run.memory", "an extent became negative for these shapes; give larger ones");
        if (__builtin_mul_overflow(a, b, &v))
          return fail("run.memory", "a tensor is too large for these shapes; give smaller ones");
        break;
      }
      case SizeOpCode::check:
        if (registers[op.a] == 0) return fail("run.check", model.messages[op.b]);
        continue;
      default:
        v = arithmetic(op.code, registers[op.a], registers[op.b]);
    }
    if (registers[op.dst] == v) continue;
    registers[op.dst] = v;
    changed = true;
  }
  return {};
}

Result<uint64_t> place_blocks(const artifact::Model& model, const artifact::Stage& stage,
                              std::span<const int64_t> registers, std::span<uint64_t> offsets) {
  uint64_t total = 0;
  for (uint32_t b = stage.first_block; b < stage.first_block + stage.blocks; ++b) {
    const int64_t size = registers[model.blocks[b]];
    if (size < 0)
      return fail("run.memory", "an extent became negative for these shapes; give larger ones");
    offsets[b] = total;
    total = std::min(total + (static_cast<uint64_t>(size) + 63) / 64 * 64, kMostMemory);
  }
  return total;
}

}  // namespace tenon::runtime
