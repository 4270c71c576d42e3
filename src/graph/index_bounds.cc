#include "graph/index_bounds.h"

#include "ir/expr.h"
#include "ir/rewrite.h"
#include "ops/index_check.h"

namespace tenon::graph {
namespace {

using ir::Expr;
using ir::Op;

/// The operands whose elements are elements of the node's value.
std::span<const Expr> moved_operands(Expr n) {
  switch (n->op) {
    case Op::concat:
      return n->operands;
    case Op::cast:
    case Op::reshape:
    case Op::transpose:
    case Op::broadcast:
    case Op::slice:
    case Op::gather:
      return std::span(n->operands).first(1);
    default:
      return {};
  }
}

class Bounds {
 public:
  Bounds(ir::Context& c, const ir::Function& f) : c_(c), f_(f), bounds_(f.params.size()) {}

  std::vector<Expr> run() {
    std::vector<Expr> roots = f_.results;
    for (const ir::Binding& b : f_.bindings) roots.push_back(b.tensor);
    for (Expr n : ir::post_order(roots)) {
      for (const size_t axis : ops::indexed_axes(n))
        limit(n->operand(1), n->operand(0)->shape()[axis]);
      for (const ir::Attr& a : n->attrs)
        if (const auto* body = std::get_if<const ir::Function*>(&a.value)) enter(n, **body);
    }
    return std::move(bounds_);
  }

 private:
  /// A body's params are the last operands, and the last params.
  void enter(Expr n, const ir::Function& body) {
    const std::vector<Expr> inner = Bounds(c_, body).run();
    for (size_t k = 1; k <= std::min(inner.size(), n->operands.size()); ++k)
      if (const Expr extent = inner[inner.size() - k]; extent != nullptr)
        limit(n->operand(n->operands.size() - k), extent);
  }

  void limit(Expr indices, Expr extent) {
    std::vector<Expr> work{indices};
    while (!work.empty()) {
      const Expr e = work.back();
      work.pop_back();
      const auto from = moved_operands(e);
      work.insert(work.end(), from.begin(), from.end());
      for (size_t i = 0; i < bounds_.size(); ++i)
        if (f_.params[i] == e)
          bounds_[i] = bounds_[i] == nullptr ? extent : ir::min(c_, bounds_[i], extent);
    }
  }

  ir::Context& c_;
  const ir::Function& f_;
  std::vector<Expr> bounds_;
};

}  // namespace

std::vector<Expr> index_bounds(ir::Context& c, const ir::Function& f) { return Bounds(c, f).run(); }

}  // namespace tenon::graph
