#include "frontend/onnx/elements.h"

#include <cmath>
#include <numeric>

#include "ir/combiner.h"
#include "ir/expr.h"
#include "ir/simplify.h"

namespace tenon::onnx_import {
namespace {

using ir::Context;
using ir::DType;
using ir::Expr;
using ir::Key;
using ir::Op;

/// Numerators and denominators that are literals stay below this, so that float arithmetic of the
/// model would have been exact too.
constexpr int64_t kExactLimit = 1 << 12;
/// Expressions larger than this are left to the tensor program.
constexpr int kSizeLimit = 160;

/// True if the expression, written out as a tree, has more nodes than the budget allows.
bool exceeds(Expr e, int& budget) {
  if (--budget < 0) return true;
  for (Expr o : e->operands)
    if (exceeds(o, budget)) return true;
  return false;
}

bool nonnegative(Expr e) { return ir::bounds(e).lo >= 0; }

struct Infer {
  Context& c;
  Expr node;
  const std::vector<const Elements*>& in;

  [[nodiscard]] std::vector<int64_t> extents(Expr x) const {
    std::vector<int64_t> out;
    for (Expr e : x->shape()) out.push_back(ir::as_int(e).value_or(-1));
    return out;
  }
  /// Builds the result by asking, for each output position, which element of operand 0 it is.
  template <class Source>
  std::optional<Elements> rearrange(Source source) {
    const auto out_shape = extents(node);
    int64_t count = 1;
    for (int64_t e : out_shape) count *= e;
    Elements out;
    std::vector<int64_t> at(out_shape.size(), 0);
    for (int64_t i = 0; i < count; ++i) {
      const auto element = source(at);
      if (!element) return std::nullopt;
      out.push_back(*element);
      for (size_t a = at.size(); a-- > 0;) {
        if (++at[a] < out_shape[a]) break;
        at[a] = 0;
      }
    }
    return out;
  }
  std::optional<Element> take(size_t operand, const std::vector<int64_t>& at) const {
    const auto shape = extents(node->operand(operand));
    int64_t index = 0;
    for (size_t a = 0; a < shape.size(); ++a) {
      if (at[a] < 0 || at[a] >= shape[a]) return std::nullopt;
      index = index * shape[a] + at[a];
    }
    return (*in[operand])[static_cast<size_t>(index)];
  }

