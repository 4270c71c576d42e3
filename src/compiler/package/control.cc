// Branches and loops as steps. A branch inlines both bodies and binds its results to the values of
// the one that ran. A loop inlines its body once: carried values ping-pong between two dynamic
// buffers each, stacked results are appended to buffers that grow where the extent is not known
// before.
#include "compiler/package/packager.h"
#include "ir/expr.h"
#include "support/check.h"
#include "support/text.h"

namespace tenon::compiler::packaging {

using artifact::SizeOpCode;
using artifact::StepKind;
using ir::Expr;
using ir::Key;
using ir::Op;
using ir::Type;

namespace {

/// An extent of a result that nothing gives but the results themselves.
struct OpenExtent {
  size_t result, axis;
  Expr var;
  Reg merged;
};

std::vector<OpenExtent> open_extents(const SizeProgram& sizes, std::span<const Type> types) {
  std::vector<OpenExtent> all;
  for (size_t i = 0; i < types.size(); ++i) {
    for (size_t d = 0; d < types[i]->shape.size(); ++d) {
      const Expr e = types[i]->shape[d];
      const bool known =
          std::any_of(all.begin(), all.end(), [&](const OpenExtent& o) { return o.var == e; });
      if (e->op == Op::var && !known && !sizes.is_bound(e)) all.push_back({i, d, e, 0});
    }
  }
  return all;
}

void merge_storages(Value& into, const Value& from) {
  for (const uint32_t s : from.storages)
    if (std::find(into.storages.begin(), into.storages.end(), s) == into.storages.end())
      into.storages.push_back(s);
}

}  // namespace

/// The register of a branch's condition: of extents, or read from a tensor in a new stage.
Result<Reg> Packager::condition_of(Expr condition, Activation& a) {
  if (condition->op == Op::from_scalars) return sizes_.compile(condition->operand(0));
  TENON_TRY(const Value value, value_of(condition, a));
  storages_.use(value);
  const Reg zero = sizes_.constant(0);
  sizes_.open_stage();
  return sizes_.element(value.slot, zero, ir::DType::boolean);
}

Status Packager::if_node(Expr n, Activation& a) {
  TENON_TRY(const Values arguments, operands_of(n->operands.subspan(1), a));
  const std::vector<Type>& types = n->type->fields;
  std::vector<OpenExtent> open = open_extents(sizes_, types);
  TENON_TRY(const Reg chosen, condition_of(n->operand(0), a));
  for (OpenExtent& o : open) o.merged = sizes_.variable(sizes_.newest());

  Values results;
  for (const Type t : types) results.push_back({storages_.bound_slot(), t, {}});
  const auto branch = [&](Key which) -> Status {
    TENON_TRY(const Values values, function(*n->function_attr(which), arguments));
    std::vector<Reg> extents;
    for (const OpenExtent& o : open) {
      TENON_TRY(const Reg r,
                sizes_.compile(n->function_attr(which)->results[o.result]->shape()[o.axis]));
      extents.push_back(r);
    }
    if (!open.empty()) sizes_.open_stage();
    for (size_t i = 0; i < open.size(); ++i)
      sizes_.assign(open[i].merged, SizeOpCode::move, extents[i]);
    for (size_t i = 0; i < values.size(); ++i) {
      storages_.use(values[i]);
      step({StepKind::bind, results[i].slot, values[i].slot, 0, 0, 0});
      merge_storages(results[i], values[i]);
    }
    return {};
  };
  const auto scoped = [&](Key which) {
    sizes_.push_scope();
    const Status s = branch(which);
    sizes_.pop_scope();
    return s;
  };
  const size_t skip = step({StepKind::unless, chosen, 0, 0, 0, 0});
  TENON_TRY_VOID(scoped(Key::then));
  const size_t leave = step({StepKind::jump, 0, 0, 0, 0, 0});
  model_.steps[skip].b = storages_.now();
  TENON_TRY_VOID(scoped(Key::else_));
  model_.steps[leave].a = storages_.now();
  // What the branches computed of the extents is known from here on.
  if (!open.empty()) {
    const uint32_t join = sizes_.open_stage();
    for (const OpenExtent& o : open) {
      const Reg r = sizes_.variable(join);
      sizes_.assign(r, SizeOpCode::move, o.merged);
      sizes_.bind(o.var, r);
    }
  }
  a.values[n] = std::move(results);
  return {};
}

/// Writes one loop.
class LoopWriter {
 public:
  LoopWriter(Packager& p, Expr n)
      : p_(p),
        sizes_(p.sizes_),
        storages_(p.storages_),
        n_(n),
        body_(*n->function_attr(Key::body)),
        carried_(static_cast<size_t>(n->int_attr(Key::carried))),
        stacked_(static_cast<size_t>(n->int_attr(Key::stacked))) {}

