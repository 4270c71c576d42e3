// The row of window. Tolerance: as for reduce, with short sums.
#include "ops/families.h"
#include "ops/window/window.h"

namespace tenon::ops {

using ir::Op;

template <>
OpRow tensor_row<Op::window>() {
  OpRow window{Op::window, Pattern::window, window_type, window_eval, window_point, window_info};
  window.tolerance = 1e-6;
  return window;
}

}  // namespace tenon::ops
