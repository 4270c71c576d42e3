// Walkers and rebuilders. One class, Rebuilder, serves substitution, rule application and copying
// between contexts; they differ in what a leaf becomes and in whether an unchanged node may stay.
#include "ir/rewrite.h"

#include <memory>
#include <utility>

#include "ir/expr.h"
#include "ir/node_map.h"
#include "ir/param_role.h"
#include "support/check.h"

namespace tenon::ir {
namespace {

template <class F>
void for_each_extent(Type type, const F& f) {
  for (Expr e : type->shape) f(e);
  for (Type field : type->fields) for_each_extent(field, f);
}

/// Children in the order in which they are visited: extents, expressions in attributes, operands.
void append_children(Expr e, bool with_exprs, std::vector<Expr>& out) {
  if (with_exprs) {
    for_each_extent(e->type, [&](Expr n) { out.push_back(n); });
    for (const Attr& a : e->attrs)
      if (const auto* exprs = std::get_if<std::vector<Expr>>(&a.value))
        out.insert(out.end(), exprs->begin(), exprs->end());
  }
  out.insert(out.end(), e->operands.begin(), e->operands.end());
}

/// Calls `visit` on every node reached from roots, children first; `stop(e)` true leaves e's
/// children alone (e itself is not visited).
template <class Stop, class Visit>
void walk(std::span<const Expr> roots, bool with_exprs, const Stop& stop, const Visit& visit) {
  NodeMap<bool> seen;
  // Entries: a node to open, or nullptr above the node to close.
  std::vector<Expr> stack;
  std::vector<Expr> children;
  for (size_t r = roots.size(); r-- > 0;) stack.push_back(roots[r]);
  while (!stack.empty()) {
    const Expr e = stack.back();
    stack.pop_back();
    if (e == nullptr) {
      visit(stack.back());
      stack.pop_back();
      continue;
    }
    if (!seen.insert(e, true) || stop(e)) continue;
    stack.push_back(e);
    stack.push_back(nullptr);
    children.clear();
    append_children(e, with_exprs, children);
    for (size_t i = children.size(); i-- > 0;)
      if (!seen.contains(children[i])) stack.push_back(children[i]);
  }
}

bool is_nominal(Op op) { return op == Op::var || op == Op::param || op == Op::buffer; }

std::vector<Expr> roots_of(const Function& f) {
  std::vector<Expr> roots(f.params.begin(), f.params.end());
  for (const Binding& b : f.bindings) {
    roots.push_back(b.var);
    roots.push_back(b.tensor);
  }
  roots.insert(roots.end(), f.results.begin(), f.results.end());
  for (const Guard& g : f.guards) roots.push_back(g.condition);
  return roots;
}

class Rebuilder {
 public:
  enum class Mode : uint8_t { in_place, copy };
  using Rule = std::function<Expr(Expr)>;

  Rebuilder(Context& c, Mode mode, const Map& seeds, const Rule* rule = nullptr)
      : c_(c), mode_(mode), seeds_(seeds), rule_(rule) {}

  Expr run(Expr root) {
    const Expr roots[] = {root};
    run(roots);
    return image(root);
  }
  void run(std::span<const Expr> roots) {
    walk(
        roots, true, [&](Expr e) { return seeds_.contains(e) || images_.contains(e); },
        [&](Expr e) { images_.insert(e, rebuild(e)); });
  }
  Type run(Type type) {
    std::vector<Expr> roots;
    for_each_extent(type, [&](Expr e) { roots.push_back(e); });
    run(roots);
    return image(type);
  }

  [[nodiscard]] Expr image(Expr e) const {
    if (const auto seed = seeds_.find(e); seed != seeds_.end()) return seed->second;
    const Expr* found = images_.find(e);
    TENON_CHECK(found != nullptr, "node was not visited");
    return *found;
  }

  /// Nominal nodes made so far, each with what it was made for.
  [[nodiscard]] const std::vector<std::pair<Expr, Expr>>& fresh() const { return fresh_; }

