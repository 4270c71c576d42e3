// Rules as data, and the driver that applies them to a graph: bottom-up, each original node once,
// and on every node that a rule builds, until none applies.
#pragma once

#include <span>
#include <string_view>

#include "graph/pass.h"
#include "ir/node.h"
#include "ir/node_map.h"
#include "ir/rewrite.h"

namespace tenon::graph {

class Rewriter;

/// `apply` sees a node whose operands are already rewritten; returns its replacement or nullptr.
/// New nodes inside the replacement are made with Rewriter::make, which applies the rules to them.
struct Rule {
  std::string_view name;
  bool (*matches)(ir::Op op);
  ir::Expr (*apply)(Rewriter& r, ir::Expr n);
};

/// Rule::matches for one operator.
template <ir::Op op>
[[nodiscard]] bool is(ir::Op candidate) {
  return candidate == op;
}

class Rewriter {
 public:
  Rewriter(PassContext& p, std::span<const Rule> rules) : p_(p), c_(p.nodes), rules_(rules) {}

  /// Rewrites the function; bodies of its if and loop nodes stay as they are.
  void run(ir::Function& f);

  [[nodiscard]] PassContext& pass() { return p_; }
  [[nodiscard]] ir::Context& context() { return c_; }
  /// A checked node, rewritten by the rules. A shape that does not fit is a bug of the calling
  /// rule.
  [[nodiscard]] ir::Expr make(ir::Op op, std::span<const ir::Expr> operands,
                              std::vector<ir::Attr> attrs = {}, ir::Type wanted = nullptr);
  [[nodiscard]] ir::Expr make(ir::Op op, std::initializer_list<ir::Expr> operands,
                              std::vector<ir::Attr> attrs = {}, ir::Type wanted = nullptr) {
    return make(op, std::span<const ir::Expr>(operands.begin(), operands.size()), std::move(attrs),
                wanted);
  }
  /// The same operator and attributes on other operands of the same types.
  [[nodiscard]] ir::Expr with_operands(ir::Expr like, std::span<const ir::Expr> operands);
  /// How many nodes read it (results count); nodes that rules made count as read once.
  [[nodiscard]] int uses(ir::Expr n) const;

 private:
  ir::Expr normalize(ir::Expr n);

  PassContext& p_;
  ir::Context& c_;
  std::span<const Rule> rules_;
  ir::NodeMap<int> uses_;
  int depth_ = 0;
};

/// A convolution without the outer taps that read only padding; nullptr where there are none.
[[nodiscard]] ir::Expr drop_padding_taps(Rewriter& r, ir::Expr n);

/// A convolution that looks at one pixel as a product over channels; nullptr where it is none.
[[nodiscard]] ir::Expr pointwise_convolution(Rewriter& r, ir::Expr n);

/// A product of widened operands as one of the operands as they are, accumulated in the wide type;
/// nullptr where it is none.
[[nodiscard]] ir::Expr narrow_product(Rewriter& r, ir::Expr n);

}  // namespace tenon::graph