  Result<Values> run(const Values& operands) {
    const std::vector<Type>& types = n_->type->fields;
    open_ = open_extents(sizes_, types);
    storages_.use(operands[0]);
    storages_.use(operands[1]);
    TENON_TRY_VOID(enter(operands));
    storages_.enter_loop();
    sizes_.push_scope();
    const Status written = iterate(operands);
    sizes_.pop_scope();
    if (!written) return tl::make_unexpected(written.error());
    p_.model_.steps[leave_].b = storages_.now();
    storages_.leave_loop();
    TENON_TRY_VOID(bind_open_extents());
    Values results;
    for (size_t k = 0; k < carried_; ++k)
      results.push_back({state_[k].slot, types[k], state_[k].storages});
    for (size_t s = 0; s < stacked_; ++s)
      results.push_back({storages_.dynamic_slot(stacks_[s]), types[carried_ + s], {}});
    return results;
  }

 private:
  /// A carried value: where it is now, and the two buffers between which it moves.
  struct Moving {
    uint32_t current, next;
    bool straight = false;  // the body's kernel writes to `next` itself
    bool constant = false;  // the body hands on what it got
  };

  /// An extent of a carried value that changes from one iteration to the next.
  struct Carried {
    size_t value, axis;
    Reg reg;
  };

  Expr result(size_t i) const { return body_.results[i]; }

  Status enter(const Values& operands) {
    const Reg zero = sizes_.constant(0);
    // Extents with which carried values start, before the stage that copies them.
    std::vector<Reg> initial;
    for (size_t k = 0; k < carried_; ++k) {
      const Expr param = body_.params[1 + k];
      for (size_t d = 0; d < param->shape().size(); ++d) {
        if (param->shape()[d]->op != Op::var || sizes_.is_bound(param->shape()[d])) continue;
        TENON_TRY(const Reg r, sizes_.compile(operands[2 + k].type->shape[d]));
        initial.push_back(r);
        extents_.push_back({k, d, 0});
      }
    }
    const uint32_t entry = sizes_.open_stage();
    trip_ = sizes_.element(operands[0].slot, zero, ir::DType::i64);
    const Reg start = sizes_.element(operands[1].slot, zero, ir::DType::boolean);
    go_on_ = sizes_.variable(entry);
    counter_ = sizes_.variable(entry);
    sizes_.assign(go_on_, SizeOpCode::move, start);
    sizes_.assign(counter_, SizeOpCode::move, zero);
    for (size_t i = 0; i < extents_.size(); ++i) {
      extents_[i].reg = sizes_.variable(entry);
      sizes_.assign(extents_[i].reg, SizeOpCode::move, initial[i]);
    }
    for (OpenExtent& o : open_) {
      o.merged = sizes_.variable(entry);
      sizes_.assign(o.merged, SizeOpCode::move, zero);
    }
    for (size_t k = 0; k < carried_; ++k) {
      storages_.use(operands[2 + k]);
      state_.push_back(
          {storages_.bound_slot(), body_.params[1 + k]->type, operands[2 + k].storages});
      p_.step({StepKind::bind, state_[k].slot, operands[2 + k].slot, 0, 0, 0});
      moving_.push_back({storages_.add_dynamic(), storages_.add_dynamic()});
    }
    for (size_t s = 0; s < stacked_; ++s) {
      stacks_.push_back(storages_.add_dynamic());
      p_.step({StepKind::reserve, stacks_[s], bytes_known_before(carried_ + s).value_or(zero)});
    }
    return {};
  }

