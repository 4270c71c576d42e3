#include "graph/transpose_util.h"

#include <algorithm>

namespace tenon::graph {

bool is_identity(const Perm& perm) {
  for (size_t i = 0; i < perm.size(); ++i)
    if (perm[i] != static_cast<int64_t>(i)) return false;
  return true;
}

Perm inverse(const Perm& perm) {
  Perm out(perm.size());
  for (size_t i = 0; i < perm.size(); ++i)
    out[static_cast<size_t>(perm[i])] = static_cast<int64_t>(i);
  return out;
}

Perm compose(const Perm& first, const Perm& second) { return permuted(first, second); }

ir::Expr transpose(Rewriter& r, ir::Expr x, const Perm& perm) {
  if (is_identity(perm)) return x;
  return r.make(ir::Op::transpose, {x}, {{ir::Key::perm, perm}});
}

TransposedBroadcast transposed_broadcast(const Perm& dims, const Perm& perm) {
  const Perm back = inverse(perm);
  std::vector<std::pair<int64_t, int64_t>> axes;  // of the output, of the operand
  for (int64_t d : dims)
    axes.emplace_back(back[static_cast<size_t>(d)], static_cast<int64_t>(axes.size()));
  std::sort(axes.begin(), axes.end());
  TransposedBroadcast out;
  for (const auto& [to, from] : axes) {
    out.dims.push_back(to);
    out.order.push_back(from);
  }
  return out;
}

}  // namespace tenon::graph
