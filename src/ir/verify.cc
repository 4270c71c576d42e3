#include "ir/verify.h"

#include <algorithm>
#include <unordered_set>

#include "ir/default_value.h"
#include "ir/expr.h"
#include "ir/keys.h"
#include "ir/node_map.h"
#include "ir/packed.h"
#include "ir/param_role.h"
#include "ir/rewrite.h"
#include "ir/text.h"
#include "ir/verify_impl.h"
#include "support/text.h"

namespace tenon::ir {
namespace {

/// Attributes without which a node has no meaning at any stage.
bool is_required(Op op, Key key) {
  switch (key) {
    case Key::value:
    case Key::data:
    case Key::uid:
    case Key::kinds:
    case Key::body:
    case Key::then:
    case Key::else_:
    case Key::combine:
    case Key::kernel:
      return true;
    case Key::kind:
      return op != Op::param;
    case Key::pattern:
      return true;
    case Key::name:
      return op != Op::call_kernel;
    default:
      return false;
  }
}

}  // namespace

void Findings::add(std::string_view code, std::string_view what, Expr e) {
  if (full()) return;
  std::string message(what);
  if (e != nullptr) {
    std::string text = print(e);
    if (text.size() > 300) text = text.substr(0, 300) + " ...";
    message += " in: " + text;
  }
  error_.diagnostics.push_back({std::string(code), std::move(message)});
}

Status Findings::status(std::string_view where) {
  if (error_.diagnostics.empty()) return {};
  for (Diagnostic& d : error_.diagnostics) d.message = cat(where, ": ", d.message);
  return tl::make_unexpected(std::move(error_));
}

bool check_row(Expr e, char stage, Findings& out) {
  const size_t before = out.count();
  const OpInfo& row = info(e->op);
  if (row.stages.find(stage) == std::string_view::npos)
    out.add("verify.stage", cat("operator ", row.name, " is not legal at stage ", stage), e);
  const int count = static_cast<int>(e->operands.size());
  if (count < row.min_operands || (row.max_operands >= 0 && count > row.max_operands))
    out.add("verify.arity",
            cat(row.name, " takes ", row.min_operands,
                row.max_operands < 0                  ? " or more"
                : row.max_operands > row.min_operands ? cat(" to ", row.max_operands)
                                                      : "",
                " operands, not ", count),
            is_elementwise(e->op) ? e : nullptr);
  for (const Attr& a : e->attrs) {
    if (e->op == Op::param && a.key == Key::data) continue;  // default_value.h
    if (std::find(row.keys.begin(), row.keys.end(), a.key) == row.keys.end()) {
      out.add("verify.attribute", cat(row.name, " has no attribute ", key_name(a.key)), e);
    } else if (const int wanted = alternative_of(a.key);
               wanted >= 0 && static_cast<int>(a.value.index()) != wanted) {
      out.add("verify.attribute",
              cat("attribute ", key_name(a.key), " of ", row.name, " holds another kind of value"));
    }
  }
  for (Key key : row.keys)
    if (is_required(e->op, key) && e->find(key) == nullptr)
      out.add("verify.attribute", cat(row.name, " lacks attribute ", key_name(key)));
  return out.count() == before && !out.full();
}

void check_scalar(Expr e, Findings& out) {
  if (!e->operands.empty() && e->type->lanes != e->operands.back()->type->lanes)
    return out.add("verify.lanes",
                   cat(info(e->op).name, " has ", e->type->lanes, " lanes, its operand ",
                       e->operands.back()->type->lanes),
                   e);
  if (e->op == Op::cast) return;
  const size_t first = e->op == Op::select ? 1 : 0;
  if (e->operands.size() <= first) return;
  const Type type = e->operand(first)->type;
  for (Expr x : e->operands.subspan(first))
    if (x->type->dtype != type->dtype || x->rank() != type->rank() || x->type->lanes != type->lanes)
      return out.add("verify.type",
                     cat("operands of ", info(e->op).name, " differ in type: ", print(type),
                         " and ", print(x->type)),
                     e);
  if (e->op == Op::select && e->operand(0)->dtype() != DType::boolean)
    return out.add("verify.type", "the condition of select is not bool", e);
  if (e->op == Op::select && e->operand(0)->type->is_vector() &&
      e->operand(0)->type->lanes != type->lanes)
    return out.add("verify.lanes", "the condition of select has other lanes than its arms", e);
  const DType result = is_predicate(e->op) ? DType::boolean : type->dtype;
  if (e->dtype() != result)
    out.add("verify.type",
            cat("result of ", info(e->op).name, " must be ", info(result).name, ", not ",
                print(e->type)),
            e);
}

namespace {

class GraphVerifier {
 public:
  GraphVerifier(const Function& f, Findings& out) : f_(f), out_(out) {}

