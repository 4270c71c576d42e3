// Shape stages as plain functions of extents: integer operations on registers, and the layout of an
// arena segment. Shared by the execution and by what is computed of a run before it starts.
#include "runtime/size_stage.h"

#include <algorithm>

#include "artifact/size_arithmetic.h"

namespace tenon::runtime {

using artifact::SizeOp;
using artifact::SizeOpCode;

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
          return fail("run.extent", "an extent became negative for these shapes; give larger ones");
        if (__builtin_mul_overflow(a, b, &v))
          return fail("run.memory", "a tensor is too large for these shapes; give smaller ones");
        break;
      }
      case SizeOpCode::check:
        if (registers[op.a] == 0) return fail("run.check", model.messages[op.b]);
        continue;
      default:
        v = artifact::arithmetic(op.code, registers[op.a], registers[op.b]);
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
      return fail("run.extent", "an extent became negative for these shapes; give larger ones");
    offsets[b] = total;
    total = std::min(total + (static_cast<uint64_t>(size) + 63) / 64 * 64, kMostMemory);
  }
  return total;
}

}  // namespace tenon::runtime
