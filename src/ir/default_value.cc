#include "ir/default_value.h"

namespace tenon::ir {

Expr param_with_default(Context& c, const std::string& name, Type type, const ConstantData& value) {
  const Expr bare = c.param(name, type);
  std::vector<Attr> attrs(bare->attrs.begin(), bare->attrs.end());
  attrs.push_back({Key::data, c.constant(type, value)->constant_attr()});
  return c.make(Op::param, type, {}, std::move(attrs));
}

ConstantRef default_of(Expr param) {
  for (const Attr& a : param->attrs)
    if (a.key == Key::data) return std::get<ConstantRef>(a.value);
  return nullptr;
}

}  // namespace tenon::ir
