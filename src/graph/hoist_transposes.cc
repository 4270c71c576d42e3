// hoist_transposes: a transpose that is left where operators have made a tensor large (a resize
// after the last convolution) moves up to before them, where there is less to move.
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "graph/pass.h"
#include "graph/transpose_util.h"
#include "ir/expr.h"
#include "ops/walk.h"

namespace tenon::graph {

using namespace ir;  // NOLINT: this file speaks of nothing else

namespace {

constexpr int64_t kLeastGrowth = 4;  // of elements, between where it could stand and where it does
constexpr size_t kLargestRegion = 64;

using Region = std::unordered_map<Expr, int>;  // a node to how often the region reads it

bool can_cross(Expr n) {
  if (n->op == Op::gather) return n->operand(1)->rank() == 1;
  return is_elementwise(n->op) || n->op == Op::broadcast;
}

/// Operands of `n` that a transpose of it reaches.
std::span<const Expr> crossed(Expr n) {
  return n->op == Op::gather ? n->operands.first(1) : n->operands;
}

/// Nodes behind `top` that a transpose can cross and that nothing else reads.
Region region_of(Expr top, const NodeMap<int>& readers) {
  Region region;
  std::vector<Expr> stack{top};
  region[top] = 1;
  while (!stack.empty() && region.size() <= kLargestRegion) {
    const Expr n = stack.back();
    stack.pop_back();
    for (Expr x : crossed(n))
      if (can_cross(x) && region[x]++ == 0) stack.push_back(x);
  }
  if (region.size() > kLargestRegion) return {};
  // What others read stays, and with it what stands behind it alone.
  for (bool changed = true; changed;) {
    changed = false;
    for (auto at = region.begin(); at != region.end();) {
      if (at->second == *readers.find(at->first)) {
        ++at;
        continue;
      }
      for (Expr x : crossed(at->first))
        if (const auto found = region.find(x); found != region.end()) --found->second;
      at = region.erase(at);
      changed = true;
    }
  }
  return region.contains(top) ? region : Region{};
}

/// Elements of a tensor; nullopt where an extent is symbolic.
std::optional<int64_t> elements(Expr n) {
  int64_t all = 1;
  for (Expr e : n->shape()) {
    const auto extent = as_int(e);
    if (!extent || __builtin_mul_overflow(all, *extent, &all)) return std::nullopt;
  }
  return all;
}

/// What would have to be transposed before the region, in elements.
std::optional<int64_t> moved_elements(const Region& region) {
  int64_t all = 0;
  std::unordered_set<Expr> seen;
  for (const auto& [n, reads] : region)
    for (Expr x : crossed(n)) {
      if (region.contains(x) || x->op == Op::constant || x->rank() < 2) continue;
      if (!seen.insert(x).second) continue;
      const auto count = elements(x);
      if (!count) return std::nullopt;
      all += *count;
    }
  return all;
}

/// Builds transposes of nodes, through those of the region.
class Hoist {
 public:
  Hoist(Rewriter& r, const Region& region, const NodeMap<Expr>& image)
      : r_(r), region_(region), image_(image) {}

  /// The region is at most kLargestRegion deep.
  Expr transposed(Expr n, const Perm& perm) {
    const auto key = std::pair(n, perm);
    if (const auto known = made_.find(key); known != made_.end()) return known->second;
    const Expr out = region_.contains(n) ? through(n, perm) : transpose(r_, *image_.find(n), perm);
    made_.emplace(key, out);
    return out;
  }

 private:
  Expr through(Expr n, const Perm& perm) {
    const Type type = r_.context().tensor(n->dtype(), permuted(n->shape(), perm));
    std::vector<Attr> attrs(n->attrs.begin(), n->attrs.end());
    if (n->op == Op::gather) {
      const int64_t axis = inverse(perm)[static_cast<size_t>(n->int_attr(Key::axis))];
      return r_.make(Op::gather, {transposed(n->operand(0), perm), *image_.find(n->operand(1))},
                     {{Key::axis, axis}}, type);
    }
    if (n->op == Op::broadcast) {
      const auto [order, dims] = transposed_broadcast(n->ints_attr(Key::dims), perm);
      return r_.make(Op::broadcast, {transposed(n->operand(0), order)}, {{Key::dims, dims}}, type);
    }
    std::vector<Expr> operands;
    for (Expr x : n->operands) operands.push_back(transposed(x, perm));
    return r_.make(n->op, operands, std::move(attrs), type);
  }

  Rewriter& r_;
  const Region& region_;
  const NodeMap<Expr>& image_;
  std::map<std::pair<Expr, Perm>, Expr> made_;
};

}  // namespace

Status hoist_transposes(PassContext& p, Function& f) {
  Context& c = p.nodes;
  const std::vector<Expr> order = ops::value_order(f);
  NodeMap<int> readers;
  for (Expr n : order)
    for (Expr x : ops::value_operands(n)) ++readers[x];
  for (Expr x : f.results) ++readers[x];
  for (const Binding& b : f.bindings) ++readers[b.tensor];

  Rewriter r(p, canonical_rules());
  NodeMap<Expr> image;
  for (Expr n : order) {
    std::vector<Expr> operands;
    for (Expr x : ops::value_operands(n)) operands.push_back(*image.find(x));
    Expr made = nullptr;
    if (n->op == Op::transpose && can_cross(n->operand(0))) {
      const Region region = region_of(n->operand(0), readers);
      const auto before = moved_elements(region);
      const auto now = elements(n);
      if (!region.empty() && before && now && *before * kLeastGrowth <= *now)
        made = Hoist(r, region, image).transposed(n->operand(0), n->ints_attr(Key::perm));
    }
    if (made == nullptr) made = operands.empty() ? n : c.rebuild(n, n->type, operands);
    if (made != n) c.set_location(made, c.location(n));
    image[n] = made;
  }
  for (Expr& x : f.results) x = *image.find(x);
  for (Binding& b : f.bindings) b.tensor = *image.find(b.tensor);
  return {};
}

}  // namespace tenon::graph
