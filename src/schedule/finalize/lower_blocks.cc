// Blocks to plain statements. A reduction that nobody decomposed gets its init here: a nest of the
// spatial loops that stand inside its outermost reduction loop, placed before that loop; where the
// spatial loops cannot be run apart, the step itself starts from init when all reduction iterators
// are 0.
#include "ir/combiner.h"
#include "schedule/block_facts.h"
#include "schedule/finalize/passes.h"
#include "support/check.h"

namespace tenon::schedule::finalizing {
namespace {
using namespace ir;  // NOLINT

/// A node between the root and the current statement.
struct Frame {
  enum Kind : uint8_t { loop, guard, otherwise, other } kind;
  Expr node = nullptr;       // loop: the for_
  Expr condition = nullptr;  // guard, otherwise: what holds here
};

class BlockLowering {
 public:
  explicit BlockLowering(Context& c) : c_(c) {}

  Expr visit(Expr s) {
    switch (s->op) {
      case Op::block:
        return visit_block(s);
      case Op::update:
        return visit_update(s);
      case Op::for_:
        return visit_for(s);
      case Op::cond: {
        const Expr condition = replaced(s->operand(0));
        const Expr then = within({Frame::guard, nullptr, condition}, s->operand(1));
        if (s->operands.size() == 2) return if_then(c_, condition, then);
        const Expr otherwise =
            within({Frame::otherwise, nullptr, logical_not(c_, condition)}, s->operand(2));
        return if_then(c_, condition, then, otherwise);
      }
      case Op::seq: {
        std::vector<Expr> all;
        for (Expr child : s->operands) all.push_back(visit(child));
        return seq(c_, all);
      }
      case Op::while_:
        return while_loop(c_, replaced(s->operand(0)), within({Frame::other}, s->operand(1)));
      case Op::let:
        return let(c_, s->operand(0), replaced(s->operand(1)),
                   within({Frame::other}, s->operand(2)));
      default:
        return replaced(s);
    }
  }

 private:
  Expr replaced(Expr e) { return iters_.empty() ? e : substitute(c_, e, iters_); }

  Expr within(Frame frame, Expr s) {
    stack_.push_back(frame);
    const Expr out = visit(s);
    stack_.pop_back();
    return out;
  }

  Expr visit_for(Expr s) {
    const ForView loop{s};
    const Expr extent = replaced(loop.extent());
    const Expr head =
        for_loop(c_, loop.var(), extent, seq(c_, {}), loop.kind(), std::string(loop.note()));
    const size_t depth = stack_.size();
    const Expr body = within({Frame::loop, head, nullptr}, loop.body());
    std::vector<Expr> all;
    for (auto it = pending_.begin(); it != pending_.end();) {
      if (it->first == depth) {
        all.push_back(it->second);
        it = pending_.erase(it);
      } else {
        ++it;
      }
    }
    all.push_back(for_loop(c_, loop.var(), extent, body, loop.kind(), std::string(loop.note())));
    return seq(c_, all);
  }

  Expr visit_block(Expr s) {
    const BlockView block{s};
    const Map outer_iters = iters_;
    const std::vector<Expr> outer_reductions = reductions_;
    const Expr early = replaced(block.predicate());
    const bool outer_done = init_done_;
    init_done_ = primitives::is_initialized(s);
    reductions_.clear();
    Map inner = iters_;
    for (const BlockIter& it : block.iters()) {
      const Expr binding = replaced(it.binding);
      inner[it.var] = binding;
      if (it.kind == 'r') reductions_.push_back(binding);
    }
    iters_ = std::move(inner);
    // A predicate may speak of loops or of the block's own iterators.
    const Expr predicate = replaced(early);
    const Expr body =
        is_int(predicate, 1)
            ? visit(block.body())
            : if_then(c_, predicate, within({Frame::guard, nullptr, predicate}, block.body()));
    iters_ = outer_iters;
    reductions_ = outer_reductions;
    init_done_ = outer_done;
    return body;
  }

