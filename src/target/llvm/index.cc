// Division of integers: cheap where operands are known not to be negative, in lanes by way of f64.

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
        x->op != Op::mod && x->op != Op::min && x->op != Op::max && x->op != Op::ramp &&
        x->op != Op::splat && x->op != Op::lane)
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

}  // namespace tenon::target::via_llvm
