#include "ir/param_role.h"

#include <charconv>

#include "ir/default_value.h"

namespace tenon::ir {
namespace {
constexpr std::string_view kReserve = "reserve ";
}

std::string growth_text(Growth growth) {
  return growth.reserved == 0 ? "double" : std::string(kReserve) + std::to_string(growth.reserved);
}

Expr param_with_role(Context& c, const std::string& name, Type type, ParamRole role, Growth growth,
                     const ConstantData* initial) {
  const Expr bare = c.param(name, type);
  std::vector<Attr> attrs(bare->attrs.begin(), bare->attrs.end());
  if (role != ParamRole::in) attrs.push_back({Key::kind, std::string(role_name(role))});
  if (role == ParamRole::state) attrs.push_back({Key::note, growth_text(growth)});
  if (initial != nullptr) attrs.push_back({Key::data, c.constant(type, *initial)->constant_attr()});
  return c.make(Op::param, type, {}, std::move(attrs));
}

Expr param_like(Context& c, Expr like, Type type) {
  return param_with_role(c, like->string_attr(Key::name), type, role_of(like), growth_of(like),
                         default_of(like));
}

ParamRole role_of(Expr param) {
  const std::string_view name = param->string_attr_or(Key::kind, "in");
  for (const ParamRole r :
       {ParamRole::out, ParamRole::constant, ParamRole::inout, ParamRole::state})
    if (name == role_name(r)) return r;
  return ParamRole::in;
}

Growth growth_of(Expr state) {
  std::string_view text = state->string_attr_or(Key::note, "");
  Growth growth;
  if (!text.starts_with(kReserve)) return growth;
  text.remove_prefix(kReserve.size());
  std::from_chars(text.data(), text.data() + text.size(), growth.reserved);
  return growth;
}

std::optional<size_t> updated_param(const Function& f, size_t result) {
  if (result >= f.result_names.size()) return std::nullopt;
  for (size_t i = 0; i < f.params.size(); ++i) {
    const ParamRole role = role_of(f.params[i]);
    if ((role == ParamRole::inout || role == ParamRole::state) &&
        f.params[i]->string_attr(Key::name) == f.result_names[result])
      return i;
  }
  return std::nullopt;
}

}  // namespace tenon::ir
