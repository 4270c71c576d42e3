// Elements of a buffer's memory, as the interpreter of loop programs reads and writes them.
#pragma once

#include "interp/loop_tables.h"

namespace tenon::interp {

/// Fills the memory with what no program means to read: NaN, or a pattern of bits.
void poison(Memory& m);
/// The same as a value.
[[nodiscard]] Scalar unspecified(ir::DType type);
[[nodiscard]] Scalar load_element(const Memory& m, int64_t at);
void store_element(const Memory& m, int64_t at, Scalar s);

}  // namespace tenon::interp