  std::optional<Elements> run();
  std::optional<Elements> gather();
  std::optional<Elements> slice();
  std::optional<Elements> concat();
  std::optional<Elements> reduce();
  std::optional<Element> unary(const Element& a) const;
  std::optional<Element> cast(const Element& a) const;
  std::optional<Element> binary(Op op, const Element& a, const Element& b) const;
  std::optional<Element> quotient(Op op, const Element& a, const Element& b) const;
  std::optional<Element> compare(Op op, const Element& a, const Element& b) const;
  [[nodiscard]] Expr den(const Element& a) const { return a.den != nullptr ? a.den : c.i64(1); }
  std::optional<Element> ratio(Expr num, Expr den) const;
};

/// num / den in lowest terms as far as literals show them.
std::optional<Element> Infer::ratio(Expr num, Expr den) const {
  num = ir::simplify(c, num);
  den = ir::simplify(c, den);
  const int64_t common = std::gcd(ir::divisor(num), ir::divisor(den));
  if (common > 1) {
    num = ir::simplify(c, ir::floordiv(c, num, c.i64(common)));
    den = ir::simplify(c, ir::floordiv(c, den, c.i64(common)));
  }
  if (num == den) return Element{c.i64(1), nullptr};
  if (const auto d = ir::as_int(den); d && (*d <= 0 || *d > kExactLimit)) return std::nullopt;
  return Element{num, ir::is_int(den, 1) ? nullptr : den};
}

std::optional<Element> Infer::cast(const Element& a) const {
  const DType from = node->operand(0)->dtype();
  const DType to = node->dtype();
  const bool narrow = to != DType::i64 && to != DType::i32 && to != DType::boolean;
  if (ir::is_float(to)) {
    if (from == DType::boolean) return std::nullopt;
    return to == DType::f32 || to == DType::f64 ? std::optional<Element>(a) : std::nullopt;
  }
  if (to == DType::boolean) {
    if (from == DType::boolean) return a;
    if (a.den != nullptr) return std::nullopt;
    const Expr zero = ir::eq(c, a.num, c.i64(0));
    if (const auto known = ir::as_int(zero)) return Element{c.bool_imm(*known == 0)};
    return std::nullopt;
  }
  if (narrow) return std::nullopt;
  if (from == DType::boolean) {
    if (const auto known = ir::as_int(a.num)) return Element{c.i64(*known)};
    return Element{ir::select(c, a.num, c.i64(1), c.i64(0))};
  }
  if (a.den == nullptr) return a;
  // Truncation is floor only where the value cannot be negative.
  if (!nonnegative(a.num) || !nonnegative(a.den)) return std::nullopt;
  return Element{ir::floordiv(c, a.num, a.den)};
}

std::optional<Element> Infer::unary(const Element& a) const {
  switch (node->op) {
    case Op::neg:
      return Element{ir::sub(c, c.i64(0), a.num), a.den};
    case Op::floor:
      return a.den == nullptr ? a : Element{ir::floordiv(c, a.num, a.den)};
    case Op::ceil:
      if (a.den == nullptr) return a;
      return Element{ir::sub(c, c.i64(0), ir::floordiv(c, ir::sub(c, c.i64(0), a.num), a.den))};
    case Op::round:
    case Op::trunc:
      return a.den == nullptr ? std::optional<Element>(a) : std::nullopt;
    case Op::abs:
      return nonnegative(a.num) && nonnegative(den(a)) ? std::optional<Element>(a) : std::nullopt;
    case Op::not_:
      if (node->dtype() != DType::boolean) return std::nullopt;
      if (const auto known = ir::as_int(a.num)) return Element{c.bool_imm(*known == 0)};
      return std::nullopt;
    case Op::cast:
      return cast(a);
    default:
      return std::nullopt;
  }
}

std::optional<Element> Infer::quotient(Op op, const Element& a, const Element& b) const {
  if (ir::is_float(node->dtype())) {
    if (op != Op::div) return std::nullopt;
    const auto divisor = ir::as_int(b.num);
    if (divisor == 0) return std::nullopt;
    return ratio(ir::mul(c, a.num, den(b)), ir::mul(c, den(a), b.num));
  }
  if (ir::is_int(b.num, 0)) return std::nullopt;
  switch (op) {
    case Op::div:  // truncates
      if (!nonnegative(a.num) || !nonnegative(b.num)) return std::nullopt;
      return Element{ir::floordiv(c, a.num, b.num)};
    case Op::floordiv:
      return Element{ir::floordiv(c, a.num, b.num)};
    case Op::fmod:
      if (!nonnegative(a.num) || !nonnegative(b.num)) return std::nullopt;
      return Element{ir::mod(c, a.num, b.num)};
    case Op::mod:
      return Element{ir::mod(c, a.num, b.num)};
    default:
      return std::nullopt;
  }
}

std::optional<Element> Infer::compare(Op op, const Element& a, const Element& b) const {
  if (a.den != nullptr || b.den != nullptr) return std::nullopt;
  const bool booleans = a.num->dtype() == DType::boolean;
  if (booleans) {
    const auto x = ir::as_int(a.num);
    const auto y = ir::as_int(b.num);
    if (!x || !y || (op != Op::eq && op != Op::ne)) return std::nullopt;
    return Element{c.bool_imm((*x == *y) == (op == Op::eq))};
  }
  switch (op) {
    case Op::eq:
      return Element{ir::eq(c, a.num, b.num)};
    case Op::ne: {
      const Expr less = ir::lt(c, a.num, b.num);
      const Expr more = ir::lt(c, b.num, a.num);
      return Element{ir::logical_or(c, less, more)};
    }
    case Op::lt:
      return Element{ir::lt(c, a.num, b.num)};
    case Op::le:
      return Element{ir::le(c, a.num, b.num)};
    case Op::gt:
      return Element{ir::lt(c, b.num, a.num)};
    case Op::ge:
      return Element{ir::le(c, b.num, a.num)};
    default:
      return std::nullopt;
  }
}

std::optional<Element> Infer::binary(Op op, const Element& a, const Element& b) const {
  if (ir::is_predicate(op)) return compare(op, a, b);
  const bool booleans = node->dtype() == DType::boolean;
  switch (op) {
    case Op::and_:
      return booleans ? std::optional<Element>(Element{ir::logical_and(c, a.num, b.num)})
                      : std::nullopt;
    case Op::or_:
      return booleans ? std::optional<Element>(Element{ir::logical_or(c, a.num, b.num)})
                      : std::nullopt;
    case Op::mul:
      return ratio(ir::mul(c, a.num, b.num), ir::mul(c, den(a), den(b)));
    case Op::div:
    case Op::floordiv:
    case Op::mod:
    case Op::fmod:
      return quotient(op, a, b);
    default:
      break;
  }
  const bool fraction = a.den != nullptr || b.den != nullptr;
  if (fraction && (op == Op::add || op == Op::sub)) {
    const Expr left = ir::mul(c, a.num, den(b));
    const Expr right = ir::mul(c, b.num, den(a));
    return ratio(op == Op::add ? ir::add(c, left, right) : ir::sub(c, left, right),
                 ir::mul(c, den(a), den(b)));
  }
  if (fraction || booleans) return std::nullopt;
  switch (op) {
    case Op::add:
      return Element{ir::add(c, a.num, b.num)};
    case Op::sub:
      return Element{ir::sub(c, a.num, b.num)};
    case Op::min:
      return Element{ir::min(c, a.num, b.num)};
    case Op::max:
      return Element{ir::max(c, a.num, b.num)};
    default:
      return std::nullopt;
  }
}

std::optional<Elements> Infer::gather() {
  const auto axis = static_cast<size_t>(node->int_attr(Key::axis));
  const Expr indices = node->operand(1);
  const auto index_rank = static_cast<size_t>(indices->rank());
  const auto shape = extents(node->operand(0));
  return rearrange([&](const std::vector<int64_t>& at) -> std::optional<Element> {
    const auto first = at.begin() + static_cast<std::ptrdiff_t>(axis);
    const auto chosen =
        take(1, std::vector<int64_t>(first, first + static_cast<std::ptrdiff_t>(index_rank)));
    const auto index = chosen ? ir::as_int(chosen->num) : std::nullopt;
    if (!index) return std::nullopt;
    std::vector<int64_t> from(at.begin(), first);
    from.push_back(*index < 0 ? *index + shape[axis] : *index);
    from.insert(from.end(), first + static_cast<std::ptrdiff_t>(index_rank), at.end());
    return take(0, from);
  });
}

std::optional<Elements> Infer::slice() {
  const auto& starts = node->exprs_attr(Key::starts);
  const auto& strides = node->ints_attr(Key::strides);
  return rearrange([&](const std::vector<int64_t>& at) -> std::optional<Element> {
    std::vector<int64_t> from;
    for (size_t a = 0; a < at.size(); ++a) {
      const auto start = ir::as_int(starts[a]);
      if (!start) return std::nullopt;
      from.push_back(*start + at[a] * strides[a]);
    }
    return take(0, from);
  });
}

std::optional<Elements> Infer::concat() {
  const auto axis = static_cast<size_t>(node->int_attr(Key::axis));
  return rearrange([&](const std::vector<int64_t>& at) -> std::optional<Element> {
    std::vector<int64_t> from = at;
    for (size_t k = 0; k < node->operands.size(); ++k) {
      const int64_t extent = extents(node->operand(k))[axis];
      if (from[axis] < extent) return take(k, from);
      from[axis] -= extent;
    }
    return std::nullopt;
  });
}

std::optional<Elements> Infer::reduce() {
  const std::string& kind = node->string_attr(Key::kind);
  const Expr x = node->operand(0);
  const auto shape = extents(x);
  if (static_cast<int64_t>(node->ints_attr(Key::axes).size()) != x->rank() || in[0]->empty())
    return std::nullopt;
  const Op op = ir::combiner(kind);
  std::optional<Element> all = (*in[0])[0];
  for (size_t i = 1; i < in[0]->size() && all; ++i) all = binary(op, *all, (*in[0])[i]);
  if (!all) return std::nullopt;
  return Elements{*all};
}

std::optional<Elements> Infer::run() {
  switch (node->op) {
    case Op::reshape:
      return *in[0];
    case Op::gather:
      return gather();
    case Op::slice:
      return slice();
    case Op::concat:
      return concat();
    case Op::reduce:
      return reduce();
    case Op::transpose: {
      const auto& perm = node->ints_attr(Key::perm);
      return rearrange([&](const std::vector<int64_t>& at) {
        std::vector<int64_t> from(at.size());
        for (size_t a = 0; a < at.size(); ++a) from[static_cast<size_t>(perm[a])] = at[a];
        return take(0, from);
      });
    }
    case Op::broadcast: {
      const auto& dims = node->ints_attr(Key::dims);
      const auto shape = extents(node->operand(0));
      return rearrange([&](const std::vector<int64_t>& at) {
        std::vector<int64_t> from(dims.size());
        for (size_t a = 0; a < dims.size(); ++a)
          from[a] = shape[a] == 1 ? 0 : at[static_cast<size_t>(dims[a])];
        return take(0, from);
      });
    }
    case Op::iota: {
      const auto axis = static_cast<size_t>(node->int_attr(Key::axis));
      return rearrange([&](const std::vector<int64_t>& at) {
        return std::optional<Element>(Element{c.i64(at[axis])});
      });
    }
    default:
      break;
  }
  if (!ir::is_elementwise(node->op)) return std::nullopt;
  const size_t count = node->operands.size();
  Elements out;
  for (size_t i = 0; i < in[0]->size(); ++i) {
    std::optional<Element> element;
    if (count == 1) element = unary((*in[0])[i]);
    if (count == 2) element = binary(node->op, (*in[0])[i], (*in[1])[i]);
    if (node->op == Op::select) {
      const Element& a = (*in[1])[i];
      const Element& b = (*in[2])[i];
      if (const auto cond = ir::as_int((*in[0])[i].num)) {
        element = *cond != 0 ? a : b;
      } else if (a.den == nullptr && b.den == nullptr && a.num->type == b.num->type) {
        element = Element{ir::select(c, (*in[0])[i].num, a.num, b.num)};
      }
    }
    if (!element) return std::nullopt;
    out.push_back(*element);
  }
  return out;
}

}  // namespace

std::optional<Elements> infer_elements(Context& c, Expr node,
                                       const std::vector<const Elements*>& operands) {
  auto out = Infer{c, node, operands}.run();
  if (!out) return std::nullopt;
  for (Element& e : *out) {
    e.num = ir::simplify(c, e.num);
    int budget = kSizeLimit;
    if (exceeds(e.num, budget)) return std::nullopt;
  }
  return out;
}

std::optional<Element> element_of(Context& c, double value) {
  if (!std::isfinite(value) || std::abs(value) > 1e15) return std::nullopt;
  int64_t den = 1;
  while (value != std::floor(value) && den < kExactLimit) {
    value *= 2;
    den *= 2;
  }
  if (value != std::floor(value)) return std::nullopt;
  if (den > 1 && std::abs(value) > static_cast<double>(kExactLimit)) return std::nullopt;
  return Element{c.i64(static_cast<int64_t>(value)), den == 1 ? nullptr : c.i64(den)};
}

}  // namespace tenon::onnx_import