  std::unique_ptr<Function> function(const Function& f) {
    run(roots_of(f));
    auto out = std::make_unique<Function>();
    out->name = f.name;
    out->result_names = f.result_names;
    for (Expr e : f.params) out->params.push_back(image(e));
    for (Expr e : f.results) out->results.push_back(image(e));
    for (const Binding& b : f.bindings)
      if (const Expr var = image(b.var); var->op == Op::var)
        out->bindings.push_back({var, image(b.tensor), b.index});
    for (const Guard& g : f.guards) out->guards.push_back({image(g.condition), g.message});
    return out;
  }

 private:
  Type image(Type type) {
    if (const auto found = types_.find(type); found != types_.end()) return found->second;
    Type out = type;
    if (type->kind == TypeKind::tuple) {
      std::vector<Type> fields;
      for (Type field : type->fields) fields.push_back(image(field));
      if (mode_ == Mode::copy || fields != type->fields) out = c_.tuple(fields);
    } else if (type->kind == TypeKind::void_) {
      out = c_.void_type();
    } else if (type->is_vector()) {
      out = c_.scalar(type->dtype, type->lanes);
    } else {
      std::vector<Expr> shape;
      for (Expr e : type->shape) shape.push_back(image(e));
      if (mode_ == Mode::copy || shape != type->shape)
        out = c_.tensor(type->dtype, shape, type->scope);
    }
    types_.emplace(type, out);
    return out;
  }

  const Function* image(const Function* f) {
    if (const auto found = functions_.find(f); found != functions_.end()) return found->second;
    const Function* out = f;
    if (mode_ == Mode::copy) {
      out = c_.add(function(*f));
    } else {
      out = follow_variables(f);
    }
    functions_.emplace(f, out);
    return out;
  }

  /// The body with the symbolic variables replaced that this rebuilder replaces.
  const Function* follow_variables(const Function* f) {
    Map variables;
    for (Expr e : post_order(roots_of(*f), true)) {
      if (e->op != Op::var) continue;
      const Expr to = replaced_variable(e);
      if (to != e) variables.emplace(e, to);
    }
    if (variables.empty()) return f;
    return c_.add(Rebuilder(c_, Mode::in_place, variables).function(*f));
  }
  Expr replaced_variable(Expr var) {
    if (const auto seed = seeds_.find(var); seed != seeds_.end()) return seed->second;
    if (const Expr* found = images_.find(var)) return *found;
    if (rule_ == nullptr) return var;
    const Expr to = (*rule_)(var);
    return to != nullptr ? to : var;
  }

  Expr rebuild(Expr e) {
    const Expr same = rebuild_children(e);
    if (rule_ == nullptr) return same;
    const Expr replaced = (*rule_)(same);
    return replaced != nullptr ? replaced : same;
  }

  Expr rebuild_children(Expr e) {
    const Type type = image(e->type);
    if (mode_ == Mode::copy && is_nominal(e->op)) return fresh(e, type);
    if (mode_ == Mode::copy && e->op == Op::constant) return c_.constant(type, *e->constant_attr());
    std::vector<Expr> operands;
    operands.reserve(e->operands.size());
    for (Expr x : e->operands) operands.push_back(image(x));
    const bool same_operands =
        std::equal(operands.begin(), operands.end(), e->operands.begin(), e->operands.end());
    std::vector<Attr> attrs;
    const bool same_attrs = rebuild_attrs(e, attrs);
    if (mode_ == Mode::in_place && type == e->type && same_operands && same_attrs) return e;
    if (same_attrs) return rebuild_folded(c_, e, type, operands);
    return c_.make(e->op, type, operands, std::move(attrs));
  }

  /// True when no attribute holds anything that changed; `attrs` is filled otherwise.
  bool rebuild_attrs(Expr e, std::vector<Attr>& attrs) {
    bool changed = false;
    for (const Attr& a : e->attrs) {
      if (const auto* exprs = std::get_if<std::vector<Expr>>(&a.value)) {
        for (Expr x : *exprs) changed |= image(x) != x;
      } else if (const auto* f = std::get_if<const Function*>(&a.value)) {
        changed |= image(*f) != *f;
      }
    }
    if (!changed) return true;
    attrs.assign(e->attrs.begin(), e->attrs.end());
    for (Attr& a : attrs) {
      if (auto* exprs = std::get_if<std::vector<Expr>>(&a.value)) {
        for (Expr& x : *exprs) x = image(x);
      } else if (auto* f = std::get_if<const Function*>(&a.value)) {
        *f = image(*f);
      }
    }
    return false;
  }

