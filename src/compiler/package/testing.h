// From a graph function to an executor for the packager's tests: fuse, schedule, emit, package,
// run, and compare with the reference interpreter.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "compiler/compiler.h"
#include "graph/pass.h"
#include "graph/testing.h"
#include "interp/interp.h"
#include "ir/expr.h"
#include "ir/kernel_calls.h"
#include "ir/param_role.h"
#include "ir/rewrite.h"
#include "ir/verify.h"
#include "ops/build.h"
#include "ops/test_util.h"
#include "runtime/executor.h"
#include "schedule/kernel_pass.h"
#include "schedule/schedule.h"
#include "target/target.h"

namespace tenon::compiler::testing {

using ir::Context;
using ir::DType;
using ir::Expr;
using ir::Function;
using ops::Tensor;
using Exprs = std::vector<Expr>;

/// Code for each kernel of a fused function, not deduplicated by text.
inline Compilation compile_fused(std::shared_ptr<Context> context, Function fused) {
  Compilation result;
  result.context = std::move(context);
  result.function = std::move(fused);
  result.machine = &machine::host();
  for (const ir::Kernel* k : ir::kernels_of(result.function)) {
    if (!result.kernel_of.emplace(k, result.kernels.size()).second) continue;
    auto compiled = std::make_shared<CompiledKernel>();
    compiled->definition = schedule::Program(result.context, k);
    auto finalized = schedule::finalize(compiled->definition, *result.machine, {},
                                        schedule::keep_loops(compiled->loops));
    EXPECT_TRUE(finalized.has_value()) << (finalized ? "" : finalized.error().text());
    compiled->choice.program = compiled->definition;
    compiled->finalized = *finalized;
    auto object = target::emit(*compiled->finalized, *result.machine,
                               "k" + std::to_string(result.kernels.size()));
    EXPECT_TRUE(object.has_value()) << (object ? "" : object.error().text());
    if (object) compiled->object = *std::move(object);
    result.kernels.push_back(std::move(compiled));
  }
  return result;
}

/// A graph under construction and everything that runs it.
class Graph {
 public:
  std::shared_ptr<Context> context = std::make_shared<Context>();
  Context& c = *context;
  ops::Builder b{c};
  Function f;
  artifact::Model tables;

  Expr param(const std::string& name, DType type, Exprs shape) {
    f.params.push_back(c.param(name, c.tensor(type, shape)));
    return f.params.back();
  }
  Expr param(const std::string& name, DType type, Exprs shape, ir::ParamRole role,
             ir::Growth growth = {}) {
    f.params.push_back(ir::param_with_role(c, name, c.tensor(type, shape), role, growth));
    return f.params.back();
  }
  Expr n(int64_t value) { return c.i64(value); }
  const Function* body(Exprs params, Exprs results, std::vector<ir::Binding> bindings = {}) {
    auto g = std::make_unique<Function>();
    g->name = "body";
    g->params = std::move(params);
    g->results = std::move(results);
    g->bindings = std::move(bindings);
    return c.add(std::move(g));
  }
  Expr body_param(const std::string& name, DType type, Exprs shape) {
    return c.param(name, c.tensor(type, shape));
  }

  /// Compiles for these results. `threads` as the executor takes it. Results without a name are y0,
  /// y1, ...
  void compile(Exprs results, int threads = 1, std::vector<std::string> names = {}) {
    f.name = "test";
    f.results = std::move(results);
    f.result_names = std::move(names);
    for (size_t i = f.result_names.size(); i < f.results.size(); ++i)
      f.result_names.push_back("y" + std::to_string(i));
    const Status valid = ir::verify(f);
    ASSERT_TRUE(valid.has_value()) << valid.error().text();
    states = interp::initial_states(f);
    ASSERT_TRUE(b.status().has_value()) << b.status().error().text();
    ASSERT_TRUE(graph::testing::run("shape_guards", c, f).has_value());
    Compilation compilation = compile_fused(context, graph::testing::fused(c, f));
    for (const auto& [kernel, index] : compilation.kernel_of)
      if (const std::string device = device_of ? device_of(index) : ""; !device.empty())
        compilation.device_of.emplace(kernel, device);
    auto packaged = package(compilation, {});
    ASSERT_TRUE(packaged.has_value()) << packaged.error().text();
    tables = *packaged;
    auto model = runtime::Model::from(*std::move(packaged));
    ASSERT_TRUE(model.has_value()) << model.error().text();
    around.pool = std::make_shared<runtime::ThreadPool>(threads);
    auto made = runtime::Executor::create(*model, around);
    ASSERT_TRUE(made.has_value()) << made.error().text();
    executor = *std::move(made);
  }

  /// Runs compiled code and the interpreter of the unfused graph; both must agree.
  void check(const std::vector<Tensor>& inputs) {
    ASSERT_NE(executor, nullptr) << "not compiled";
    const auto expected = interp::run(f, inputs);
    ASSERT_TRUE(expected.has_value()) << expected.error().text();
    for (size_t i = 0; i < inputs.size(); ++i) {
      const runtime::TensorView view{static_cast<artifact::DType>(inputs[i].dtype), inputs[i].shape,
                                     inputs[i].bytes.data()};
      const Status set = executor->set_input(i, view);
      ASSERT_TRUE(set.has_value()) << set.error().text();
    }
    const Status ran = executor->run();
    ASSERT_TRUE(ran.has_value()) << ran.error().text();
    for (size_t i = 0; i < expected->size(); ++i) compare((*expected)[i], executor->output(i), i);
    check_in_caller_memory(*expected);
  }

