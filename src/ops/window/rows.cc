// The row of window. Tolerance: as for reduce, with short sums.
#include <array>

#include "ops/families.h"
#include "ops/window/window.h"

namespace tenon::ops {

std::span<const OpRow> window_rows() {
  static const std::array rows = [] {
    OpRow window{ir::Op::window, Pattern::window, window_type,
                 window_eval,    window_point,    window_info};
    window.tolerance = 1e-6;
    return std::array{window};
  }();
  return rows;
}

}  // namespace tenon::ops