  Expr step(Expr buffer, Expr value, std::span<const Expr> at, std::string_view combine,
            Expr have) {
    const Type type = have->type;
    Expr next = nullptr;
    if (combine == "fma") {
      TENON_CHECK(value->op == Op::mul, "an fma step whose value is not a product");
      next = c_.make(Op::fma, type, {value->operand(0), value->operand(1), have});
    } else {
      next = binary(c_, combiner(combine), have, value);
    }
    return store(c_, buffer, next, at);
  }

  Expr visit_update(Expr s) {
    const Expr buffer = s->operand(0);
    const Expr init = replaced(s->operand(1));
    // The product of an fma step must stay one: literals do not fold here, iterators are integers.
    const Expr value = replaced(s->operand(2));
    std::vector<Expr> at;
    for (size_t i = 3; i < s->operands.size(); ++i) at.push_back(replaced(s->operand(i)));
    const std::string& combine = s->string_attr(Key::combine);
    if (init_done_) return step(buffer, value, at, combine, load(c_, buffer, at));
    std::unordered_set<Expr> reduced;
    for (Expr r : reductions_) collect_vars(r, reduced);
    size_t outermost = stack_.size();
    for (size_t d = 0; d < stack_.size(); ++d) {
      if (stack_[d].kind != Frame::loop || !reduced.contains(stack_[d].node->operand(0))) continue;
      outermost = d;
      break;
    }
    if (outermost == stack_.size()) return step(buffer, value, at, combine, init);
    const Expr next = step(buffer, value, at, combine, load(c_, buffer, at));
    if (const Expr nest = init_nest(outermost, reduced, buffer, init, at)) {
      pending_.emplace_back(outermost, nest);
      return next;
    }
    Expr first = c_.bool_imm(true);
    for (Expr r : reductions_) first = logical_and(c_, first, eq(c_, r, c_.i64(0)));
    const std::vector<Expr> both{if_then(c_, first, store(c_, buffer, init, at)), next};
    return seq(c_, both);
  }

  /// The init of all elements that the loop at depth `from` updates, or nullptr.
  Expr init_nest(size_t from, const std::unordered_set<Expr>& reduced, Expr buffer, Expr init,
                 const std::vector<Expr>& at) {
    if (mentions_any(init, reduced)) return nullptr;
    std::unordered_set<Expr> needed;
    collect_vars(init, needed);
    for (Expr i : at) {
      if (mentions_any(i, reduced)) return nullptr;
      collect_vars(i, needed);
    }
    std::vector<Expr> guards(stack_.size(), nullptr);
    for (size_t d = from; d < stack_.size(); ++d) {
      if (stack_[d].kind == Frame::other) return nullptr;
      if (stack_[d].kind == Frame::loop) continue;
      if (stack_[d].kind == Frame::otherwise && mentions_any(stack_[d].condition, reduced))
        return nullptr;
      std::vector<Expr> kept;
      for (Expr part : conjuncts(stack_[d].condition))
        if (!mentions_any(part, reduced)) kept.push_back(part);
      guards[d] = conjunction(c_, kept);
      collect_vars(guards[d], needed);
    }
    Map fresh;
    Expr nest = store(c_, buffer, init, at);
    for (size_t d = stack_.size(); d-- > from + 1;) {
      if (stack_[d].kind != Frame::loop) {
        nest = if_then(c_, guards[d], nest);
        continue;
      }
      const ForView loop{stack_[d].node};
      if (!needed.contains(loop.var())) continue;
      if (reduced.contains(loop.var()) || mentions_any(loop.extent(), reduced)) return nullptr;
      collect_vars(loop.extent(), needed);
      const std::string kind = loop.kind() == "parallel" ? "serial" : loop.kind();
      const Expr var = c_.var(loop.var()->string_attr(Key::name) + "_init");
      fresh[loop.var()] = var;
      nest = for_loop(c_, var, loop.extent(), nest, kind);
    }
    return substitute(c_, nest, fresh);
  }

  Context& c_;
  Map iters_;
  std::vector<Frame> stack_;
  bool init_done_ = false;
  std::vector<Expr> reductions_;  // bindings of the innermost block's reduction iterators
  std::vector<std::pair<size_t, Expr>>
      pending_;  // init nests by the depth of the loop that they precede
};

}  // namespace

void lower_blocks(Work& w) { w.kernel.body = BlockLowering(w.c).visit(w.kernel.body); }

}  // namespace tenon::schedule::finalizing
