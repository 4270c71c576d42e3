// Interval arithmetic over int64 with open ends.
#include <algorithm>

#include "ir/solver.h"
#include "support/checked.h"

namespace tenon::ir {
namespace {

/// A bound as a wide number, open ends far outside of int64.
using Wide = __int128;
constexpr Wide kFar = Wide{1} << 100;

Wide wide_lo(Interval a) { return a.has_lo() ? Wide{a.lo} : -kFar; }
Wide wide_hi(Interval a) { return a.has_hi() ? Wide{a.hi} : kFar; }

Interval narrow(Wide lo, Wide hi) {
  Interval out;
  if (lo > INT64_MIN) out.lo = lo >= INT64_MAX ? INT64_MAX - 1 : static_cast<int64_t>(lo);
  if (hi < INT64_MAX) out.hi = hi <= INT64_MIN ? INT64_MIN + 1 : static_cast<int64_t>(hi);
  return out;
}

/// a * b where either may stand for an open end.
Wide times(Wide a, Wide b) {
  if (a == 0 || b == 0) return 0;
  const bool far = a >= kFar || a <= -kFar || b >= kFar || b <= -kFar;
  if (!far) return a * b;
  return (a < 0) == (b < 0) ? kFar : -kFar;
}

Wide floor_wide(Wide a, Wide b) {
  if (a >= kFar) return kFar;
  if (a <= -kFar) return -kFar;
  if (b >= kFar) return a < 0 ? -1 : 0;
  const Wide q = a / b;
  return a % b != 0 && a < 0 ? q - 1 : q;  // b > 0
}

}  // namespace

Interval add(Interval a, Interval b) {
  const bool lo = a.has_lo() && b.has_lo();
  const bool hi = a.has_hi() && b.has_hi();
  return narrow(lo ? Wide{a.lo} + b.lo : -kFar, hi ? Wide{a.hi} + b.hi : kFar);
}

Interval mul(Interval a, Interval b) {
  const Wide corners[] = {times(wide_lo(a), wide_lo(b)), times(wide_lo(a), wide_hi(b)),
                          times(wide_hi(a), wide_lo(b)), times(wide_hi(a), wide_hi(b))};
  return narrow(*std::min_element(corners, corners + 4), *std::max_element(corners, corners + 4));
}

Interval scale(Interval a, int64_t k) { return mul(a, {k, k}); }

Interval floordiv(Interval a, Interval b) {
  if (b.lo < 0) return {};
  // x / 0 is 0.
  const bool zero = b.lo <= 0;
  const Wide least = std::max<Wide>(b.lo, 1);
  const Wide most = std::max<Wide>(wide_hi(b), 1);
  const Wide lo = wide_lo(a) < 0 ? floor_wide(wide_lo(a), least) : floor_wide(wide_lo(a), most);
  const Wide hi = wide_hi(a) < 0 ? floor_wide(wide_hi(a), most) : floor_wide(wide_hi(a), least);
  return zero ? narrow(std::min<Wide>(lo, 0), std::max<Wide>(hi, 0)) : narrow(lo, hi);
}

Interval mod(Interval a, Interval b) {
  if (b.lo < 0) return {};
  if (b.lo == b.hi && b.lo > 0 && a.has_lo() && a.has_hi() &&
      floor_div(a.lo, b.lo) == floor_div(a.hi, b.lo))
    return {floor_mod(a.lo, b.lo), floor_mod(a.hi, b.lo)};
  const Wide below = std::max<Wide>(wide_hi(b) - (b.has_hi() ? 1 : 0), 0);
  const Wide most = a.lo >= 0 && a.has_lo() ? std::min(wide_hi(a), below) : below;
  return narrow(0, most);
}

}  // namespace tenon::ir
