// Integer expressions across the lanes of a chunk: constant steps, uniformity, cheap division.
#include <numeric>
#include <tuple>

#include "support/check.h"
#include "target/llvm/emitter.h"

namespace tenon::target::via_llvm {

using ir::Op;

namespace {
/// What `find` gives, found once for each node: operands are shared, and each way that leads to one
/// would multiply.
template <class Value, class Find>
Value once(ir::NodeMap<Value>& seen, Expr e, const Find& find) {
  if (const Value* found = seen.find(e)) return *found;
  Value value = find();
  seen.put(e, value);
  return value;
}
}  // namespace

/// d > 0 such that d divides e for every value of its variables; 0 for the literal 0.
int64_t Emitter::known_divisor(Expr e) {
  ir::NodeMap<int64_t> seen;
  return known_divisor(e, seen);
}

int64_t Emitter::known_divisor(Expr e, ir::NodeMap<int64_t>& seen) {
  return once(seen, e, [&] { return find_divisor(e, seen); });
}

int64_t Emitter::find_divisor(Expr e, ir::NodeMap<int64_t>& seen) {
  if (const auto k = ir::as_int(e)) return *k == INT64_MIN ? 1 : std::abs(*k);
  switch (e->op) {
    case Op::add:
    case Op::sub:
      return std::gcd(known_divisor(e->operand(0), seen), known_divisor(e->operand(1), seen));
    case Op::mul: {
      int64_t product = 0;
      if (__builtin_mul_overflow(known_divisor(e->operand(0), seen),
                                 known_divisor(e->operand(1), seen), &product))
        return 1;
      return product;
    }
    case Op::mod:
      return std::gcd(known_divisor(e->operand(0), seen), known_divisor(e->operand(1), seen));
    case Op::var: {
      if (const auto d = definitions_.find(e); d != definitions_.end())
        return known_divisor(d->second, seen);
      if (vector_ && e == vector_->var) return 1;
      const auto known = environment_.find(e);
      if (known == environment_.end() || known->second.varying) return 1;
      const auto* k = llvm::dyn_cast<llvm::ConstantInt>(known->second.parts[0]);
      return k == nullptr ? 1 : std::abs(k->getSExtValue());
    }
    default:
      return 1;
  }
}

bool Emitter::non_negative(Expr e) {
  ir::NodeMap<bool> seen;
  return non_negative(e, seen);
}

bool Emitter::non_negative(Expr e, ir::NodeMap<bool>& seen) {
  return once(seen, e, [&] { return find_non_negative(e, seen); });
}

bool Emitter::find_non_negative(Expr e, ir::NodeMap<bool>& seen) {
  if (const auto k = ir::as_int(e)) return *k >= 0;
  switch (e->op) {
    case Op::var: {  // loop variables and sizes are
      const auto d = definitions_.find(e);
      return d == definitions_.end() ? e->dtype() == DType::i64 : non_negative(d->second, seen);
    }
    case Op::add:
    case Op::mul:
    case Op::min:
    case Op::floordiv:
      return non_negative(e->operand(0), seen) && non_negative(e->operand(1), seen);
    case Op::max:
      return non_negative(e->operand(0), seen) || non_negative(e->operand(1), seen);
    case Op::mod:
      return non_negative(e->operand(1), seen);
    default:
      return false;
  }
}

/// floordiv and mod of scalars; unsigned where both are known to be non-negative.
Value* Emitter::index_division(Expr e, Value* x, Value* y) {
  const auto* k = llvm::dyn_cast<llvm::ConstantInt>(y);
  if (k != nullptr && !k->isZero() && non_negative(e->operand(0)) && non_negative(e->operand(1)))
    return e->op == Op::floordiv ? b_.CreateUDiv(x, y) : b_.CreateURem(x, y);
  const Operation o{e->op, DType::i64, DType::i64};
  Value* operands[] = {x, y};
  if (k == nullptr && non_negative(e->operand(0)) && non_negative(e->operand(1))) {
    const Operation u{e->op, DType::u64, DType::u64};
    return emit_operation(b_, u, operands);
  }
  return emit_operation(b_, o, operands);
}

/// Arithmetic on loop variables, sizes and literals alone: its values stay far below 2^51.
bool Emitter::is_plain_index(Expr e) {
  std::vector<Expr> work{e};
  std::set<uint32_t> seen;
  while (!work.empty()) {
    const Expr x = work.back();
    work.pop_back();
    if (!seen.insert(x->id).second || x->op == Op::imm) continue;
    if (x->op == Op::var) {
      if (const auto d = definitions_.find(x); d != definitions_.end()) work.push_back(d->second);
      continue;
    }
    if (x->op != Op::add && x->op != Op::sub && x->op != Op::mul && x->op != Op::floordiv &&
        x->op != Op::mod && x->op != Op::min && x->op != Op::max)
      return false;
    work.insert(work.end(), x->operands.begin(), x->operands.end());
  }
  return true;
}

namespace {
/// Integers below 2^51 in magnitude ride in the mantissa of 1.5 * 2^52: exact conversions without
/// an instruction for them, which AVX2 lacks.
struct MantissaFloat {
  Builder& b;
  llvm::Type* i64;
  llvm::Type* f64;
  [[nodiscard]] Value* magic() const { return llvm::ConstantFP::get(f64, 0x1.8p52); }
  [[nodiscard]] Value* to_float(Value* v) const {
    Value* shifted = b.CreateAdd(v, b.CreateBitCast(magic(), i64));
    return b.CreateFSub(b.CreateBitCast(shifted, f64), magic());
  }
  [[nodiscard]] Value* to_int(Value* v) const {
    Value* shifted = b.CreateBitCast(b.CreateFAdd(v, magic()), i64);
    return b.CreateSub(shifted, b.CreateBitCast(magic(), i64));
  }
};
}  // namespace

/// floordiv and mod of lanes by way of f64, where no vector instruction divides integers: quotients
/// of integers below 2^51 round to the right side of every integer.
Value* Emitter::lane_division(Op op, Value* x, Value* y) {
  const MantissaFloat m{b_, x->getType(), with_width_of(x->getType(), b_.getDoubleTy())};
  Value* zero = llvm::Constant::getNullValue(x->getType());
  Value* by_zero = b_.CreateICmpEQ(y, zero);
  Value* ratio = b_.CreateFDiv(m.to_float(x), m.to_float(y));
  ratio = b_.CreateUnaryIntrinsic(llvm::Intrinsic::floor, ratio);
  Value* q = b_.CreateSelect(by_zero, zero, m.to_int(ratio));
  if (op == Op::floordiv) return q;
  return b_.CreateSelect(by_zero, zero, b_.CreateSub(x, b_.CreateMul(q, y)));
}

/// How much e grows from lane to lane within the chunk, where that is a constant.
std::optional<int64_t> Emitter::lane_step(Expr e, const Chunk& chunk) {
  LaneFacts seen{chunk, {}, {}, {}};
  return lane_step(e, seen);
}

std::optional<int64_t> Emitter::lane_step(Expr e, LaneFacts& seen) {
  return once(seen.steps, e, [&] { return find_lane_step(e, seen); });
}

std::optional<int64_t> Emitter::find_lane_step(Expr e, LaneFacts& seen) {
  if (e->op == Op::imm) return 0;
  if (e->op == Op::var) {
    if (e == vector_->var) return 1;
    const auto known = environment_.find(e);
    if (known != environment_.end() && known->second.varying) {
      const auto d = definitions_.find(e);
      return d == definitions_.end() ? std::nullopt : lane_step(d->second, seen);
    }
    return 0;
  }
  bool uniform = true;
  for (size_t i = e->op == Op::load ? 1 : 0; i < e->operands.size() && uniform; ++i)
    uniform = lane_step(e->operand(i), seen) == 0;
  if (uniform) return 0;
  if (e->dtype() != DType::i64 || e->operands.size() != 2 || e->op == Op::load) return std::nullopt;
  const auto x = lane_step(e->operand(0), seen);
  const auto y = lane_step(e->operand(1), seen);
  if (!x || !y) return std::nullopt;
  if (e->op == Op::add) return *x + *y;
  if (e->op == Op::sub) return *x - *y;
  if (e->op == Op::mul) {
    if (const auto k = ir::as_int(e->operand(1)); k && *y == 0) return *x * *k;
    if (const auto k = ir::as_int(e->operand(0)); k && *x == 0) return *y * *k;
    return std::nullopt;
  }
  const auto k = ir::as_int(e->operand(1));
  if ((e->op != Op::floordiv && e->op != Op::mod) || !k || *k <= 0) return std::nullopt;
  if (*x % *k == 0) return e->op == Op::floordiv ? *x / *k : 0;
  // The first lane stands at `phase` within a multiple of g: no lane crosses a multiple of k.
  const auto [g, phase] = lane_phase(e->operand(0), *k, seen);
  const int64_t reach = *x * (static_cast<int64_t>(seen.chunk.width) - 1);
  if (g == 0 || phase + reach < 0 || phase + reach >= g) return std::nullopt;
  return e->op == Op::floordiv ? 0 : *x;
}

/// (g, phase): e in the chunk's first lane is a multiple of g plus the phase, and g divides k.
std::pair<int64_t, int64_t> Emitter::lane_phase(Expr e, int64_t k, LaneFacts& seen) {
  const auto [divisor, offset] = lane_origin(e, seen);
  const int64_t g = std::gcd(divisor, k);
  return {g, g == 0 ? 0 : ((offset % g) + g) % g};
}

/// (divisor of the rest, offset) of e in the chunk's first lane.
std::pair<int64_t, int64_t> Emitter::lane_origin(Expr e, LaneFacts& seen) {
  if (const auto c = ir::as_int(e)) return {0, *c};
  if (e == vector_->var) return {0, seen.chunk.offset};
  return once(seen.origins, e, [&]() -> std::pair<int64_t, int64_t> {
    if (e->op == Op::add) {
      const auto p = lane_origin(e->operand(0), seen);
      const auto q = lane_origin(e->operand(1), seen);
      return {std::gcd(p.first, q.first), p.second + q.second};
    }
    if (lane_step(e, seen) == 0) return {known_divisor(e), 0};
    if (e->op == Op::mul && ir::as_int(e->operand(1))) {
      const auto p = lane_origin(e->operand(0), seen);
      const int64_t c = *ir::as_int(e->operand(1));
      return {std::abs(p.first * c), p.second * c};
    }
    return {1, 0};
  });
}

/// How far each lane of the chunk is from the first, where those are constants (the channels of
/// groups, (c div 4) * 4); empty otherwise.
std::vector<int64_t> Emitter::lane_offsets(Expr e, const Chunk& chunk) {
  LaneFacts seen{chunk, {}, {}, {}};
  return lane_offsets(e, seen);
}

std::vector<int64_t> Emitter::lane_offsets(Expr e, LaneFacts& seen) {
  return once(seen.offsets, e, [&] { return find_lane_offsets(e, seen); });
}

std::vector<int64_t> Emitter::find_lane_offsets(Expr e, LaneFacts& seen) {
  std::vector<int64_t> out(seen.chunk.width, 0);
  if (const auto step = lane_step(e, seen)) {
    for (size_t i = 0; i < out.size(); ++i) out[i] = *step * static_cast<int64_t>(i);
    return out;
  }
  if (e->op == Op::var) {
    const auto d = definitions_.find(e);
    return d == definitions_.end() ? std::vector<int64_t>{} : lane_offsets(d->second, seen);
  }
  if (e->dtype() != DType::i64 || e->operands.size() != 2 || e->op == Op::load) return {};
  const std::vector<int64_t> x = lane_offsets(e->operand(0), seen);
  const std::vector<int64_t> y = lane_offsets(e->operand(1), seen);
  if (x.empty() || y.empty()) return {};
  const auto k = ir::as_int(e->operand(1));
  int64_t phase = 0;
  if (e->op == Op::floordiv || e->op == Op::mod) {
    if (!k || *k <= 0) return {};
    int64_t g = 0;
    std::tie(g, phase) = lane_phase(e->operand(0), *k, seen);
    if (g != *k) return {};
  } else if (e->op != Op::add && e->op != Op::sub && (e->op != Op::mul || !k)) {
    return {};
  }
  const auto floor = [&](int64_t v) { return v >= 0 ? v / *k : -((*k - 1 - v) / *k); };
  for (size_t i = 0; i < out.size(); ++i) {
    const int64_t at = phase + x[i];
    if (e->op == Op::add) out[i] = x[i] + y[i];
    if (e->op == Op::sub) out[i] = x[i] - y[i];
    if (e->op == Op::mul) out[i] = x[i] * *k;
    if (e->op == Op::floordiv) out[i] = floor(at) - floor(phase);
    if (e->op == Op::mod) out[i] = at - floor(at) * *k - phase;
  }
  return out;
}

bool Emitter::is_uniform(Expr e) {
  if (!vector_ || lane_chunk_ >= 0) return true;
  std::vector<Expr> work{e};
  std::set<uint32_t> seen;
  while (!work.empty()) {
    const Expr x = work.back();
    work.pop_back();
    if (!seen.insert(x->id).second) continue;
    if (x == vector_->var) return false;
    if (x->op == Op::var) {
      const auto known = environment_.find(x);
      if (known != environment_.end() && known->second.varying) return false;
    }
    work.insert(work.end(), x->operands.begin(), x->operands.end());
  }
  return true;
}

Value* Emitter::first_lane(Expr e, size_t chunk) {
  const int before = lane_chunk_;
  if (lane_chunk_ < 0 && vector_) lane_chunk_ = static_cast<int>(chunk);
  Value* v = scalar(e);
  lane_chunk_ = before;
  return v;
}

}  // namespace tenon::target::via_llvm
