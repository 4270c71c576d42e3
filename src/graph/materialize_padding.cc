// materialize_padding: a padded convolution or window reads a padded copy, so that its inner loops
// have no bounds to check; the pad fuses with the pointwise work that makes its operand.
#include <algorithm>
#include <limits>

#include "graph/pass.h"
#include "graph/rules.h"
#include "ir/combiner.h"
#include "ir/dtype.h"
#include "ir/expr.h"
#include "ops/op.h"
#include "ops/tensor.h"

namespace tenon::graph {

using namespace ir;  // NOLINT: this file speaks of nothing else

namespace {

bool positive(const std::vector<Expr>& amounts) {
  return std::any_of(amounts.begin(), amounts.end(), [](Expr e) { return !is_int(e, 0); });
}

Expr scalar_constant(Context& c, DType type, double value) {
  ops::Tensor t = ops::Tensor::zeros(type, {});
  t.set_f(0, value);
  return ops::constant_of(c, t);
}

Expr padded(Rewriter& r, Expr x, Expr value, const std::vector<Expr>& low,
            const std::vector<Expr>& high, const std::vector<int64_t>& interior) {
  Context& c = r.context();
  std::vector<Expr> shape;
  for (size_t i = 0; i < low.size(); ++i) {
    Expr extent = x->shape()[i];
    if (interior[i] != 0)
      extent =
          add(c, extent, mul(c, max(c, add(c, extent, c.i64(-1)), c.i64(0)), c.i64(interior[i])));
    shape.push_back(add(c, add(c, extent, low[i]), high[i]));
  }
  return r.make(Op::pad, {x, value},
                {{Key::low, low}, {Key::high, high}, {Key::interior, interior}},
                c.tensor(x->dtype(), shape));
}

std::vector<Attr> without_padding(Rewriter& r, Expr n) {
  std::vector<Attr> attrs(n->attrs.begin(), n->attrs.end());
  for (Attr& a : attrs) {
    if (a.key == Key::low || a.key == Key::high)
      a.value = std::vector<Expr>(std::get<std::vector<Expr>>(a.value).size(), r.context().i64(0));
    if (a.key == Key::input_dilation)
      a.value = std::vector<int64_t>(std::get<std::vector<int64_t>>(a.value).size(), 1);
  }
  return attrs;
}

Expr pad_convolution(Rewriter& r, Expr n) {
  const std::vector<Expr>& low = n->exprs_attr(Key::low);
  const std::vector<Expr>& high = n->exprs_attr(Key::high);
  std::vector<int64_t> interior(low.size() + 2, 0);
  bool dilated = false;
  if (n->find(Key::input_dilation) != nullptr) {
    const std::vector<int64_t>& d = n->ints_attr(Key::input_dilation);
    for (size_t i = 0; i < d.size(); ++i) {
      interior[i + 1] = d[i] - 1;
      dilated = dilated || d[i] != 1;
    }
  }
  if (!positive(low) && !positive(high) && !dilated) return nullptr;
  Context& c = r.context();
  std::vector<Expr> full_low{c.i64(0)};
  std::vector<Expr> full_high{c.i64(0)};
  full_low.insert(full_low.end(), low.begin(), low.end());
  full_high.insert(full_high.end(), high.begin(), high.end());
  full_low.push_back(c.i64(0));
  full_high.push_back(c.i64(0));
  const Expr x = padded(r, n->operand(0), scalar_constant(c, n->operand(0)->dtype(), 0), full_low,
                        full_high, interior);
  return r.make(Op::conv, {x, n->operand(1)}, without_padding(r, n), n->type);
}

Expr pad_window(Rewriter& r, Expr n) {
  const std::vector<Expr>& low = n->exprs_attr(Key::low);
  const std::vector<Expr>& high = n->exprs_attr(Key::high);
  const std::string& kind = n->string_attr(Key::kind);
  if ((!positive(low) && !positive(high)) || !is_float(n->dtype())) return nullptr;
  Context& c = r.context();
  const Expr x = padded(r, n->operand(0), scalar_constant(c, n->dtype(), identity_f(kind)), low,
                        high, std::vector<int64_t>(low.size(), 0));
  return r.make(Op::window, {x}, without_padding(r, n), n->type);
}

constexpr Rule kRules[] = {
    {"pad_convolution", is<Op::conv>, pad_convolution},
    {"pad_window", is<Op::window>, pad_window},
};

}  // namespace

Status materialize_padding(PassContext& p, Function& f) {
  Rewriter(p, kRules).run(f);
  return {};
}

}  // namespace tenon::graph
