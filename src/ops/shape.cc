#include "ops/shape.h"

#include <algorithm>

#include "ir/simplify.h"
#include "ir/text.h"

namespace tenon::ops {

using ir::Context;
using ir::Expr;

namespace {

std::string show(Expr e) {
  if (const auto n = ir::as_int(e)) return std::to_string(*n);
  return ir::print(e);
}

/// a - b when it is a literal.
std::optional<int64_t> difference(Context& c, Expr a, Expr b) {
  if (a == b) return 0;
  const Expr d = ir::sub(c, a, b);
  const auto known = ir::as_int(d);
  return known || d->op == ir::Op::var ? known : ir::as_int(ir::simplify(c, d));
}

}  // namespace

bool provably_differ(Context& c, Expr a, Expr b) {
  const auto d = difference(c, a, b);
  return d && *d != 0;
}

bool provably_less(Context& c, Expr a, Expr b) {
  const auto d = difference(c, a, b);
  return d && *d < 0;
}

Expr tidy(Context& c, Expr extent) {
  return extent->operands.empty() ? extent : ir::simplify(c, extent);
}

std::optional<Expr> unify(Context& c, Expr a, Expr b) {
  if (a == b) return a;
  if (provably_differ(c, a, b)) return std::nullopt;
  return ir::as_int(b) ? b : a;
}

std::optional<std::vector<Expr>> unify(Context& c, std::span<const Expr> a,
                                       std::span<const Expr> b) {
  if (a.size() != b.size()) return std::nullopt;
  std::vector<Expr> shape;
  for (size_t i = 0; i < a.size(); ++i) {
    const auto extent = unify(c, a[i], b[i]);
    if (!extent) return std::nullopt;
    shape.push_back(*extent);
  }
  return shape;
}

std::string show(std::span<const Expr> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i != 0 ? ", " : "") + show(shape[i]);
  return text + "]";
}

std::string show(std::span<const int64_t> values) {
  std::string text = "[";
  for (size_t i = 0; i < values.size(); ++i)
    text += (i != 0 ? ", " : "") + std::to_string(values[i]);
  return text + "]";
}

std::string show(ir::Type type) {
  switch (type->kind) {
    case ir::TypeKind::void_:
      return "void";
    case ir::TypeKind::tensor: {
      std::string text(ir::info(type->dtype).name);
      return text + show(type->shape);
    }
    case ir::TypeKind::tuple:
      break;
  }
  std::string text = "(";
  for (size_t i = 0; i < type->fields.size(); ++i)
    text += (i != 0 ? ", " : "") + show(type->fields[i]);
  return text + ")";
}

}  // namespace tenon::ops
