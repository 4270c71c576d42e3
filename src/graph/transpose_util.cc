#include "graph/transpose_util.h"

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

}  // namespace tenon::graph
