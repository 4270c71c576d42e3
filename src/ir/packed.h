// Which storage elements have: constants are in packed storage (support/packed.h), in a graph's
// literals, in the artifact and where kernels read them; everything that is written has elements
// that are addressed alone, so no two threads write parts of a byte.
#pragma once

#include "ir/node.h"
#include "support/packed.h"

namespace tenon::ir {

using tenon::byte_size;
using tenon::is_sub_byte;
using tenon::pack_bits;
using tenon::storage_bits;
using tenon::unpack_bits;
using tenon::unpack_element;

/// True if several elements share a byte of the parameter's buffer.
[[nodiscard]] inline bool shares_bytes(const KernelParam& p) {
  return p.role == ParamRole::constant && is_sub_byte(p.buffer->dtype());
}

}  // namespace tenon::ir