  /// The bytes of a stacked result whose extents do not wait for the loop.
  std::optional<Reg> bytes_known_before(size_t result) {
    const Type type = n_->type->fields[result];
    for (const Expr e : type->shape)
      if (e->op == Op::var && !sizes_.is_bound(e)) return std::nullopt;
    const Result<graph::SizeTerm> bytes = sizes_.bytes_of(type);
    if (!bytes) return std::nullopt;
    return sizes_.bytes(*bytes);
  }

  /// Registers that iterations change count as known from the head's stage on: what is computed of
  /// them is computed in every iteration.
  void open_head() {
    const uint32_t head = sizes_.open_stage();
    const auto seen_here = [&](Reg source) {
      const Reg r = sizes_.variable(head);
      sizes_.assign(r, SizeOpCode::move, source);
      return r;
    };
    index_ = seen_here(counter_);
    for (Carried& c : extents_) {
      const Expr var = body_.params[1 + c.value]->shape()[c.axis];
      if (!sizes_.is_bound(var)) sizes_.bind(var, seen_here(c.reg));
    }
    const Reg in_range = sizes_.variable(head);
    sizes_.assign(in_range, SizeOpCode::lt, counter_, trip_);
    more_ = sizes_.variable(head);
    sizes_.assign(more_, SizeOpCode::and_, in_range, go_on_);
  }

  /// Results that a kernel of the body may write to their dynamic buffer without a copy.
  Packager::Redirects find_straight() {
    Packager::Redirects redirects;
    for (size_t k = 0; k < carried_; ++k) {
      const Expr r = result(1 + k);
      moving_[k].constant = r == body_.params[1 + k];
      const bool field = r->op == Op::get;
      const Expr producer = field ? r->operand(0) : r;
      if (producer->op != Op::call_kernel) continue;
      const size_t index = field ? static_cast<size_t>(r->int_attr(Key::index)) : 0;
      moving_[k].straight =
          redirects.emplace(std::pair(producer->id, index), moving_[k].next).second;
    }
    return redirects;
  }

  Status iterate(const Values& operands) {
    const uint32_t head = storages_.now();
    open_head();
    leave_ = p_.step({StepKind::unless, more_, 0, 0, 0, 0});
    TENON_TRY(Value counter, storages_.add(body_.params[0]->type));
    p_.model_.register_list.push_back(index_);
    p_.step({StepKind::write, counter.slot,
             static_cast<uint32_t>(p_.model_.register_list.size() - 1), 1,
             static_cast<uint32_t>(body_.params[0]->dtype()), 0});
    Values arguments{std::move(counter)};
    arguments.insert(arguments.end(), state_.begin(), state_.end());
    arguments.insert(arguments.end(), operands.begin() + 2 + static_cast<ptrdiff_t>(carried_),
                     operands.end());
    TENON_TRY(const Values results, p_.function(body_, arguments, find_straight()));
    TENON_TRY_VOID(move_on(results));
    p_.step({StepKind::jump, head, 0, 0, 0, 0});
    return {};
  }

  Result<Reg> bytes_of(Expr e) {
    TENON_TRY(const graph::SizeTerm bytes, sizes_.bytes_of(e->type));
    return sizes_.bytes(bytes);
  }

