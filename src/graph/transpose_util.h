// Permutations, as `transpose` has them: output axis i is input axis perm[i].
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "graph/rules.h"

namespace tenon::graph {

using Perm = std::vector<int64_t>;

[[nodiscard]] bool is_identity(const Perm& perm);
[[nodiscard]] Perm inverse(const Perm& perm);
/// transpose(transpose(x, first), second) == transpose(x, compose(first, second)).
[[nodiscard]] Perm compose(const Perm& first, const Perm& second);
/// The node, or x itself for the identity.
[[nodiscard]] ir::Expr transpose(Rewriter& r, ir::Expr x, const Perm& perm);
/// transpose(broadcast(y, dims), perm) as a broadcast of a transpose of y.
struct TransposedBroadcast {
  Perm order;  // y's axes
  Perm dims;   // of the new broadcast
};
[[nodiscard]] TransposedBroadcast transposed_broadcast(const Perm& dims, const Perm& perm);
/// values[perm[i]] at i.
template <class T>
[[nodiscard]] std::vector<T> permuted(const std::vector<T>& values, const Perm& perm) {
  std::vector<T> out;
  for (int64_t p : perm) out.push_back(values[static_cast<size_t>(p)]);
  return out;
}

/// The structural rules of canonicalize, for passes that make nodes of those kinds.
[[nodiscard]] std::span<const Rule> canonical_rules();

}  // namespace tenon::graph
