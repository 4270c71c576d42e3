// Which bodies of vector loops can run in lanes.
#include <algorithm>
#include <set>

#include "ir/combiner.h"
#include "ir/expr.h"
#include "ir/vector.h"
#include "schedule/finalize/vectorize/vectorize.h"

namespace tenon::schedule::finalizing {
using namespace ir;  // NOLINT

namespace {

bool is_place(Expr load, Expr buffer, std::span<const Expr> indices) {
  return load->op == Op::load && load->operand(0) == buffer &&
         std::equal(indices.begin(), indices.end(), load->operands.begin() + 1,
                    load->operands.end());
}

/// Bytes of an element in a register: floats of 16 bits and less are computed on as f32.
int register_bytes(DType t) {
  return is_float(t) ? std::max<int>(info(t).element_bytes, 4) : info(t).element_bytes;
}

struct Scan {
  VectorPlan plan;
  std::unordered_map<Expr, bool> tainted;    // depends on the lane
  std::vector<Expr> reduced;                 // buffers that a reduction writes
  std::vector<std::pair<Expr, Expr>> loads;  // (load, statement that contains it)

  bool depends(Expr e) {
    if (const auto known = tainted.find(e); known != tainted.end()) return known->second;
    bool any = false;
    for (Expr o : e->operands) any = depends(o) || any;
    return tainted[e] = any;
  }

  void widen(int bytes) { plan.widest = std::max(plan.widest, bytes); }

  void values(Expr e, Expr statement, bool index, std::set<uint32_t>& seen) {
    if (!seen.insert(e->id * 2 + (index ? 1 : 0)).second) return;
    if (e->op == Op::imm || e->op == Op::var || e->op == Op::buffer) return;
    if (e->op == Op::load) {
      loads.emplace_back(e, statement);
      if (depends(e)) widen(info(e->dtype()).element_bytes);
      for (size_t i = 1; i < e->operands.size(); ++i) values(e->operand(i), statement, true, seen);
      return;
    }
    plan.possible = plan.possible && is_elementwise(e->op);
    const bool compares_indices = is_predicate(e->op) && e->operand(0)->dtype() == DType::i64;
    if (!index && depends(e) && e->dtype() != DType::boolean && !compares_indices)
      widen(register_bytes(e->dtype()));
    for (Expr o : e->operands) values(o, statement, index || compares_indices, seen);
  }

  void store(Expr s) {
    const Expr buffer = s->operand(0);
    const std::span<const Expr> indices = s->operands.subspan(2);
    std::set<uint32_t> seen;
    values(s->operand(1), s, false, seen);
    for (Expr i : indices) values(i, s, true, seen);
    bool lane_index = false;
    for (Expr i : indices) lane_index = depends(i) || lane_index;
    if (lane_index) return widen(info(buffer->dtype()).element_bytes);
    // One place for all lanes: a reduction, or iterations pass values through it.
    if (!reduction_step(s)) plan.possible = false;
    reduced.push_back(buffer);
    plan.together = true;
  }

  void statement(Expr s) {
    std::set<uint32_t> seen;
    switch (s->op) {
      case Op::seq:
        for (Expr e : s->operands) statement(e);
        return;
      case Op::store:
        return store(s);
      case Op::let:
        values(s->operand(1), s, s->operand(1)->dtype() == DType::i64, seen);
        tainted[s->operand(0)] = depends(s->operand(1));
        return statement(s->operand(2));
      case Op::for_:
        values(s->operand(1), s, true, seen);
        plan.possible = plan.possible && !depends(s->operand(1));
        plan.together = plan.together || !is_int(s->operand(1), 1);
        return statement(s->operand(2));
      case Op::cond:
        values(s->operand(0), s, true, seen);
        for (Expr e : s->operands.subspan(1)) statement(e);
        return;
      case Op::fail_:
        return values(s->operand(0), s, true, seen);
      default:
        plan.possible = false;
    }
  }

  /// A reduction's buffer may be read only by the reduction itself.
  void finish() {
    for (const auto& [load, user] : loads)
      for (Expr buffer : reduced)
        if (load->operand(0) == buffer && !(user->op == Op::store && user->operand(0) == buffer &&
                                            is_place(load, buffer, user->operands.subspan(2))))
          plan.possible = false;
  }
};

}  // namespace

ReductionStep reduction_step(Expr store) {
  const Expr value = store->operand(1);
  const auto is_target = [&](size_t i) {
    return is_place(value->operand(i), store->operand(0), store->operands.subspan(2));
  };
  if (value->op == Op::fma && is_target(2))
    return {Op::add, {value->operand(0), value->operand(1)}};
  if (value->operands.size() != 2 || combiner_name(value->op).empty()) return {};
  const size_t rest = is_target(0) ? 1 : 0;
  if (!is_target(1 - rest)) return {};
  return {value->op, {value->operand(rest)}};
}

VectorPlan plan_vector_loop(Expr loop) {
  const ForView f{loop};
  Scan scan;
  scan.tainted[f.var()] = true;
  scan.statement(f.body());
  scan.finish();
  return scan.plan;
}

}  // namespace tenon::schedule::finalizing