  /// The end of an iteration: results become the next iteration's arguments.
  Status move_on(const Values& results) {
    for (const Value& v : results) storages_.use(v);
    for (size_t k = 0; k < carried_; ++k) {
      if (moving_[k].straight || moving_[k].constant) continue;
      TENON_TRY(const Reg bytes, bytes_of(result(1 + k)));
      p_.step({StepKind::reserve, moving_[k].next, bytes, 0, 0, 0});
      p_.step({StepKind::copy, storages_.dynamic_slot(moving_[k].next), results[1 + k].slot, bytes,
               0, 0});
    }
    for (size_t s = 0; s < stacked_; ++s) {
      TENON_TRY(const Reg bytes, bytes_of(result(1 + carried_ + s)));
      p_.step({StepKind::append, stacks_[s], results[1 + carried_ + s].slot, bytes, index_, 0});
    }
    TENON_TRY_VOID(advance_registers(results[0]));
    for (size_t k = 0; k < carried_; ++k) {
      if (moving_[k].constant) continue;
      p_.step({StepKind::swap, moving_[k].current, moving_[k].next, 0, 0, 0});
      p_.step(
          {StepKind::bind, state_[k].slot, storages_.dynamic_slot(moving_[k].current), 0, 0, 0});
    }
    return {};
  }

  Status advance_registers(const Value& condition) {
    std::vector<std::pair<Reg, Reg>> moves;
    for (const Carried& c : extents_) {
      TENON_TRY(const Reg r, sizes_.compile(result(1 + c.value)->shape()[c.axis]));
      moves.emplace_back(c.reg, r);
    }
    const size_t stacked = moves.size();
    for (const OpenExtent& o : open_) {
      if (o.result < carried_ || o.axis == 0) continue;
      TENON_TRY(const Reg r, sizes_.compile(result(1 + o.result)->shape()[o.axis - 1]));
      moves.emplace_back(o.merged, r);
    }
    const Reg one = sizes_.constant(1);
    const Reg zero = sizes_.constant(0);
    const uint32_t end = sizes_.open_stage();
    for (const auto& [merged, now] : std::span(moves).subspan(stacked)) {
      const Reg same = sizes_.variable(end);
      sizes_.assign(same, SizeOpCode::eq, merged, now);
      const Reg first = sizes_.variable(end);
      sizes_.assign(first, SizeOpCode::eq, counter_, zero);
      sizes_.assign(same, SizeOpCode::or_, same, first);
      sizes_.check(same, "a loop's stacked value changes its shape from one iteration to the next",
                   /*here=*/true);
    }
    sizes_.assign(go_on_, SizeOpCode::move,
                  sizes_.element(condition.slot, zero, ir::DType::boolean));
    for (const auto& [to, from] : moves) sizes_.assign(to, SizeOpCode::move, from);
    sizes_.assign(counter_, SizeOpCode::add, counter_, one);
    return {};
  }

  /// Extents of results that only the loop tells, for those who read the results.
  Status bind_open_extents() {
    if (open_.empty()) return {};
    std::vector<Reg> sources;
    for (const OpenExtent& o : open_) {
      TENON_TRY(const Reg r, source_of(o));
      sources.push_back(r);
    }
    const uint32_t exit = sizes_.open_stage();
    for (size_t i = 0; i < open_.size(); ++i) {
      const Reg r = sizes_.variable(exit);
      sizes_.assign(r, SizeOpCode::move, sources[i]);
      sizes_.bind(open_[i].var, r);
    }
    return {};
  }

  Result<Reg> source_of(const OpenExtent& o) {
    if (o.result >= carried_) return o.axis == 0 ? counter_ : o.merged;
    for (const Carried& c : extents_)
      if (c.value == o.result && c.axis == o.axis) return c.reg;
    return sizes_.compile(body_.params[1 + o.result]->shape()[o.axis]);
  }

  Packager& p_;
  SizeProgram& sizes_;
  Storages& storages_;
  Expr n_;
  const ir::Function& body_;
  size_t carried_, stacked_;
  std::vector<OpenExtent> open_;
  std::vector<Carried> extents_;
  Values state_;
  std::vector<Moving> moving_;
  std::vector<uint32_t> stacks_;
  Reg trip_ = 0, go_on_ = 0, counter_ = 0, index_ = 0, more_ = 0;
  size_t leave_ = 0;
};

Status Packager::loop_node(Expr n, Activation& a) {
  TENON_TRY(const Values operands, operands_of(n->operands, a));
  TENON_TRY(a.values[n], LoopWriter(*this, n).run(operands));
  return {};
}

}  // namespace tenon::compiler::packaging
