#include "ops/composite/blocks.h"

#include "ir/combiner.h"
#include "ops/reduction/reduction.h"

namespace tenon::ops::composite {

Blocks::Blocks(const OpaqueArgs& args)
    : c(args.c), args_(args), prefix_(args.outs[0]->string_attr(ir::Key::name)) {}

Blocks::Exprs Blocks::extents(Type type) const {
  Exprs all;
  for (Expr e : type->shape) all.push_back(args_.extent(e));
  return all;
}

Expr Blocks::number(ir::DType type, double value) const { return c.imm_f(c.scalar(type), value); }

Expr Blocks::temp(const std::string& name, ir::DType type, const Exprs& shape) {
  return args_.temp(prefix_ + "_" + name, type, shape, ir::Scope::global);
}

void Blocks::emit(const std::string& name, const Exprs& shape, const Exprs& over,
                  const Over& statement) {
  std::vector<ir::BlockIter> iters;
  Exprs loops, at, along;
  const auto add = [&](const std::string& axis, char kind, Exprs& vars) {
    const Expr loop = c.var(axis), var = c.var("v" + axis);
    iters.push_back({var, loop, kind});
    loops.push_back(loop);
    vars.push_back(var);
  };
  for (size_t i = 0; i < shape.size(); ++i) add("i" + std::to_string(i), 's', at);
  for (size_t i = 0; i < over.size(); ++i) add("k" + std::to_string(i), 'r', along);
  Expr s = ir::block(c, name, iters, c.bool_imm(true), statement(at, along));
  for (size_t i = loops.size(); i-- > 0;)
    s = ir::for_loop(c, loops[i], i < shape.size() ? shape[i] : over[i - shape.size()], s);
  statements_.push_back(s);
}

Expr Blocks::map(const std::string& name, ir::DType type, const Exprs& shape, const At& value) {
  const Expr buffer = temp(name, type, shape);
  emit(prefix_ + "_" + name, shape, {},
       [&](const Exprs& at, const Exprs&) { return ir::store(c, buffer, value(at), at); });
  return buffer;
}

void Blocks::store(Expr buffer, const At& value) {
  emit(buffer->string_attr(ir::Key::name), buffer->shape(), {},
       [&](const Exprs& at, const Exprs&) { return ir::store(c, buffer, value(at), at); });
}

Expr Blocks::reduce(const std::string& name, const char* combine, ir::DType type,
                    const Exprs& shape, const Exprs& over, const Over& value) {
  const Expr buffer = temp(name, type, shape);
  emit(prefix_ + "_" + name, shape, over, [&](const Exprs& at, const Exprs& along) {
    return ir::update(c, buffer, ir::identity(c, combine, type), value(at, along), at, combine);
  });
  return buffer;
}

}  // namespace tenon::ops::composite
