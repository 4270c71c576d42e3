// Top-level statements as launches: each has at most one parallel loop, outermost. A condition over
// sizes around parallel loops becomes part of their extents: a grid of 0 is not launched.
#include <algorithm>

#include "schedule/finalize/passes.h"

namespace tenon::schedule::finalizing {
namespace {
using namespace ir;  // NOLINT

bool has_parallel(Expr s) {
  if (s->op == Op::for_ && ForView{s}.kind() == "parallel") return true;
  return std::ranges::any_of(children(s), has_parallel);
}

Expr without_parallel(Context& c, Expr s) {
  const Expr inner = map_children(c, s, [&](Expr child) { return without_parallel(c, child); });
  if (inner->op != Op::for_ || ForView{inner}.kind() != "parallel") return inner;
  const ForView loop{inner};
  return for_loop(c, loop.var(), loop.extent(), loop.body(), "serial", std::string(loop.note()));
}

class Launches {
 public:
  explicit Launches(Work& w) : c_(w.c) {}

  void add(Expr s, Expr condition) {
    if (s->op == Op::seq) {
      for (Expr child : s->operands) add(child, condition);
      return;
    }
    if (s->op == Op::for_ && ForView{s}.kind() == "parallel") {
      const ForView loop{s};
      const Expr extent =
          is_int(condition, 1) ? loop.extent() : select(c_, condition, loop.extent(), c_.i64(0));
      all.push_back(for_loop(c_, loop.var(), extent, without_parallel(c_, loop.body()), "parallel",
                             std::string(loop.note())));
      return;
    }
    // Outside of loops, what does not read memory is an expression over the kernel's sizes.
    if (s->op == Op::cond && !has_load(s->operand(0)) && has_parallel(s)) {
      add(s->operand(1), logical_and(c_, condition, s->operand(0)));
      if (s->operands.size() > 2)
        add(s->operand(2), logical_and(c_, condition, unary(c_, Op::not_, s->operand(0))));
      return;
    }
    const Expr serial = without_parallel(c_, s);
    all.push_back(is_int(condition, 1) ? serial : if_then(c_, condition, serial));
  }

  /// Serial statements in a row are one launch: a parallel loop of one iteration.
  std::vector<Expr> merged() {
    std::vector<Expr> out, run;
    const auto flush = [&] {
      if (run.size() < 2) {
        out.insert(out.end(), run.begin(), run.end());
      } else {
        out.push_back(for_loop(c_, c_.var("launch"), c_.i64(1), seq(c_, run), "parallel"));
      }
      run.clear();
    };
    for (Expr s : all) {
      const bool parallel = s->op == Op::for_ && ForView{s}.kind() == "parallel";
      if (parallel) flush();
      (parallel ? out : run).push_back(s);
    }
    flush();
    return out;
  }

 private:
  Context& c_;
  std::vector<Expr> all;
};

}  // namespace

void form_launches(Work& w) {
  Launches launches(w);
  launches.add(w.kernel.body, w.c.bool_imm(true));
  w.kernel.body = seq(w.c, launches.merged());
}

}  // namespace tenon::schedule::finalizing
