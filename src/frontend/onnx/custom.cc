// Operators that the caller defines, by a text: a function's nodes become the model's, a kernel is
// called.
#include <charconv>
#include <cmath>

#include "frontend/onnx/importer.h"
#include "ir/expr.h"
#include "ir/param_role.h"
#include "ir/rewrite.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "ops/shape.h"
#include "ops/verify.h"
#include "support/text.h"

namespace tenon::onnx_import {
namespace {

using ir::Key;
using ir::Op;
using onnx::AttributeProto;

constexpr std::string_view kCode = "onnx.custom_operator";

std::string written(int64_t value) { return cat(value); }
/// The shortest text that reads back as the value.
std::string written(float value) {
  if (std::isnan(value)) return "nan";
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}
template <class List>
std::string listed(const List& values) {
  std::string text;
  for (const auto& v : values) text += cat(text.empty() ? "" : ", ", written(v));
  return text;
}

/// What stands for `{word}`: an attribute's value, or an operand's element type.
std::string value_of(const Call& call, const std::string& word) {
  if (word.starts_with("type ")) {
    const size_t i = std::strtoul(word.c_str() + 5, nullptr, 10);
    return std::string(ir::info(call.in(i)->dtype()).name);
  }
  for (const AttributeProto& a : call.node.attribute()) {
    if (a.name() != word) continue;
    if (a.type() == AttributeProto::INT) return written(a.i());
    if (a.type() == AttributeProto::FLOAT) return written(a.f());
    if (a.type() == AttributeProto::STRING) return a.s();
    if (a.type() == AttributeProto::INTS) return listed(a.ints());
    if (a.type() == AttributeProto::FLOATS) return listed(a.floats());
    call.fail(cat("attribute '", word, "' is no number, text, or list of numbers"),
              std::string(kCode));
  }
  call.fail(cat("the operator's text asks for attribute '", word, "', which the node lacks"),
            std::string(kCode));
}

/// The text with `{word}` replaced; braces around anything but a word stay.
std::string filled(const Call& call, const std::string& body) {
  static constexpr std::string_view kWord =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  std::string out;
  for (size_t at = 0; at < body.size();) {
    const size_t open = std::min(body.find('{', at), body.size());
    out += body.substr(at, open - at);
    if (open == body.size()) break;
    size_t end = body.find_first_not_of(kWord, open + 1);
    if (body.compare(open, 6, "{type ") == 0) end = body.find_first_not_of(kWord, open + 6);
    const bool is_word = end != std::string::npos && body[end] == '}' && end > open + 1;
    out += is_word ? value_of(call, body.substr(open + 1, end - open - 1)) : "{";
    at = is_word ? end + 1 : open + 1;
  }
  return out;
}

void check(const Call& call, const Status& status) {
  if (!status) call.fail(status.error().text(), std::string(kCode));
}

/// Makes `extent` of the operator's text what the operand has.
class Unifier {
 public:
  Unifier(Call& call, std::vector<ir::Guard>& guards) : call_(call), guards_(guards) {}

  ir::Map map;

  /// The operand is of the formal type, under a value for each variable.
  void operand(size_t i, Type formal) {
    const Expr given = call_.in(i);
    if (given->dtype() != formal->dtype || given->rank() != formal->rank())
      call_.fail(cat("operand ", i, " is ", ir::print(given->type), " and the operator takes ",
                     ir::print(formal)),
                 std::string(kCode));
    for (int d = 0; d < given->rank(); ++d) {
      const Expr wanted = formal->shape[static_cast<size_t>(d)];
      const Expr have = given->shape()[static_cast<size_t>(d)];
      if (wanted->op == Op::var && map.emplace(wanted, have).second) continue;
      later_.push_back({i, d, wanted, have});
    }
  }
  /// Extents that are not plain variables, once all variables are known.
  void finish() {
    ir::Context& c = call_.b.c;
    for (const auto& [i, d, wanted, have] : later_) {
      const Expr value = extent(wanted);
      if (call_.b.same(value, have)) continue;
      if (ops::provably_differ(c, value, have))
        call_.fail(cat("axis ", d, " of operand ", i, " is ", ir::print(have),
                       " and the operator needs ", ir::print(value)),
                   std::string(kCode));
      guards_.push_back({ir::eq(c, value, have),
                         cat("axis ", d, " of operand ", i, " of '", call_.node.op_type(),
                             "' has to be ", ir::print(value), ", and is ", ir::print(have))});
    }
  }
  Expr extent(Expr of_text) {
    const Expr value = ir::copy_to(call_.b.c, of_text, map);
    return call_.b.simplify(value);
  }
  Type type(Type of_text) { return ir::copy_to(call_.b.c, of_text, map); }

