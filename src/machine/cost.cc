#include "machine/cost.h"

#include <algorithm>
#include <bit>

namespace tenon::machine {

int64_t Cost::task_elements() const {
  constexpr int64_t kBytes = 3 * 4;  // of an element: two operands and a result
  const int64_t elements = m_.fork_cycles * m_.l2_bytes_per_cycle / kBytes;
  return static_cast<int64_t>(
      std::bit_floor(static_cast<uint64_t>(std::max<int64_t>(elements, 1))));
}

bool Cost::is_small_product(int64_t products, int lanes) const {
  return products / std::max(m_.vector_products * lanes, 1) < m_.fork_cycles;
}

std::optional<int64_t> Cost::rows_side_by_side(int64_t stride) const {
  if (stride % set_period() != 0) return std::nullopt;
  return m_.l1_ways;
}

int64_t Cost::tile_rows(int64_t vectors) const {
  return std::max<int64_t>((m_.vector_registers - vectors - 1) / vectors, 1);
}

}  // namespace tenon::machine
