#include "interp/footprint.h"

#include <algorithm>

#include "interp/interp.h"
#include "interp/order.h"
#include "ir/simplify.h"
#include "ops/index_check.h"
#include "ops/op.h"
#include "ops/walk.h"

namespace tenon::interp {
namespace {

using ir::Expr;
using ir::Function;
using ir::Op;
using ir::Type;

constexpr uint64_t kMost = uint64_t{1} << 62;

uint64_t add(uint64_t a, uint64_t b) { return std::min(a + b, kMost); }

/// One activation of a function, with sizes in place of values.
class Estimate {
 public:
  Estimate(const Function& f, SizeMap sizes) : f_(f), sizes_(std::move(sizes)) {}

  uint64_t run() {
    Order order = evaluation_order(f_);
    uint64_t live = 0;
    uint64_t peak = 0;
    for (Expr n : order.nodes) {
      const uint64_t made = stored(n);
      peak = std::max(peak, add(add(live, made), work(n)));
      if (order.uses[n] > 0) {
        live = add(live, made);
        alive_[n] = made;
      }
      for (Expr operand : ops::value_operands(n)) {
        if (--order.uses[operand] != 0) continue;
        live -= std::min(live, alive_[operand]);
        alive_.erase(operand);
      }
    }
    uint64_t results = 0;
    for (Expr r : f_.results) results = add(results, bytes(r->type, 0));
    return std::max(peak, add(live, results));
  }

 private:
  /// Bytes of a value in `width` bytes an element, its own width for 0; nothing where an extent is
  /// unknown.
  uint64_t bytes(Type type, uint64_t width) {
    if (type->kind == ir::TypeKind::tuple) {
      uint64_t all = 0;
      for (Type field : type->fields) all = add(all, bytes(field, width));
      return all;
    }
    uint64_t n = width != 0 ? width : static_cast<uint64_t>(ir::info(type->dtype).element_bytes);
    for (Expr e : type->shape) {
      const auto extent = ir::evaluate(e, sizes_);
      if (!extent || *extent <= 0) return 0;
      if (__builtin_mul_overflow(n, static_cast<uint64_t>(*extent), &n) || n > kMost) return kMost;
    }
    return n;
  }

  /// What a node's value takes; params are the caller's, and structure shares its operands.
  uint64_t stored(Expr n) {
    const bool shares = n->op == Op::param || n->op == Op::tuple || n->op == Op::get;
    return shares ? 0 : bytes(n->type, 0);
  }

  /// What evaluation takes beside the result.
  uint64_t work(Expr n) {
    if (n->operands.empty() || n->op == Op::tuple || n->op == Op::get) return 0;
    uint64_t most = 0;
    bool has_body = false;
    for (const ir::Attr& a : n->attrs) {
      const auto* body = std::get_if<const Function*>(&a.value);
      if (body == nullptr) continue;
      has_body = true;
      most = std::max(most, run_body(n, **body));
    }
    return has_body ? most : as_doubles(n);
  }

  /// Operators that compute over several elements read their operands whole, as doubles; those that
  /// take one element at a time do not, but for indices.
  uint64_t as_doubles(Expr n) {
    const ops::OpRow* row = ops::find_op(n->op);
    if (row == nullptr) return 0;
    if (row->pattern == ops::Pattern::elementwise || row->pattern == ops::Pattern::broadcast)
      return 0;
    if (row->pattern == ops::Pattern::injective || row->pattern == ops::Pattern::pieces)
      return ops::indexed_axes(n).empty() ? 0 : bytes(n->operand(1)->type, 8);
    uint64_t all = bytes(n->type, 8);
    for (Expr e : ops::value_operands(n)) all = add(all, bytes(e->type, 8));
    return all;
  }

  /// A body's params are the last operands of its node, and the last params.
  uint64_t run_body(Expr n, const Function& body) {
    SizeMap sizes = sizes_;
    const size_t shared = std::min(body.params.size(), n->operands.size());
    for (size_t k = 1; k <= shared; ++k) {
      const Type type = body.params[body.params.size() - k]->type;
      const Type given = n->operand(n->operands.size() - k)->type;
      for (size_t d = 0; d < std::min(type->shape.size(), given->shape.size()); ++d)
        if (const auto extent = ir::evaluate(given->shape[d], sizes_);
            extent && type->shape[d]->op == Op::var)
          sizes.try_emplace(type->shape[d], *extent);
    }
    return Estimate(body, std::move(sizes)).run();
  }

  const Function& f_;
  SizeMap sizes_;
  std::unordered_map<Expr, uint64_t> alive_;
};

}  // namespace

uint64_t footprint(const Function& f, std::span<const std::vector<int64_t>> inputs) {
  SizeMap sizes;
  for (size_t i = 0; i < std::min(inputs.size(), f.params.size()); ++i) {
    const std::vector<Expr>& shape = f.params[i]->shape();
    for (size_t d = 0; d < std::min(shape.size(), inputs[i].size()); ++d)
      if (shape[d]->op == Op::var) sizes.try_emplace(shape[d], inputs[i][d]);
  }
  return Estimate(f, std::move(sizes)).run();
}

}  // namespace tenon::interp