  void run(std::unordered_set<const Function*>& seen) {
    std::vector<Expr> roots(f_.params.begin(), f_.params.end());
    roots.insert(roots.end(), f_.results.begin(), f_.results.end());
    for (const Binding& b : f_.bindings) {
      roots.push_back(b.tensor);
      if (b.var->op != Op::var) out_.add("verify.binding", "a binding needs a symbolic variable");
      if (!b.tensor->type->is_tensor() || !is_integer(b.tensor->dtype()))
        out_.add("verify.binding", "a variable is bound by an element of an integer tensor",
                 b.tensor);
    }
    for (const Guard& g : f_.guards) {
      roots.push_back(g.condition);
      if (g.condition->type->rank() != 0 || g.condition->dtype() != DType::boolean)
        out_.add("verify.guard", "the condition of a guard is not a bool scalar", g.condition);
    }
    for (Expr p : f_.params) {
      if (p->op != Op::param)
        out_.add("verify.param", "a parameter of a function must be a param node", p);
      if (!params_.insert(p, true)) out_.add("verify.param", "a parameter stands twice", p);
    }
    if (!f_.result_names.empty() && f_.result_names.size() != f_.results.size())
      out_.add("verify.result",
               cat(f_.result_names.size(), " result names for ", f_.results.size(), " results"));
    roles(seen.empty());
    for (Expr e : post_order(roots, true)) {
      if (out_.full()) return;
      node(e);
      for (const Attr& a : e->attrs)
        if (const auto* body = std::get_if<const Function*>(&a.value);
            body != nullptr && seen.insert(*body).second)
          GraphVerifier(**body, out_).run(seen);
    }
  }

 private:
  /// Roles as param_role.h defines them.
  void roles(bool is_model) {
    std::unordered_set<std::string_view> taken;
    bool behind_state = false;
    for (Expr p : f_.params) {
      if (p->op != Op::param) continue;
      const ParamRole role = role_of(p);
      const std::string& name = p->string_attr(Key::name);
      const auto refuse = [&](std::string_view why) {
        out_.add("verify.param", cat("parameter '", name, "' ", why));
      };
      if (role == ParamRole::out) refuse("is an out: results are a function's outs");
      if (role != ParamRole::in && !is_model) refuse("of a body has a role");
      if (role != ParamRole::state && behind_state) refuse("stands behind a state");
      if (role == ParamRole::inout && default_of(p) != nullptr) refuse("is inout with a default");
      if (role == ParamRole::state && growth_of(p).reserved != 0 && p->rank() == 0)
        refuse("is a scalar that reserves rows");
      if ((role == ParamRole::inout || role == ParamRole::state) && !taken.insert(name).second)
        refuse("has the name of another");
      behind_state = role == ParamRole::state;
    }
    std::unordered_set<size_t> updated;
    for (size_t r = 0; r < f_.results.size(); ++r) {
      const auto param = updated_param(f_, r);
      if (!param) continue;
      const Type want = f_.params[*param]->type;
      const Type have = f_.results[r]->type;
      if (!updated.insert(*param).second)
        out_.add("verify.result", cat("result '", f_.result_names[r], "' stands twice"));
      if (have->kind != want->kind || have->dtype != want->dtype || have->rank() != want->rank())
        out_.add("verify.result",
                 cat("result '", f_.result_names[r], "' is not of the type of its parameter"));
    }
  }

