// The verifier of loop programs: variables in scope, buffers declared and indexed by their rank,
// statements of the stage.
#include <algorithm>
#include <array>

#include "ir/expr.h"
#include "ir/node_map.h"
#include "ir/rewrite.h"
#include "ir/text.h"
#include "ir/vector.h"
#include "ir/verify.h"
#include "ir/verify_impl.h"
#include "support/text.h"

namespace tenon::ir {
namespace {

constexpr std::array<std::string_view, 4> kLoopKinds{"serial", "parallel", "vector", "unroll"};
constexpr std::array<std::string_view, 7> kCombiners{"sum", "prod", "max", "min",
                                                     "and", "or",   "fma"};

template <class Words>
bool is_one_of(std::string_view word, const Words& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

class KernelVerifier {
 public:
  KernelVerifier(const Kernel& k, char stage, Findings& out) : k_(k), stage_(stage), out_(out) {}

  void run() {
    for (Expr s : k_.sizes) {
      if (s->op != Op::var) out_.add("verify.param", "a size of a kernel must be a variable", s);
      scope_.push_back(s);
    }
    for (const KernelParam& p : k_.params) {
      declare(p.buffer);
      if (p.buffer->type->scope != Scope::global)
        out_.add("verify.buffer", cat("parameter '", name(p.buffer), "' must have scope global"));
      if (p.role == ParamRole::state)
        out_.add("verify.param", cat("parameter '", name(p.buffer), "' of a kernel is a state"));
      if (!is_written(p.role)) read_only_.insert(p.buffer, true);
      if (p.role != ParamRole::constant && !p.packing.empty())
        out_.add("verify.buffer",
                 cat("parameter '", name(p.buffer), "' is packed but no constant"));
    }
    for (Expr b : k_.buffers) declare(b);
    if (k_.body == nullptr) return out_.add("verify.statement", "the kernel has no body");
    const bool is_empty = k_.body->op == Op::seq && k_.body->operands.empty();
    if (!k_.host_function.empty() && !(is_empty && k_.buffers.empty() && k_.trace.empty()))
      return out_.add("verify.statement", "a kernel that is a host function has a body");
    if (k_.body->op == Op::seq) {
      if (!check_row(k_.body, stage_, out_)) return;
      for (Expr s : k_.body->operands) top_level(s);
    } else {
      top_level(k_.body);
    }
  }

 private:
  static const std::string& name(Expr nominal) { return nominal->string_attr(Key::name); }

  void declare(Expr b) {
    if (b->op != Op::buffer)
      return out_.add("verify.buffer", "a parameter of a kernel must be a buffer", b);
    if (!buffers_.insert(b, true))
      out_.add("verify.buffer", cat("buffer '", name(b), "' is declared twice"));
    for (Expr n : b->shape()) expression(n, "an extent", &k_.sizes);
  }

  bool in_scope(Expr var) const {
    return std::find(scope_.begin(), scope_.end(), var) != scope_.end();
  }

  void bind(Expr var, Expr where) {
    if (var->op != Op::var)
      return out_.add("verify.scope", "a statement binds something that is no variable", where);
    if (in_scope(var))
      out_.add("verify.scope", cat("variable '", name(var), "' is bound twice"), where);
    scope_.push_back(var);
  }

  // ---- expressions

  void expression(Expr root, std::string_view role, const std::vector<Expr>* only = nullptr) {
    const Expr roots[] = {root};
    for (Expr e : post_order(roots)) {
      if (out_.full()) return;
      if (!check_row(e, stage_, out_)) continue;
      if (e->op == Op::buffer) {
        if (!buffers_.contains(e))
          out_.add("verify.buffer", cat("buffer '", name(e), "' is not declared"), root);
        continue;
      }
      if (e->op == Op::var) {
        const bool known =
            only == nullptr ? in_scope(e) : std::find(only->begin(), only->end(), e) != only->end();
        if (!known)
          out_.add("verify.scope", cat("variable '", name(e), "' is not in scope of ", role), root);
        continue;
      }
      if (!e->type->is_scalar()) out_.add("verify.type", cat(role, " is not a scalar"), e);
      if (is_load(e->op)) {
        access(e, e->dtype());
      } else if (e->op != Op::imm) {
        operation(e);
      }
    }
  }

  void operation(Expr e) {
    for (Expr x : e->operands)
      if (x->op == Op::buffer || !x->type->is_scalar())
        return out_.add("verify.type", "a buffer stands where a scalar is needed", e);
    if (is_elementwise(e->op)) check_scalar(e, out_);
    if (info(e->op).op_class == OpClass::lanes) check_lanes(e, out_);
  }

  void typed(Expr e, DType wanted, std::string_view role) {
    expression(e, role);
    if (!e->type->is_scalar() || e->type->is_vector() || e->dtype() != wanted)
      out_.add("verify.type", cat(role, " must be ", info(wanted).name, ", not ", print(e->type)),
               e);
  }

  /// A load or store of elements of a type.
  void access(Expr e, DType element) {
    const Expr b = e->operand(0);
    if (b->op != Op::buffer) return out_.add("verify.buffer", "operand 0 is not a buffer", e);
    const AccessView view{e};
    if (view.indices().size() != static_cast<size_t>(b->rank()) && !view.is_offset())
      return out_.add("verify.buffer",
                      cat("buffer '", name(b), "' of rank ", b->rank(), " is indexed by ",
                          view.indices().size(), " indices"),
                      e);
    if (b->dtype() != element)
      out_.add(
          "verify.type",
          cat("buffer '", name(b), "' holds ", info(b->dtype()).name, ", not ", info(element).name),
          e);
    check_access(e, out_);
  }

  // ---- statements

  void top_level(Expr e) {
    at_top_ = true;
    statement(e);
    at_top_ = false;
  }

  void statement(Expr e) {
    if (out_.full()) return;
    const bool top = at_top_;
    at_top_ = false;
    if (e->type->kind != TypeKind::void_)
      return out_.add("verify.statement", "an expression stands where a statement is needed", e);
    if (!check_row(e, stage_, out_)) return;
    const size_t mark = scope_.size();
    switch (e->op) {
      case Op::seq:
        for (Expr s : e->operands) statement(s);
        break;
      case Op::for_:
        loop(e, top);
        break;
      case Op::cond:
        typed(e->operand(0), DType::boolean, "a condition");
        for (Expr s : e->operands.subspan(1)) statement(s);
        break;
      case Op::while_:
        typed(e->operand(0), DType::boolean, "a condition");
        statement(e->operand(1));
        break;
      case Op::let:
        expression(e->operand(1), "a let");
        if (e->operand(0)->type != e->operand(1)->type)
          out_.add("verify.type",
                   cat("variable '", name(e->operand(0)), "' takes a value of another type"),
                   e->operand(1));
        bind(e->operand(0), e);
        statement(e->operand(2));
        break;
      case Op::store:
      case Op::masked_store:
      case Op::update:
        write(e);
        break;
      case Op::block:
        block(e);
        break;
      case Op::instr:
        instruction(e);
        break;
      case Op::fail_:
        typed(e->operand(0), DType::i64, "an error code");
        break;
      default:
        out_.add("verify.statement", cat(info(e->op).name, " is no statement"), e);
    }
    scope_.resize(mark);
  }

  void loop(Expr e, bool top) {
    const ForView view{e};
    const std::string& kind = view.kind();
    if (!is_one_of(kind, kLoopKinds))
      out_.add("verify.attribute", cat("unknown kind of loop '", kind, "'"));
    typed(view.extent(), DType::i64, "an extent");
    bind(view.var(), e);
    if (kind == "parallel") {
      if (in_parallel_)
        out_.add("verify.parallel", "a parallel loop stands inside another", view.extent());
      if (stage_ == 'T' && !top)
        out_.add("verify.parallel",
                 "at the target stage a parallel loop must be a top-level statement",
                 view.extent());
    }
    const bool outer = in_parallel_;
    in_parallel_ = outer || kind == "parallel";
    statement(view.body());
    in_parallel_ = outer;
  }

  /// What an instruction does with its operands is its row's business (machine/instruction.h).
  void instruction(Expr e) {
    const InstrView view{e};
    for (const InstrAxis& axis : view.axes()) typed(axis.extent, DType::i64, "an extent");
    for (const InstrAxis& axis : view.axes()) bind(axis.var, e);
    if (view.operands().empty()) out_.add("verify.statement", "an instruction without operands", e);
    for (Expr x : view.operands()) {
      if (x->op == Op::load) {
        expression(x, "an operand of an instruction");
      } else {
        out_.add("verify.statement", "an operand of an instruction must be an element of a buffer",
                 x);
      }
    }
  }

  void write(Expr e) {
    const bool is_update = e->op == Op::update;
    const Expr b = e->operand(0);
    for (Expr x : e->operands) expression(x, "a store");
    access(e, e->operand(1)->dtype());
    if (read_only_.contains(b))
      out_.add("verify.buffer", cat("parameter '", name(b), "' is an input and may not be written"),
               e);
    if (is_update) update(e);
  }

  void update(Expr e) {
    const std::string& combine = e->string_attr(Key::combine);
    if (!is_one_of(combine, kCombiners))
      out_.add("verify.attribute", cat("unknown combiner '", combine, "'"), e);
    if (e->operand(1)->type != e->operand(2)->type)
      out_.add("verify.type", "init and value of an update differ in type", e);
    if (combine == "fma" && e->operand(2)->op != Op::mul)
      out_.add("verify.type", "an fma update takes a product", e);
  }

  /// The body of a block speaks of its iterators and the kernel's sizes only.
  void block(Expr e) {
    const std::string& kinds = e->string_attr(Key::kinds);
    if (e->operands.size() != 2 + 2 * kinds.size() ||
        kinds.find_first_not_of("sr") != std::string::npos)
      return out_.add("verify.block",
                      cat("block '", name(e),
                          "' needs one kind, s or r, for each pair of iterator and binding"));
    const BlockView view{e};
    const std::vector<BlockIter> iters = view.iters();
    for (const BlockIter& it : iters) typed(it.binding, DType::i64, "a binding");
    for (const BlockIter& it : iters) bind(it.var, e);
    typed(view.predicate(), DType::boolean, "a predicate");
    std::vector<Expr> inner = k_.sizes;
    for (const BlockIter& it : iters) inner.push_back(it.var);
    std::swap(scope_, inner);
    statement(view.body());
    std::swap(scope_, inner);
  }

  const Kernel& k_;
  char stage_;
  Findings& out_;
  std::vector<Expr> scope_;
  NodeMap<bool> buffers_, read_only_;
  bool in_parallel_ = false, at_top_ = false;
};

}  // namespace

char stage_of(const Kernel& kernel) {
  const Expr roots[] = {kernel.body};
  for (Expr e : post_order(roots))
    if (info(e->op).stages.find('L') == std::string_view::npos) return 'T';
  return 'L';
}

Status verify(const Kernel& kernel, char stage) {
  Findings out;
  KernelVerifier(kernel, stage, out).run();
  return out.status(cat("@", kernel.name));
}

}  // namespace tenon::ir
