#include "interp/pack.h"

#include <cstring>

#include "support/check.h"

namespace tenon::interp {
namespace {

ops::Tensor pack_once(const ops::Tensor& x, const ir::Packing& p) {
  const size_t rank = x.shape.size();
  TENON_CHECK(p.factors.size() == rank, "packing of another rank");
  std::vector<int64_t> split;                      // extents after splitting
  std::vector<std::pair<size_t, int64_t>> source;  // logical axis and weight of each
  for (size_t d = 0; d < rank; ++d) {
    const int64_t f = p.factors[d];
    if (f == 0) {
      split.push_back(x.shape[d]);
      source.emplace_back(d, 1);
    } else {
      split.push_back((x.shape[d] + f - 1) / f);
      source.emplace_back(d, f);
      split.push_back(f);
      source.emplace_back(d, 1);
    }
  }
  TENON_CHECK(p.perm.size() == split.size(), "packing whose permutation has another length");
  ops::Tensor out;
  out.dtype = x.dtype;
  int64_t count = 1;
  for (int64_t axis : p.perm) {
    out.shape.push_back(split[static_cast<size_t>(axis)]);
    count *= out.shape.back();
  }
  const size_t width = ir::info(x.dtype).element_bytes;
  out.bytes.assign(static_cast<size_t>(count) * width, std::byte{0});
  std::vector<int64_t> at(p.perm.size(), 0);
  std::vector<int64_t> logical(rank);
  for (int64_t flat = 0; flat < count; ++flat) {
    std::fill(logical.begin(), logical.end(), 0);
    for (size_t i = 0; i < at.size(); ++i) {
      const auto& [axis, weight] = source[static_cast<size_t>(p.perm[i])];
      logical[axis] += at[i] * weight;
    }
    bool inside = true;
    int64_t from = 0;
    for (size_t d = 0; d < rank; ++d) {
      inside = inside && logical[d] < x.shape[d];
      from = from * x.shape[d] + logical[d];
    }
    if (inside)
      std::memcpy(out.bytes.data() + static_cast<size_t>(flat) * width,
                  x.bytes.data() + static_cast<size_t>(from) * width, width);
    for (size_t i = at.size(); i-- > 0;) {
      if (++at[i] < out.shape[i]) break;
      at[i] = 0;
    }
  }
  return out;
}

}  // namespace

ops::Tensor pack(const ops::Tensor& tensor, std::span<const ir::Packing> packing,
                 std::span<const int64_t> logical) {
  ops::Tensor out = tensor;
  if (!logical.empty()) out.shape.assign(logical.begin(), logical.end());
  for (const ir::Packing& p : packing) out = pack_once(out, p);
  return out;
}

}  // namespace tenon::interp
