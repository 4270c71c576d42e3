#include "graph/rules.h"

#include <algorithm>

#include "ir/text.h"
#include "ops/op.h"
#include "ops/walk.h"
#include "support/check.h"

namespace tenon::graph {

using namespace ir;  // NOLINT: this file speaks of nothing else

namespace {
constexpr int kMaxDepth = 16;  // of nodes built inside nodes by rules
}  // namespace

void Rewriter::run(Function& f) {
  std::vector<Expr> roots = f.results;
  for (const Binding& b : f.bindings) roots.push_back(b.tensor);
  const std::vector<Expr> order = ops::value_order(roots);
  NodeMap<int> readers;
  for (Expr n : order)
    for (Expr operand : ops::value_operands(n)) ++readers[operand];
  for (Expr r : roots) ++readers[r];

  NodeMap<Expr> image;
  for (Expr n : order) {
    Expr made = n;
    if (const auto values = ops::value_operands(n); !values.empty()) {
      std::vector<Expr> operands;
      bool same = true;
      for (Expr operand : values) {
        operands.push_back(*image.find(operand));
        same = same && operands.back() == operand;
      }
      if (!same) made = c_.rebuild(n, n->type, operands);
    }
    uses_[made] += readers[n];
    const Expr replaced = normalize(made);
    if (replaced != made) uses_[replaced] += readers[n];
    image[n] = replaced;
    if (replaced != n) c_.set_location(replaced, c_.location(n));
  }
  for (Expr& r : f.results) r = *image.find(r);
  for (Binding& b : f.bindings) b.tensor = *image.find(b.tensor);
}

Expr Rewriter::make(Op op, std::span<const Expr> operands, std::vector<Attr> attrs, Type wanted) {
  Result<Expr> made = ops::build(c_, op, operands, std::move(attrs), wanted);
  TENON_CHECK(made.has_value(), made.has_value() ? "" : made.error().text());
  return normalize(*made);
}

Expr Rewriter::with_operands(Expr like, std::span<const Expr> operands) {
  return make(like->op, operands, std::vector<Attr>(like->attrs.begin(), like->attrs.end()),
              like->type);
}

int Rewriter::uses(Expr n) const {
  const int* found = uses_.find(n);
  return found == nullptr ? 1 : *found;
}

Expr Rewriter::normalize(Expr n) {
  if (depth_ >= kMaxDepth) return n;
  ++depth_;
  for (bool changed = true; changed;) {
    changed = false;
    for (const Rule& rule : rules_) {
      if (!rule.matches(n->op)) continue;
      const Expr next = rule.apply(*this, n);
      if (next == nullptr || next == n) continue;
      TENON_CHECK(next->type == n->type || !n->type->is_tensor() || next->rank() == n->rank(),
                  std::string(rule.name) + " changed the rank of its node");
      ++p_.applied[rule.name];
      n = next;
      changed = true;
      break;
    }
  }
  --depth_;
  return n;
}

}  // namespace tenon::graph
