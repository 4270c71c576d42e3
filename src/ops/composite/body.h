// How the body of a composite is written: values with operators, so that a body reads like its
// formula. A notation over ops::Builder, which makes the nodes and keeps the first refusal; every
// later value is then empty and operations on empty values do nothing, so that bodies need no error
// handling of their own.
#pragma once

#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "ops/build.h"

namespace tenon::ops::composite {

class Body;

/// A node under construction; empty after a failure or for an absent operand.
struct Val {
  Body* body = nullptr;
  Expr e = nullptr;

  explicit operator bool() const { return e != nullptr; }
  [[nodiscard]] int rank() const { return e == nullptr ? 0 : e->rank(); }
  [[nodiscard]] ir::DType dtype() const { return e == nullptr ? ir::DType::f32 : e->dtype(); }
  [[nodiscard]] std::vector<Expr> shape() const;
  [[nodiscard]] Expr dim(int64_t axis) const;  // negative counts from the end
};

using Ints = std::vector<int64_t>;
using Exprs = std::vector<Expr>;

/// The builder of a body's values.
class Body : public Builder {
 public:
  using Builder::Builder;

  Val wrap(Expr e) { return {this, ok() ? e : nullptr}; }
  Val make(ir::Op op, std::span<const Val> operands, std::vector<ir::Attr> attrs = {},
           Type wanted = nullptr);
  Val make(ir::Op op, std::initializer_list<Val> operands, std::vector<ir::Attr> attrs = {},
           Type wanted = nullptr);
  /// Records the refusal unless there is one already; the result is empty.
  Val fail(std::string code, std::string message);

  Val lit(ir::DType type, double value) { return wrap(scalar(type, value)); }  // rank 0
  Val lit(ir::DType type, double value, const Exprs& shape) {
    return wrap(full(type, value, shape));
  }
  /// The integer expression as a rank-0 tensor of the type.
  Val number(Expr extent, ir::DType type = ir::DType::i64) {
    return wrap(from_scalar(extent, type));
  }
  /// Integer expressions as an i64 vector.
  Val numbers(const Exprs& values) { return wrap(from_scalars(values)); }
  Val iota(ir::DType type, const Exprs& shape, int64_t axis) {
    return wrap(Builder::iota(type, shape, axis));
  }
};

// ---- elementwise; operands broadcast as NumPy's do, a literal takes the other operand's type
Val unary(ir::Op op, Val a);
Val binary(ir::Op op, Val a, Val b);
#define TENON_VAL_BINARY(name, op) \
  Val name(Val a, Val b);          \
  Val name(Val a, double b);       \
  Val name(double a, Val b);
TENON_VAL_BINARY(operator+, add)
TENON_VAL_BINARY(operator-, sub)
TENON_VAL_BINARY(operator*, mul)
TENON_VAL_BINARY(operator/, div)
TENON_VAL_BINARY(max, max)
TENON_VAL_BINARY(min, min)
TENON_VAL_BINARY(pow, pow)
TENON_VAL_BINARY(floordiv, floordiv)
TENON_VAL_BINARY(mod, mod)
TENON_VAL_BINARY(lt, lt)
TENON_VAL_BINARY(le, le)
TENON_VAL_BINARY(gt, gt)
TENON_VAL_BINARY(ge, ge)
TENON_VAL_BINARY(eq, eq)
TENON_VAL_BINARY(ne, ne)
#undef TENON_VAL_BINARY
Val operator-(Val a);
Val logical_and(Val a, Val b);
Val logical_or(Val a, Val b);
Val logical_not(Val a);
Val exp(Val a);
Val log(Val a);
Val log1p(Val a);
Val sqrt(Val a);
Val tanh(Val a);
Val erf(Val a);
Val sigmoid(Val a);
Val abs(Val a);
Val sign(Val a);
Val floor(Val a);
Val ceil(Val a);
Val round(Val a);
Val trunc(Val a);
Val sin(Val a);
Val cos(Val a);
Val is_nan(Val a);
Val is_inf(Val a);
Val select(Val cond, Val a, Val b);
Val select(Val cond, Val a, double b);
Val select(Val cond, double a, Val b);
Val cast(ir::DType to, Val a, bool saturate = false);
/// f16, bf16 and narrower floats as f32; other types unchanged.
Val up(Val a);

/// A value that depends on literals and extents alone, as a constant; any other value unchanged.
/// For small tables (positions, weights) that would otherwise be computed again for every element.
Val settled(Val v);

// ---- shape and movement; axes may be negative
Val broadcast_to(Val x, const Exprs& shape);  // right-aligned
Val broadcast_in(Val x, const Exprs& shape,
                 const Ints& dims);                   // dims[i]: output axis of input axis i
Val spread(Val reduced, Val like, const Ints& axes);  // undoes reduce(.., axes) by repetition
Val along(Val vector, int64_t axis, int rank);        // [n] as [1.., n, 1..]
Val reshape(Val x, const Exprs& shape);
Val unsqueeze(Val x, int64_t axis);  // axis of the result
Val squeeze(Val x, int64_t axis);
Val transpose(Val x, const Ints& perm);
Val move_axis(Val x, int64_t from, int64_t to);
Val slice_at(Val x, int64_t axis, Expr start, Expr extent, int64_t stride = 1);
Val slice(Val x, int64_t axis, int64_t start, Expr extent, int64_t stride = 1);
Val flip(Val x, int64_t axis);
Val pad(Val x, int64_t axis, Expr low, Expr high, double value = 0);
Val pad(Val x, const Exprs& low, const Exprs& high, double value, const Ints& interior = {});
Val concat(std::vector<Val> parts, int64_t axis);
Val gather(Val x, Val indices, int64_t axis);
Val reduce(const char* kind, Val x, const Ints& axes);
Val arg_max(Val x, int64_t axis);
Val mean(Val x, const Ints& axes);
Val cumulative(const char* kind, Val x, int64_t axis, bool exclusive = false, bool reverse = false);
Val dot(Val a, Val b, Ints batch_a, Ints batch_b, Ints contract_a, Ints contract_b);
Val window(const char* kind, Val x, WindowAttrs attrs);
struct Sorted {
  Val values, indices;
};
Sorted sort(Val x, int64_t axis, bool descending);
Val get(Val tuple, int64_t index);
/// x[i0, i1, ..] elementwise: one i64 value an axis, in range, broadcast together to the result's
/// shape.
Val gather_at(Val x, const std::vector<Val>& indices);
Val gather_elements(Val x, Val indices, int64_t axis);
/// The slice of extent 1 at `index` (i64, rank 0) of axis 0, without that axis.
Val take(Val x, Val index);

/// A loop of known trip count whose body is written through `step`; stacked results get the trip
/// count as their leading extent. `step(inner, i, carried, captured)` sees the values of the loop's
/// own body and returns the new carried values, then the stacked ones.
struct LoopResult {
  std::vector<Val> carried, stacked;
};
using LoopStep = std::function<std::vector<Val>(Body& inner, Val i, const std::vector<Val>& carried,
                                                const std::vector<Val>& captured)>;
LoopResult loop(Body& b, Expr trip, const std::vector<Val>& carried,
                const std::vector<Val>& captured, const LoopStep& step);
/// The same with a trip count that is known only at run time (i64, rank 0); nothing can be stacked.
LoopResult loop(Body& b, Val trip, const std::vector<Val>& carried,
                const std::vector<Val>& captured, const LoopStep& step);

/// Axis made non-negative.
inline int64_t wrap_axis(int64_t axis, int64_t rank) { return axis < 0 ? axis + rank : axis; }

}  // namespace tenon::ops::composite
