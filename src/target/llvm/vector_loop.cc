// Vector loops: which bodies can run in lanes, how lanes are cut into chunks, and conditions as
// masks.
#include <functional>

#include "support/check.h"
#include "target/llvm/emitter.h"

namespace tenon::target::via_llvm {

using ir::Op;

namespace {

bool same_place(Expr load, Expr buffer, std::span<const Expr> indices) {
  return load->op == Op::load && load->operand(0) == buffer &&
         std::equal(indices.begin(), indices.end(), load->operands.begin() + 1,
                    load->operands.end());
}

/// What a scan of a vector loop's body finds.
struct Scan {
  std::unordered_map<Expr, bool> tainted;  // depends on the lane
  bool possible = true;
  bool wants_all_chunks = false;  // a loop or a reduction inside: chunks advance together
  int widest = 0;                 // bytes of the widest element that is computed on
  std::vector<Expr> reduced;      // buffers that a reduction writes
  std::vector<std::pair<Expr, Expr>> loads;  // (load, statement that contains it)

  bool depends(Expr e) {
    if (const auto known = tainted.find(e); known != tainted.end()) return known->second;
    bool any = false;
    for (Expr o : e->operands) any = depends(o) || any;
    return tainted[e] = any;
  }

  void values(Expr e, Expr statement, bool index, std::set<uint32_t>& seen) {
    if (!seen.insert(e->id * 2 + (index ? 1 : 0)).second) return;
    if (e->op == Op::imm || e->op == Op::var || e->op == Op::buffer) return;
    if (e->op == Op::load) {
      loads.emplace_back(e, statement);
      if (depends(e)) widest = std::max<int>(widest, ir::info(e->dtype()).bytes);
      for (size_t i = 1; i < e->operands.size(); ++i) values(e->operand(i), statement, true, seen);
      return;
    }
    const bool compares_indices = ir::is_predicate(e->op) && e->operand(0)->dtype() == DType::i64;
    if (!index && depends(e) && e->dtype() != DType::boolean && !compares_indices)
      widest = std::max<int>(widest, is_narrow_float(e->dtype()) ? 4 : ir::info(e->dtype()).bytes);
    for (Expr o : e->operands) values(o, statement, index || compares_indices, seen);
  }

  void store(Expr s) {
    const Expr buffer = s->operand(0);
    const Expr value = s->operand(1);
    const std::span<const Expr> indices = s->operands.subspan(2);
    std::set<uint32_t> seen;
    values(value, s, false, seen);
    for (Expr i : indices) values(i, s, true, seen);
    bool lane_index = false;
    for (Expr i : indices) lane_index = depends(i) || lane_index;
    if (lane_index) {
      widest = std::max<int>(widest, ir::info(buffer->dtype()).bytes);
      return;
    }
    const bool combines = value->operands.size() >= 2 && value->op != Op::load &&
                          value->op != Op::select &&
                          (same_place(value->operands.back(), buffer, indices) ||
                           same_place(value->operand(0), buffer, indices));
    if (combines) {
      reduced.push_back(buffer);
      wants_all_chunks = true;
    } else {
      possible = false;  // one place for all lanes: iterations pass values through it
    }
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
        tainted[s->operand(0)] = false;
        possible = possible && !depends(s->operand(1));
        wants_all_chunks = wants_all_chunks || !ir::is_int(s->operand(1), 1);
        return statement(s->operand(2));
      case Op::cond:
        values(s->operand(0), s, true, seen);
        for (Expr e : s->operands.subspan(1)) statement(e);
        return;
      case Op::fail_:
        return values(s->operand(0), s, true, seen);
      default:
        possible = false;
    }
  }

  /// A reduction's buffer may be read only by the reduction itself.
  void finish() {
    for (const auto& [load, user] : loads)
      for (Expr buffer : reduced)
        if (load->operand(0) == buffer && !(user->op == Op::store && user->operand(0) == buffer &&
                                            same_place(load, buffer, user->operands.subspan(2))))
          possible = false;
  }
};

constexpr int64_t kMostLanes = 4096;
/// Chunks that advance together hold their values in registers.
constexpr size_t kMostTogether = 8;

}  // namespace

bool Emitter::vector_loop(Expr node, int64_t extent) {
  const ir::ForView f{node};
  Scan scan;
  scan.tainted[f.var()] = true;
  for (const auto& [var, value] : environment_) scan.tainted.try_emplace(var, false);
  scan.statement(f.body());
  scan.finish();
  if (!scan.possible || extent > kMostLanes) return false;
  const auto lanes =
      static_cast<int64_t>(machine_.vector_bytes / (scan.widest == 0 ? 4 : scan.widest));
  std::vector<Chunk> chunks;
  for (int64_t at = 0; at < extent;) {
    int64_t width = lanes;
    while (width > extent - at) width /= 2;
    chunks.push_back({at, static_cast<unsigned>(width)});
    at += width;
  }
  if (scan.wants_all_chunks && chunks.size() <= kMostTogether) {
    vector_body(f.var(), f.body(), std::move(chunks));
    return true;
  }
  for (const Chunk& chunk : chunks) vector_body(f.var(), f.body(), {chunk});
  return true;
}

void Emitter::vector_body(Expr var, Expr body, std::vector<Chunk> chunks) {
  vector_ = VectorContext{var, std::move(chunks), std::nullopt};
  {
    const Scope scope(*this);
    statement(body);
  }
  vector_.reset();
}

void Emitter::masked(const Mask& mask, Expr body) {
  const std::optional<Mask> outer = vector_->mask;
  Mask inner = mask;
  if (outer)
    for (size_t i = 0; i < inner.parts.size(); ++i)
      inner.parts[i] = b_.CreateAnd(inner.parts[i], outer->parts[i]);
  Value* any = b_.getFalse();
  for (Value* m : inner.parts) any = b_.CreateOr(any, b_.CreateOrReduce(m));
  inner.nonempty = true;
  branch(
      any,
      [&] {
        vector_->mask = inner;
        statement(body);
      },
      nullptr);
  vector_->mask = outer;
}

void Emitter::vector_conditional(Expr node) {
  const Expr condition = node->operand(0);
  if (is_uniform(condition)) return conditional(node);
  const Expr then = node->operand(1);
  const Expr otherwise = node->operands.size() == 3 ? node->operand(2) : nullptr;
  const Scope scope(*this);
  const Condition c = condition_mask(condition);
  if (vector_->mask || otherwise != nullptr) {
    masked(c.mask, then);
    if (otherwise == nullptr) return;
    Mask negated;
    for (Value* m : c.mask.parts) negated.parts.push_back(b_.CreateNot(m));
    return masked(negated, otherwise);
  }
  // Whole vectors take a copy without masks.
  branch(
      c.all, [&] { statement(then); },
      [&] {
        branch(
            c.any,
            [&] {
              vector_->mask = c.mask;
              vector_->mask->nonempty = true;
              statement(then);
              vector_->mask.reset();
            },
            nullptr);
      });
}

}  // namespace tenon::target::via_llvm