  Expr fresh(Expr e, Type type) {
    const std::string& name = e->string_attr(Key::name);
    const Expr out = e->op == Op::var     ? c_.var(name, type)
                     : e->op == Op::param ? param_like(c_, e, type)
                                          : c_.buffer(name, type);
    fresh_.emplace_back(e, out);
    return out;
  }

  Context& c_;
  Mode mode_;
  const Map& seeds_;
  const Rule* rule_;
  NodeMap<Expr> images_;
  std::unordered_map<Type, Type> types_;
  std::unordered_map<const Function*, const Function*> functions_;
  std::vector<std::pair<Expr, Expr>> fresh_;
};

}  // namespace

std::vector<Expr> post_order(std::span<const Expr> roots, bool with_exprs) {
  std::vector<Expr> order;
  walk(roots, with_exprs, [](Expr) { return false; }, [&](Expr e) { order.push_back(e); });
  return order;
}

Expr rebuild_folded(Context& c, Expr like, Type type, std::span<const Expr> operands) {
  if (like->op == Op::seq) return seq(c, operands);
  if (like->op == Op::cond)
    return if_then(c, operands[0], operands[1], operands.size() > 2 ? operands[2] : nullptr);
  const bool scalar_operands = type->is_scalar() && like->attrs.empty();
  if (scalar_operands && is_elementwise(like->op)) {
    if (operands.size() == 2 && operands[0]->type == operands[1]->type &&
        (type == c.index() || type == c.boolean()))
      return binary(c, like->op, operands[0], operands[1]);
    if (like->op == Op::not_ && type == c.boolean()) return logical_not(c, operands[0]);
    if (like->op == Op::select && operands[1]->type == operands[2]->type)
      return select(c, operands[0], operands[1], operands[2]);
    if (like->op == Op::cast) return cast(c, type->dtype, operands[0]);
  }
  return c.rebuild(like, type, operands);
}

Expr substitute(Context& c, Expr root, const Map& map) {
  return map.empty() ? root : Rebuilder(c, Rebuilder::Mode::in_place, map).run(root);
}

Type substitute(Context& c, Type type, const Map& map) {
  return map.empty() ? type : Rebuilder(c, Rebuilder::Mode::in_place, map).run(type);
}

Expr rewrite_bottom_up(Context& c, Expr root, const std::function<Expr(Expr)>& rule) {
  const Map none;
  return Rebuilder(c, Rebuilder::Mode::in_place, none, &rule).run(root);
}

void rewrite_function(Context& c, Function& f, const std::function<Expr(Expr)>& rule) {
  const Map none;
  Rebuilder rebuilder(c, Rebuilder::Mode::in_place, none, &rule);
  const std::unique_ptr<Function> out = rebuilder.function(f);
  for (size_t i = 0; i < f.params.size(); ++i)
    if (out->params[i]->op == Op::param) f.params[i] = out->params[i];
  f.results = out->results;
  f.bindings = out->bindings;
  f.guards = out->guards;
}

Expr copy_to(Context& to, Expr root, Map& map) {
  Rebuilder r(to, Rebuilder::Mode::copy, map);
  const Expr out = r.run(root);
  map.insert(r.fresh().begin(), r.fresh().end());
  return out;
}

Type copy_to(Context& to, Type type, Map& map) {
  Rebuilder r(to, Rebuilder::Mode::copy, map);
  const Type out = r.run(type);
  map.insert(r.fresh().begin(), r.fresh().end());
  return out;
}

std::unique_ptr<Function> copy_to(Context& to, const Function& f, Map& map) {
  Rebuilder r(to, Rebuilder::Mode::copy, map);
  std::unique_ptr<Function> out = r.function(f);
  map.insert(r.fresh().begin(), r.fresh().end());
  return out;
}

}  // namespace tenon::ir