  void node(Expr e) {
    if (!check_row(e, 'G', out_)) return;
    if (e->op == Op::param && !params_.contains(e))
      out_.add("verify.scope",
               cat("param '", e->string_attr(Key::name), "' is not a parameter of @", f_.name));
    if (e->type->kind == TypeKind::void_) out_.add("verify.type", "a graph node has no value", e);
    extents(e->type, e);
    if (is_elementwise(e->op)) check_scalar(e, out_);
    for (const Attr& a : e->attrs)
      if (const auto* exprs = std::get_if<std::vector<Expr>>(&a.value))
        for (Expr x : *exprs)
          if (!x->type->is_scalar() || x->dtype() != DType::i64)
            out_.add("verify.type", cat("attribute ", key_name(a.key), " takes i64 scalars"), e);
    switch (e->op) {
      case Op::get:
        return get(e);
      case Op::call:
        return arguments(e, Key::body, 0, e->operands.size());
      case Op::if_:
        arguments(e, Key::then, 1, e->operands.size() - 1);
        return arguments(e, Key::else_, 1, e->operands.size() - 1);
      case Op::constant:
        return constant(e);
      default:
        break;
    }
  }

  void extents(Type t, Expr e) {
    for (Type field : t->fields) extents(field, e);
    for (Expr n : t->shape) {
      if (n->type->is_scalar() && n->dtype() == DType::i64) continue;
      return out_.add("verify.type", "an extent is not an i64 scalar", e);
    }
  }

  void get(Expr e) {
    const Type tuple = e->operand(0)->type;
    const int64_t i = e->int_attr_or(Key::index, -1);
    if (tuple->kind != TypeKind::tuple || i < 0 || i >= static_cast<int64_t>(tuple->fields.size()))
      return out_.add("verify.type", "get takes a tuple and an index into it", e);
    if (tuple->fields[static_cast<size_t>(i)] != e->type)
      out_.add("verify.type",
               cat("field ", i, " is ", print(tuple->fields[static_cast<size_t>(i)])), e);
  }

  void arguments(Expr e, Key key, size_t first, size_t count) {
    const AttrValue* value = e->find(key);
    if (value == nullptr || !std::holds_alternative<const Function*>(*value)) return;
    const Function& body = **std::get_if<const Function*>(value);
    if (body.params.size() != count)
      return out_.add(
          "verify.arity",
          cat("@", body.name, " has ", body.params.size(), " parameters, called with ", count), e);
    for (size_t i = 0; i < count; ++i) {
      const Type given = e->operand(first + i)->type;
      const Type wanted = body.params[i]->type;
      if (given->kind != wanted->kind || given->dtype != wanted->dtype ||
          given->rank() != wanted->rank())
        out_.add("verify.type",
                 cat("parameter ", i, " of @", body.name, " is ", print(wanted), ", given ",
                     print(given)),
                 e);
    }
  }

  void constant(Expr e) {
    uint64_t count = 1;
    for (Expr n : e->shape()) {
      const auto extent = as_int(n);
      if (!extent || *extent < 0)
        return out_.add("verify.type", "a constant has literal extents", e);
      count *= static_cast<uint64_t>(*extent);
    }
    const AttrValue* data = e->find(Key::data);
    const uint64_t size = byte_size(e->dtype(), count);
    if (data != nullptr && std::holds_alternative<ConstantRef>(*data) &&
        e->constant_attr()->size != size)
      out_.add("verify.type",
               cat("a constant of this type has ", size, " bytes, not ", e->constant_attr()->size),
               e);
  }

  const Function& f_;
  Findings& out_;
  NodeMap<bool> params_;
};

}  // namespace

Status verify(const Function& f) {
  Findings out;
  std::unordered_set<const Function*> seen;
  GraphVerifier(f, out).run(seen);
  return out.status(cat("@", f.name));
}

}  // namespace tenon::ir
