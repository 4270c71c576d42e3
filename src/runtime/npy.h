// NumPy's .npy files. Reading trusts nothing in the file; writing is atomic.
#pragma once

#include <string>

#include "runtime/tensor.h"
#include "support/result.h"

namespace tenon::runtime {

/// Reads versions 1 to 3, either byte order, C or Fortran order. A two-byte void type is taken for
/// bf16. Errors: "file.open", "npy.format", "npy.type", "npy.truncated".
[[nodiscard]] Result<Tensor> read_npy(const std::string& path);
[[nodiscard]] Result<Tensor> parse_npy(std::span<const std::byte> bytes, const std::string& name);

/// Types that NumPy lacks are widened: bf16, fp8 and fp4 to f32, 4- and 2-bit integers to 8 bits.
[[nodiscard]] Status write_npy(const std::string& path, const TensorView& tensor);

/// The tensor as `wanted` if that is a type that NumPy lacks and the values come in the wider type
/// that write_npy gives it; else unchanged.
[[nodiscard]] Tensor narrow_from_npy(Tensor tensor, DType wanted);

}  // namespace tenon::runtime
