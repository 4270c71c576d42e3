// Stable order of indices, for the references. (std::stable_sort of this libstdc++ uses what C++17
// deprecates, which clang reports.)
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace tenon::ops::opaque {

/// Sorts indices so that equal ones keep their order by value of the index.
template <class Less>
void stable_order(std::vector<int64_t>& order, Less less) {
  std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    if (less(a, b)) return true;
    return a < b && !less(b, a);
  });
}

}  // namespace tenon::ops::opaque
