// Vector loops to vector operations: how their lanes are cut into chunks of at most one register,
// which advance one after the other or together. Loops that cannot run in lanes stay serial.
#include "schedule/finalize/vectorize/vectorize.h"

#include "ir/expr.h"
#include "ir/rewrite.h"
#include "schedule/finalize/passes.h"

namespace tenon::schedule::finalizing {
using namespace ir;  // NOLINT

namespace {

constexpr int64_t kMostIterations = 4096;
/// Chunks that advance together hold their values in registers.
constexpr size_t kMostTogether = 8;

class Vectorizer {
 public:
  explicit Vectorizer(Work& w)
      : c_(w.c), machine_(w.machine), scope_{w.c, assume_extents(w.kernel), w.machine.mask_bytes} {
    for (Expr n : post_order(std::span(&w.kernel.body, 1)))
      if (n->op == Op::for_) scope_.known.below(n->operand(0), n->operand(1));
  }

  Expr visit(Expr s) {
    if (s->op != Op::for_ || ForView{s}.kind() != "vector")
      return map_children(c_, s, [&](Expr child) { return visit(child); });
    const ForView f{s};
    const auto extent = as_int(f.extent());
    const VectorPlan plan = plan_vector_loop(s);
    if (!extent || *extent <= 1 || *extent > kMostIterations || !plan.possible)
      return for_loop(c_, f.var(), f.extent(), visit(f.body()), "serial", std::string(f.note()));
    return lanes(f, chunks(*extent, plan), plan);
  }

 private:
  std::vector<Chunk> chunks(int64_t extent, const VectorPlan& plan) const {
    const int most = machine_.vector_bytes / (plan.widest == 0 ? 4 : plan.widest);
    std::vector<Chunk> all;
    for (int64_t at = 0; at < extent; at += all.back().width) {
      int width = most;
      while (width > extent - at) width /= 2;
      all.push_back({at, width});
    }
    return all;
  }

  Expr lanes(const ForView& f, const std::vector<Chunk>& chunks, const VectorPlan& plan) {
    if (plan.together && chunks.size() <= kMostTogether)
      return VectorBody(scope_, f.var(), chunks).statement(f.body());
    std::vector<Expr> all;
    for (const Chunk& chunk : chunks)
      all.push_back(chunk.width == 1
                        ? visit(substitute(c_, f.body(), {{f.var(), c_.i64(chunk.offset)}}))
                        : VectorBody(scope_, f.var(), {chunk}).statement(f.body()));
    return seq(c_, all);
  }

  Context& c_;
  const machine::Machine& machine_;
  VectorScope scope_;
};

}  // namespace

void vectorize(Work& w) { w.kernel.body = Vectorizer(w).visit(w.kernel.body); }

}  // namespace tenon::schedule::finalizing
