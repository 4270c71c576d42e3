#include "compiler/kernel_model.h"

#include <limits>
#include <random>
#include <vector>

#include "ir/dtype.h"
#include "ir/expr.h"
#include "ir/param_role.h"
#include "ir/rewrite.h"
#include "ir/verify.h"
#include "machine/instruction.h"
#include "ops/tensor.h"
#include "schedule/schedule.h"

namespace tenon::compiler {
namespace {

using ir::Context;
using ir::Expr;
using ir::KernelParam;
using ir::Key;
using ir::Op;
using ir::ParamRole;

/// Constants of more bytes are refused rather than made up.
constexpr uint64_t kMostBytes = uint64_t{1} << 32;

/// The bytes of `count` made-up elements: floats in [-1, 1), integers 0 or 1.
std::vector<std::byte> made_up(ir::DType type, uint64_t count, size_t seed) {
  std::mt19937_64 engine(seed);
  std::uniform_real_distribution<double> real(-1, 1);
  const size_t width = ir::info(type).element_bytes;
  std::vector<std::byte> bytes;
  bytes.reserve(count * width);
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t bits = ir::is_float(type)
                              ? ir::encode_float(type, ir::round_to(type, real(engine)))
                              : engine() & 1;
    for (size_t b = 0; b < width; ++b) bytes.push_back(static_cast<std::byte>(bits >> (8 * b)));
  }
  return bytes;
}

Result<Expr> made_up_constant(Context& c, const KernelParam& param, size_t index,
                              const std::string& where) {
  const std::string& name = param.buffer->string_attr(Key::name);
  const ir::DType type = param.buffer->dtype();
  uint64_t count = 1;
  std::vector<int64_t> shape;
  for (Expr e : param.buffer->shape()) {
    const auto extent = ir::as_int(e);
    if (!extent || *extent < 0)
      return fail("tir.constant", where + ": constant '" + name +
                                      "' has an extent that is no literal; declare it `in`");
    if (__builtin_mul_overflow(count, static_cast<uint64_t>(*extent), &count) ||
        count > kMostBytes / ir::info(type).element_bytes)
      return fail("tir.constant",
                  where + ": constant '" + name + "' is too large to be made up; declare it `in`");
    shape.push_back(*extent);
  }
  return ops::constant_of(c, {type, std::move(shape), made_up(type, count, index)}, name);
}

/// Layouts of packed constants are part of their made-up bytes.
std::shared_ptr<const ir::Kernel> unpacked(const ir::Kernel& kernel) {
  auto out = std::make_shared<ir::Kernel>(kernel);
  for (KernelParam& p : out->params) {
    if (p.packing.empty()) continue;
    p.packing.clear();
    p.logical.clear();
  }
  return out;
}

}  // namespace

Status check_kernels(const ir::Module& module, const machine::Machine* machine) {
  for (size_t i = 0; i < module.kernels.size(); ++i) {
    const schedule::Program kernel = module.kernels[i];
    TENON_TRY_VOID(ir::verify(*kernel, ir::stage_of(*kernel)));
    TENON_TRY_VOID(machine::verify_instructions(*kernel));
    if (kernel->trace.empty()) continue;
    schedule::Program scheduled;
    if (machine == nullptr) {
      TENON_TRY(scheduled, schedule::replay(kernel, kernel->trace, module.trace_places[i]));
    } else {
      TENON_TRY(const schedule::Choice choice,
                schedule::follow(kernel, *machine, kernel->trace, module.trace_places[i]));
      scheduled = choice.program;
    }
    TENON_TRY_VOID(ir::verify(*scheduled, ir::stage_of(*scheduled)));
    TENON_TRY_VOID(machine::verify_instructions(*scheduled));
  }
  return {};
}

Result<ImportedModel> model_of_kernel(const ir::Module& module, const std::string& path) {
  if (module.kernels.size() != 1)
    return fail("tir.no_model",
                path + ": holds " + std::to_string(module.kernels.size()) +
                    " kernels and no model; leave one kernel, or add a model that calls them");
  const std::shared_ptr<const ir::Kernel> kernel = unpacked(*module.kernels[0]);
  const std::string where = path + ": kernel @" + kernel->name;
  ImportedModel source{module.context, {}, {}, path, {}, module.kernels[0]};
  Context& c = *source.context;
  ir::Map sizes;
  std::vector<Expr> given;
  for (Expr size : kernel->sizes) {
    given.push_back(sizes[size] = c.var(size->string_attr(Key::name)));
    source.symbols.emplace_back(size->string_attr(Key::name), given.back());
  }
  ir::Function& f = source.function;
  f.name = kernel->name;
  std::vector<Expr> operands;
  std::vector<ir::Type> results;
  for (size_t i = 0; i < kernel->params.size(); ++i) {
    const KernelParam& p = kernel->params[i];
    const std::string& name = p.buffer->string_attr(Key::name);
    if (p.role == ParamRole::constant) {
      TENON_TRY(const Expr constant, made_up_constant(c, p, i, where));
      operands.push_back(constant);
      continue;
    }
    const ir::Type type = ir::copy_to(c, p.buffer->type, sizes);
    if (ir::is_written(p.role)) {
      results.push_back(type);
      f.result_names.push_back(name);
    }
    if (ir::is_read(p.role)) {
      f.params.push_back(ir::param_with_role(
          c, name, type, p.role == ParamRole::inout ? ParamRole::inout : ParamRole::in));
      operands.push_back(f.params.back());
    }
  }
  if (results.empty())
    return fail("tir.no_result", where +
                                     ": has no out or inout parameter, so running it gives "
                                     "nothing; declare one `out` or `inout`");
  const Expr call =
      c.make(Op::call_kernel, results.size() == 1 ? results[0] : c.tuple(results), operands,
             {{Key::kernel, c.add(kernel)}, {Key::name, kernel->name}, {Key::sizes, given}});
  for (size_t i = 0; i < results.size(); ++i)
    f.results.push_back(results.size() == 1 ? call
                                            : c.make(Op::get, results[i], {call},
                                                     {{Key::index, static_cast<int64_t>(i)}}));
  return source;
}

}  // namespace tenon::compiler
