// Operands for products: elements that show what an instruction does with them. Tests only.
#pragma once

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "ir/dtype.h"

namespace tenon::target::testing {

/// Elements of every kind: the extremes of integers; of floats values that sums round, and either
/// subnormals or, where they are not finite, infinities and what is no number.
inline std::vector<std::byte> random_elements(ir::DType type, int64_t n, bool finite,
                                              std::mt19937& random) {
  const int64_t bytes = ir::info(type).element_bytes;
  std::vector<std::byte> out(static_cast<size_t>(n * bytes));
  for (int64_t i = 0; i < n; ++i) {
    const uint64_t sign = uint64_t{1} << (ir::info(type).bits - 1);
    uint64_t bits = random() % 4 == 0 ? (random() % 2 == 0 ? sign : sign - 1) : random();
    if (ir::is_float(type)) {
      double x = static_cast<double>(random() % 2000) / 700 - 1;
      if (finite && random() % 16 == 0) x = 1e-39;
      if (!finite && random() % 64 == 0) x = random() % 3 == 0 ? NAN : INFINITY;
      bits = ir::encode_float(type, x);
    }
    std::memcpy(out.data() + i * bytes, &bits, static_cast<size_t>(bytes));
  }
  return out;
}

}  // namespace tenon::target::testing
