// Type rule of window.
#include <algorithm>

#include "ops/contraction/contraction.h"
#include "ops/reduction/reduction.h"
#include "ops/rule.h"
#include "ops/window/window.h"

namespace tenon::ops {

using ir::Key;

Result<Type> window_type(const TypeArgs& args) {
  const Rule rule(args);
  const auto* kind = rule.attr<std::string>(Key::kind);
  const auto* low = rule.exprs(Key::low);
  const auto* high = rule.exprs(Key::high);
  if (kind == nullptr) return rule.missing(Key::kind);
  if (low == nullptr) return rule.missing(Key::low);
  if (high == nullptr) return rule.missing(Key::high);
  for (Key key : {Key::size, Key::strides, Key::dilation})
    if (rule.ints(key) == nullptr) return rule.missing(key);
  const std::vector<int64_t>& size = *rule.ints(Key::size);
  const std::vector<int64_t>& strides = *rule.ints(Key::strides);
  const std::vector<int64_t>& dilation = *rule.ints(Key::dilation);
  const Type x = rule.operand(0)->type;
  const size_t rank = x->shape.size();
  for (size_t n : {size.size(), strides.size(), dilation.size(), low->size(), high->size()})
    if (n != rank)
      return rule.refuse(
          1, "size, strides, low, high and dilation need one entry for each axis of " + show(x));
  if (!is_reduce_kind(*kind)) return rule.refuse(2, "there is no reduction '" + *kind + "'");
  if (!is_reduce_kind(*kind, x->dtype))
    return rule.refuse(3, *kind + " is not defined for " + show(x));
  Context& c = args.c;
  std::vector<Expr> shape;
  for (size_t i = 0; i < rank; ++i) {
    if (size[i] < 1 || strides[i] < 1 || dilation[i] < 1)
      return rule.refuse(4, "size, strides and dilation must be positive");
    shape.push_back(sliding_extent(c, x->shape[i], c.i64(size[i]), strides[i], (*low)[i],
                                   (*high)[i], dilation[i]));
    if (const auto n = ir::as_int(shape.back()); n && *n < 0)
      return rule.refuse(5, "a window of " + show(size) + " does not fit into " + show(x) +
                                " with its padding on axis " + std::to_string(i));
  }
  return c.tensor(x->dtype, shape);
}

}  // namespace tenon::ops