 private:
  struct Later {
    size_t operand;
    int axis;
    Expr wanted, have;
  };
  Call& call_;
  std::vector<ir::Guard>& guards_;
  std::vector<Later> later_;
};

void check_count(const Call& call, size_t wanted) {
  if (call.input_count() != wanted)
    call.fail(cat("the operator takes ", wanted, " operands, not ", call.input_count()),
              std::string(kCode));
}

Exprs call_kernel(Call& call, const std::shared_ptr<ir::Kernel>& kernel, Unifier& unifier) {
  check(call, ir::verify(*kernel, ir::stage_of(*kernel)));
  std::vector<Type> in, out;
  for (const ir::KernelParam& p : kernel->params) {
    if (p.role != ir::ParamRole::in && p.role != ir::ParamRole::out)
      call.fail("parameters of an operator's kernel are `in` or `out`", std::string(kCode));
    (p.role == ir::ParamRole::in ? in : out).push_back(p.buffer->type);
  }
  if (out.empty()) call.fail("the operator's kernel gives nothing", std::string(kCode));
  check_count(call, in.size());
  for (size_t i = 0; i < in.size(); ++i) unifier.operand(i, in[i]);
  for (Expr size : kernel->sizes)
    if (!unifier.map.contains(size))
      call.fail(cat("no operand tells the size '", size->string_attr(Key::name), "'"),
                std::string(kCode));
  unifier.finish();
  Exprs operands = call.all(), sizes;
  std::vector<Type> types;
  for (Type t : out) types.push_back(unifier.type(t));
  for (Expr size : kernel->sizes) sizes.push_back(unifier.extent(size));
  ir::Context& c = call.b.c;
  const Type type = types.size() == 1 ? types[0] : c.tuple(types);
  const Expr node =
      c.make(Op::call_kernel, type, operands,
             {{Key::kernel, c.add(kernel)}, {Key::name, kernel->name}, {Key::sizes, sizes}});
  if (types.size() == 1) return {node};
  Exprs results;
  for (size_t i = 0; i < types.size(); ++i)
    results.push_back(c.make(Op::get, types[i], {node}, {{Key::index, static_cast<int64_t>(i)}}));
  return results;
}

Exprs inline_function(Call& call, const ir::Function& f, Unifier& unifier) {
  check(call, ir::verify(f));
  check(call, ops::verify(call.b.c, f));
  check_count(call, f.params.size());
  for (size_t i = 0; i < f.params.size(); ++i) {
    if (ir::role_of(f.params[i]) != ir::ParamRole::in)
      call.fail("parameters of an operator's text have no role", std::string(kCode));
    unifier.operand(i, f.params[i]->type);
  }
  unifier.finish();
  if (!f.bindings.empty())
    call.fail("the operator's text binds extents to elements", std::string(kCode));
  for (size_t i = 0; i < f.params.size(); ++i)
    unifier.map.insert_or_assign(f.params[i], call.in(i));
  ir::Context& c = call.b.c;
  for (const ir::Guard& g : f.guards)
    call.b.facts->guards.push_back({unifier.extent(g.condition), g.message});
  std::vector<Type> types;
  for (Expr e : f.results) types.push_back(e->type);
  // One walk for all results: they are gathered in a tuple.
  const Expr all = ir::substitute(c, c.make(Op::tuple, c.tuple(types), f.results), unifier.map);
  return {all->operands.begin(), all->operands.end()};
}

}  // namespace

Exprs Importer::apply(Call& call, const CustomOperator& custom) {
  const std::string text = filled(call, custom.body);
  Result<ir::Module> module =
      ir::parse(text, cat("operator ", custom.domain, ".", custom.name), context_);
  if (!module) call.fail(module.error().text(), std::string(kCode));
  Unifier unifier(call, b_.facts->guards);
  if (!module->functions.empty()) return inline_function(call, *module->functions.back(), unifier);
  if (module->kernels.empty())
    call.fail("the operator's text holds no model, function or kernel", std::string(kCode));
  return call_kernel(call, module->kernels.back(), unifier);
}

}  // namespace tenon::onnx_import
