#include "ir/expr.h"
#include "ir/text.h"
namespace tenon::ir {
std::string print(Expr e) {
  if (auto v = as_int(e)) return std::to_string(*v);
  if (e->op == Op::var || e->op == Op::buffer) return e->string_attr(Key::name);
  std::string s(info(e->op).name);
  s += "(";
  for (Expr x : e->operands) s += (s.back() == '(' ? "" : ", ") + print(x);
  return s + ")";
}
}  // namespace tenon::ir