  /// One run of the instance, and of the interpreter with its own states: outputs and states agree.
  void step(const std::vector<Tensor>& inputs) {
    ASSERT_NE(executor, nullptr) << "not compiled";
    const auto expected = interp::run(f, inputs, {}, nullptr, &states);
    ASSERT_TRUE(expected.has_value()) << expected.error().text();
    for (size_t i = 0; i < inputs.size(); ++i) {
      const Status set = executor->set_input(i, view_of(inputs[i]));
      ASSERT_TRUE(set.has_value()) << set.error().text();
    }
    const Status ran = executor->run();
    ASSERT_TRUE(ran.has_value()) << ran.error().text();
    for (size_t i = 0; i < expected->size(); ++i) compare((*expected)[i], executor->output(i), i);
    check_states(*executor);
  }
  void check_states(const runtime::Executor& instance) {
    ASSERT_EQ(states.size(), instance.state_count());
    for (size_t i = 0; i < states.size(); ++i) compare(states[i], instance.state(i), i);
  }
  static runtime::TensorView view_of(const Tensor& t) {
    return {static_cast<artifact::DType>(t.dtype), t.shape, t.bytes.data()};
  }

  /// Both refuse the inputs, with the code "run.check" and `part` in the message.
  void refuses(const std::vector<Tensor>& inputs, const std::string& part) {
    ASSERT_NE(executor, nullptr) << "not compiled";
    const auto expected = interp::run(f, inputs);
    ASSERT_FALSE(expected.has_value());
    EXPECT_EQ(expected.error().diagnostics[0].code, "run.check");
    EXPECT_NE(expected.error().text().find(part), std::string::npos) << expected.error().text();
    for (size_t i = 0; i < inputs.size(); ++i) {
      const runtime::TensorView view{static_cast<artifact::DType>(inputs[i].dtype), inputs[i].shape,
                                     inputs[i].bytes.data()};
      ASSERT_TRUE(executor->set_input(i, view).has_value());
    }
    for (int again = 0; again < 2; ++again) {
      const Status ran = executor->run();
      ASSERT_FALSE(ran.has_value());
      EXPECT_EQ(ran.error().diagnostics[0].code, "run.check");
      EXPECT_NE(ran.error().text().find(part), std::string::npos) << ran.error().text();
    }
  }

  std::function<std::string(size_t)> device_of;  // a kernel's device, "" for the host
  runtime::Surroundings around;                  // what the executor has
  std::unique_ptr<runtime::Executor> executor;
  interp::States states;  // of the interpreter

 private:
  /// The same with every output in memory of the test: exactly as large as it is, and no byte
  /// behind it is written.
  void check_in_caller_memory(const std::vector<Tensor>& expected) {
    constexpr auto kPoison = std::byte{0x5a};
    std::vector<std::vector<std::byte>> memory;
    for (size_t i = 0; i < expected.size(); ++i) {
      memory.emplace_back(expected[i].bytes.size() + 64, kPoison);
      const Status set = executor->set_output(i, std::span(memory[i]).first(memory[i].size() - 64));
      ASSERT_TRUE(set.has_value()) << set.error().text();
    }
    const Status ran = executor->run();
    ASSERT_TRUE(ran.has_value()) << ran.error().text();
    for (size_t i = 0; i < expected.size(); ++i) {
      compare(expected[i], executor->output(i), i);
      EXPECT_EQ(executor->output(i).data, memory[i].data());
      for (size_t at = expected[i].bytes.size(); at < memory[i].size(); ++at)
        ASSERT_EQ(memory[i][at], kPoison) << "output " << i << " is written past its end";
      ASSERT_TRUE(executor->set_output(i, {}).has_value());
    }
  }

  static void compare(const Tensor& want, const runtime::TensorView& got, size_t index) {
    SCOPED_TRACE("output " + std::to_string(index));
    ASSERT_EQ(static_cast<int>(want.dtype), static_cast<int>(got.dtype));
    ASSERT_EQ(want.shape, std::vector<int64_t>(got.dims.begin(), got.dims.end()));
    Tensor have = Tensor::zeros(want.dtype, want.shape);
    if (!have.bytes.empty()) std::memcpy(have.bytes.data(), got.data, have.bytes.size());
    for (int64_t i = 0; i < want.count(); ++i) {
      if (!ir::is_float(want.dtype)) {
        ASSERT_EQ(want.get_i(i), have.get_i(i)) << "element " << i;
      } else if (std::isnan(want.get_f(i))) {
        ASSERT_TRUE(std::isnan(have.get_f(i))) << "element " << i;
      } else {
        ASSERT_NEAR(want.get_f(i), have.get_f(i), 1e-5 * std::max(1.0, std::fabs(want.get_f(i))))
            << "element " << i;
      }
    }
  }
};

/// A tensor of small values that differ from element to element.
inline Tensor tensor(DType type, std::vector<int64_t> shape, int64_t seed = 1) {
  Tensor t = Tensor::zeros(type, std::move(shape));
  for (int64_t i = 0; i < t.count(); ++i) {
    const int64_t v = (i * 7 + seed * 13) % 23 - 11;
    if (ir::is_float(type)) {
      t.set_f(i, static_cast<double>(v) / 8);
    } else {
      t.set_i(i, type == DType::boolean ? v & 1 : v);
    }
  }
  return t;
}
inline Tensor scalar(DType type, int64_t value) {
  Tensor t = Tensor::zeros(type, {});
  t.set_i(0, value);
  return t;
}

}  // namespace tenon::compiler::testing
