// Products, convolutions, windows, reductions, scans, sorting. Tenon's are channels-last:
// transposes stand around ONNX's.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "export/exporter.h"
#include "frontend/onnx/tensor_proto.h"
#include "ir/expr.h"
#include "ops/contraction/contraction.h"
#include "support/text.h"

namespace tenon::onnx_export {

using ir::Key;
using ir::Op;

namespace {

bool is_range(const Ints& axes, int64_t from, size_t count) {
  if (axes.size() != count) return false;
  for (size_t i = 0; i < count; ++i)
    if (axes[i] != from + static_cast<int64_t>(i)) return false;
  return true;
}

/// Does MatMul compute it: leading axes are batch, the last of a meets the first other of b?
bool is_matmul(Expr n) {
  const Expr a = n->operand(0);
  const Expr b = n->operand(1);
  const size_t batch = n->ints_attr(Key::batch_a).size();
  const auto k = static_cast<int64_t>(batch);
  if (!is_range(n->ints_attr(Key::batch_a), 0, batch) ||
      !is_range(n->ints_attr(Key::batch_b), 0, batch) ||
      n->ints_attr(Key::contract_a) != Ints{a->rank() - 1} ||
      n->ints_attr(Key::contract_b) != Ints{k} || b->rank() != k + 2)
    return false;
  return batch == 0 ? a->rank() >= 2 : a->rank() == k + 2;
}

/// "bij,bjk->bik"; empty: more axes than letters.
std::string equation(Expr n) {
  const Ints* lists[] = {&n->ints_attr(Key::batch_a), &n->ints_attr(Key::batch_b),
                         &n->ints_attr(Key::contract_a), &n->ints_attr(Key::contract_b)};
  std::string a(static_cast<size_t>(n->operand(0)->rank()), ' ');
  std::string b(static_cast<size_t>(n->operand(1)->rank()), ' ');
  std::string out;
  char next = 'a';
  for (size_t pair = 0; pair < 4; pair += 2)
    for (size_t i = 0; i < lists[pair]->size(); ++i) {
      a[static_cast<size_t>((*lists[pair])[i])] = next;
      b[static_cast<size_t>((*lists[pair + 1])[i])] = next;
      if (pair == 0) out += next;
      ++next;
    }
  for (std::string* side : {&a, &b})
    for (char& letter : *side)
      if (letter == ' ') out += letter = next++;
  return next > 'z' + 1 ? "" : cat(a, ",", b, "->", out);
}

std::string cast(Scope& s, const std::string& x, DType from, DType to,
                 const std::vector<Expr>& shape) {
  if (from == to) return x;
  return s.node("Cast", {x}, {attribute("to", int64_t{onnx_import::data_type_of(to)})}, to, &shape);
}
std::string cast_to(Scope& s, Expr x, DType type) {
  return cast(s, s.value(x), x->dtype(), type, x->shape());
}

/// The type that ONNX computes a result in: it has no bf16 there, and Tenon sums up in f32 too.
DType working_type(Expr n) { return n->dtype() == DType::bf16 ? DType::f32 : n->dtype(); }

std::string dot(Scope& s, Expr n) {
  const std::string text = equation(n);
  if (text.empty()) return "";
  const DType type = working_type(n);
  const Names inputs{cast_to(s, n->operand(0), type), cast_to(s, n->operand(1), type)};
  const bool matmul = is_matmul(n) && (ir::is_float(type) || info(type).bits >= 32);
  const std::string out =
      matmul ? s.node("MatMul", inputs, {}, type, &n->shape())
             : s.node("Einsum", inputs, {attribute("equation", text)}, type, &n->shape());
  return cast(s, out, type, n->dtype(), n->shape());
}

/// Extents as constants that are not negative; false: some are not.
bool known(const std::vector<Expr>& extents, Ints& out) {
  for (Expr e : extents) {
    const auto n = ir::as_int(e);
    if (!n || *n < 0) return false;
    out.push_back(*n);
  }
  return true;
}

std::vector<Expr> permuted(const std::vector<Expr>& shape, const Ints& perm) {
  std::vector<Expr> out;
  for (const int64_t p : perm) out.push_back(shape[static_cast<size_t>(p)]);
  return out;
}

std::string transposed(Scope& s, const std::string& x, DType type, const std::vector<Expr>& shape,
                       const Ints& perm) {
  const std::vector<Expr> to = permuted(shape, perm);
  return s.node("Transpose", {x}, {attribute("perm", perm)}, type, &to);
}

Ints inverse(const Ints& perm) {
  Ints out(perm.size());
  for (size_t i = 0; i < perm.size(); ++i)
    out[static_cast<size_t>(perm[i])] = static_cast<int64_t>(i);
  return out;
}

/// Low and high pads as ONNX wants them; what is not known is padded beforehand and leaves zeros.
struct Pads {
  Ints pads;
  std::string x;
  std::vector<Expr> shape;
};
Pads pads_of(Scope& s, const std::string& x, DType type, const std::vector<Expr>& shape,
             size_t first, const std::vector<Expr>& low, const std::vector<Expr>& high,
             const std::string& fill) {
  ir::Context& c = s.exporter().context();
  Pads p{{}, x, shape};
  if (known(low, p.pads) && known(high, p.pads)) return p;
  p.pads.assign(2 * low.size(), 0);
  std::vector<Expr> before(shape.size(), c.i64(0));
  std::vector<Expr> behind = before;
  for (size_t i = 0; i < low.size(); ++i) {
    before[first + i] = low[i];
    behind[first + i] = high[i];
    p.shape[first + i] = ir::add(c, shape[first + i], ir::add(c, low[i], high[i]));
  }
  p.x = padded(s, x, before, behind, fill, c.tensor(type, p.shape));
  return p;
}

std::string conv(Scope& s, Expr n) {
  const Ints& input_dilation = n->ints_attr(Key::input_dilation);
  const bool spread =
      std::any_of(input_dilation.begin(), input_dilation.end(), [](int64_t d) { return d != 1; });
  if (spread || !ir::is_float(n->dtype())) return "";
  const DType type = working_type(n);
  const int64_t rank = n->rank();
  Ints x_perm{0, rank - 1};
  Ints w_perm{rank - 1, rank - 2};
  for (int64_t d = 1; d + 1 < rank; ++d) x_perm.push_back(d);
  for (int64_t d = 0; d + 2 < rank; ++d) w_perm.push_back(d);
  const Expr x = n->operand(0);
  const Expr w = n->operand(1);
  const Pads p = pads_of(s, cast_to(s, x, type), type, x->shape(), 1, n->exprs_attr(Key::low),
                         n->exprs_attr(Key::high), s.scalar(type, 0));
  const std::string first = transposed(s, p.x, type, p.shape, x_perm);
  const std::string weights = transposed(s, cast_to(s, w, type), type, w->shape(), w_perm);
  const std::vector<Expr> shape = permuted(n->shape(), x_perm);
  const std::string out =
      s.node("Conv", {first, weights},
             {attribute("strides", n->ints_attr(Key::strides)), attribute("pads", p.pads),
              attribute("dilations", n->ints_attr(Key::dilation)),
              attribute("group", n->int_attr(Key::groups))},
             type, &shape);
  return cast(s, transposed(s, out, type, shape, inverse(x_perm)), type, n->dtype(), n->shape());
}

/// Pooling, where two axes are left alone.
std::string window(Scope& s, Expr n) {
  const std::string& kind = n->string_attr(Key::kind);
  const bool is_max = kind == "max";
  if ((!is_max && kind != "sum") || !ir::is_float(n->dtype())) return "";
  const DType type = working_type(n);
  const Ints& size = n->ints_attr(Key::size);
  const Ints& stride = n->ints_attr(Key::strides);
  const Ints& dilation = n->ints_attr(Key::dilation);
  const std::vector<Expr>& low = n->exprs_attr(Key::low);
  const std::vector<Expr>& high = n->exprs_attr(Key::high);
  Ints alone;
  Ints slides;
  for (size_t d = 0; d < size.size(); ++d) {
    const bool rests = size[d] == 1 && stride[d] == 1 && ir::is_int(low[d], 0) &&
                       ir::is_int(high[d], 0) && alone.size() < 2;
    (rests ? alone : slides).push_back(static_cast<int64_t>(d));
  }
  if (alone.size() != 2 || slides.empty()) return "";
  Ints perm = alone;
  perm.insert(perm.end(), slides.begin(), slides.end());
  const auto of = [&](const Ints& all) {
    Ints some;
    for (const int64_t d : slides) some.push_back(all[static_cast<size_t>(d)]);
    return some;
  };
  const Expr x = n->operand(0);
  const std::string moved = transposed(s, cast_to(s, x, type), type, x->shape(), perm);
  const std::string identity = s.scalar(type, is_max ? -HUGE_VAL : 0);
  const Pads p = pads_of(s, moved, type, permuted(x->shape(), perm), 2, permuted(low, slides),
                         permuted(high, slides), identity);
  Attributes attributes{attribute("kernel_shape", of(size)), attribute("strides", of(stride)),
                        attribute("dilations", of(dilation)), attribute("pads", p.pads)};
  if (!is_max) attributes.push_back(attribute("count_include_pad", int64_t{1}));
  const std::vector<Expr> shape = permuted(n->shape(), perm);
  std::string out =
      s.node(is_max ? "MaxPool" : "AveragePool", {p.x}, std::move(attributes), type, &shape);
  if (!is_max) {
    const Ints sizes = of(size);
    const int64_t count =
        std::accumulate(sizes.begin(), sizes.end(), int64_t{1}, std::multiplies<>());
    out = s.node("Mul", {out, s.scalar(type, static_cast<double>(count))}, {}, type, &shape);
  }
  return cast(s, transposed(s, out, type, shape, inverse(perm)), type, n->dtype(), n->shape());
}

std::string reduce(Scope& s, Expr n) {
  const std::string& kind = n->string_attr(Key::kind);
  const DType type = n->dtype();
  const bool wide = ir::is_float(type) || type == DType::i32 || type == DType::i64 ||
                    type == DType::u32 || type == DType::u64;
  const char* op = nullptr;
  if (kind == "sum" && wide) op = "ReduceSum";
  if (kind == "prod" && wide) op = "ReduceProd";
  const bool extreme = wide || type == DType::i8 || type == DType::u8;
  if ((kind == "max" && extreme) || (kind == "or" && type == DType::boolean)) op = "ReduceMax";
  if ((kind == "min" && extreme) || (kind == "and" && type == DType::boolean)) op = "ReduceMin";
  if (op == nullptr) return "";
  // No axes would mean all of them.
  return s.node(op, {s.value(n->operand(0)), s.ints(n->ints_attr(Key::axes))},
                {attribute("keepdims", int64_t{0}), attribute("noop_with_empty_axes", int64_t{1})},
                type, &n->shape());
}

std::string arg_reduce(Scope& s, Expr n) {
  const Attributes attributes{attribute("axis", n->int_attr(Key::axis)),
                              attribute("keepdims", int64_t{0}),
                              attribute("select_last_index", n->int_attr_or(Key::last, 0))};
  return s.node(n->string_attr(Key::kind) == "max" ? "ArgMax" : "ArgMin", {s.value(n->operand(0))},
                attributes, n->dtype(), &n->shape());
}

std::string cumulative(Scope& s, Expr n) {
  const DType type = n->dtype();
  const bool has = ir::is_float(type) || info(type).bits >= 32;
  if (n->string_attr(Key::kind) != "sum" || !has) return "";
  return s.node(
      "CumSum",
      {s.value(n->operand(0)), s.scalar(DType::i64, static_cast<double>(n->int_attr(Key::axis)))},
      {attribute("exclusive", n->int_attr_or(Key::exclusive, 0)),
       attribute("reverse", n->int_attr_or(Key::reverse, 0))},
      type, &n->shape());
}

bool sort(Scope& s, Expr n) {
  const int64_t axis = n->int_attr(Key::axis);
  const Expr x = n->operand(0);
  const Names inputs{s.value(x), s.shape({x->shape()[static_cast<size_t>(axis)]})};
  const Names outputs{s.name_for(n, "sorted", 0), s.name_for(n, "order", 1)};
  s.add("TopK", inputs, outputs,
        {attribute("axis", axis), attribute("largest", n->int_attr_or(Key::descending, 0)),
         attribute("sorted", int64_t{1})});
  s.put(n, outputs);
  return true;
}

std::string made_of(Scope& s, Expr n) {
  switch (n->op) {
    case Op::dot:
      return dot(s, n);
    case Op::conv:
      return conv(s, n);
    case Op::window:
      return window(s, n);
    case Op::reduce:
      return reduce(s, n);
    case Op::arg_reduce:
      return arg_reduce(s, n);
    case Op::cumulative:
      return cumulative(s, n);
    default:
      return "";
  }
}

}  // namespace

bool emit_contraction(Scope& scope, Expr n) {
  const bool common = std::all_of(n->operands.begin(), n->operands.end(),
                                  [](Expr e) { return is_common(e->dtype()); });
  if (!common) return false;
  if (n->op == Op::sort) return sort(scope, n);
  const std::string made = made_of(scope, n);
  if (made.empty()) return false;
  scope.finish(n, made);
  return true;
}

}  // namespace tenon::onnx_export
