// Models made by hand for the runtime's own tests: tables with functions of this process as
// kernels.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "artifact/model.h"
#include "runtime/executor.h"

namespace tenon::runtime {

/// Allocations of the test program until now; executor_test.cc counts them.
extern std::atomic<size_t> allocations;

/// Adds rows to a model and returns their indices.
struct ModelMaker {
  artifact::Model m;
  std::vector<artifact::SizeOp> stage_ops;

  ModelMaker() {
    m.name = "made";
    m.target = "x86-64-v3";
    m.precision = "f32";
  }
  uint32_t reg(int64_t value) {
    m.registers.push_back(value);
    return static_cast<uint32_t>(m.registers.size() - 1);
  }
  uint32_t slot(artifact::SlotKind kind, uint32_t index = 0, uint32_t offset = artifact::kNone) {
    m.slots.push_back({kind, index, offset});
    return static_cast<uint32_t>(m.slots.size() - 1);
  }
  uint32_t input(const std::string& name, std::vector<artifact::InputDim> dims,
                 artifact::DType dtype = artifact::DType::f32) {
    m.inputs.push_back({name, dtype, std::move(dims)});
    return slot(artifact::SlotKind::input, static_cast<uint32_t>(m.inputs.size() - 1));
  }
  /// A symbolic axis.
  artifact::InputDim symbol(const std::string& name) {
    uint32_t s = 0;
    while (s < m.symbols.size() && m.symbols[s] != name) ++s;
    if (s == m.symbols.size()) m.symbols.push_back(name);
    return {name, s, -1};
  }
  static artifact::InputDim extent(int64_t n) { return {std::to_string(n), artifact::kNone, n}; }

  uint32_t op(artifact::SizeOpCode code, uint32_t a = 0, uint32_t b = 0, uint32_t c = 0,
              artifact::DType dtype = artifact::DType::i64) {
    const uint32_t dst = reg(0);
    stage_ops.push_back({code, dtype, 0, dst, a, b, c});
    return dst;
  }
  void op_into(uint32_t dst, artifact::SizeOpCode code, uint32_t a = 0, uint32_t b = 0,
               uint32_t c = 0) {
    stage_ops.push_back({code, artifact::DType::i64, 0, dst, a, b, c});
  }
  /// Ends the stage that `op` filled; one block for each size register.
  uint32_t stage(const std::vector<uint32_t>& blocks = {}, bool dynamic = false) {
    m.stages.push_back({static_cast<uint32_t>(m.size_ops.size()),
                        static_cast<uint32_t>(stage_ops.size()),
                        static_cast<uint32_t>(m.blocks.size()),
                        static_cast<uint32_t>(blocks.size()), dynamic ? 1U : 0U});
    m.size_ops.insert(m.size_ops.end(), stage_ops.begin(), stage_ops.end());
    m.blocks.insert(m.blocks.end(), blocks.begin(), blocks.end());
    stage_ops.clear();
    const auto s = static_cast<uint32_t>(m.stages.size() - 1);
    step({artifact::StepKind::stage, s});
    return s;
  }
  size_t step(artifact::Step s) {
    m.steps.push_back(s);
    return m.steps.size() - 1;
  }
  void launch(const std::string& name, KernelFn fn, const std::vector<uint32_t>& buffers,
              const std::vector<uint32_t>& sizes, uint32_t grid, uint32_t scratch) {
    m.calls.push_back(
        {static_cast<uint32_t>(m.buffer_list.size()), static_cast<uint32_t>(buffers.size()),
         static_cast<uint32_t>(m.register_list.size()), static_cast<uint32_t>(sizes.size())});
    m.buffer_list.insert(m.buffer_list.end(), buffers.begin(), buffers.end());
    m.register_list.insert(m.register_list.end(), sizes.begin(), sizes.end());
    m.kernels.push_back({name, "test", "", "", artifact::kNone, artifact::kNone});
    m.entries.push_back({name, 0});
    m.functions.push_back(fn);
    step({artifact::StepKind::launch, static_cast<uint32_t>(m.calls.size() - 1),
          static_cast<uint32_t>(m.entries.size() - 1), grid, scratch,
          static_cast<uint32_t>(m.kernels.size() - 1)});
  }
  /// The call that was added last checks indices of these nodes.
  void index_check(const std::string& where) {
    m.calls.back().where = static_cast<uint32_t>(m.messages.size());
    m.messages.push_back(where);
  }
};

/// A kernel: y = 2 x, rows of sizes[0] columns.
inline int64_t twice(const Frame* f, int64_t begin, int64_t end, void*) {
  const auto* x = static_cast<const float*>(f->buffers[0]);
  auto* y = static_cast<float*>(f->buffers[1]);
  for (int64_t i = begin * f->sizes[0]; i < end * f->sizes[0]; ++i) y[i] = 2 * x[i];
  return 0;
}

inline int64_t plus_one_through_scratch(const Frame* f, int64_t begin, int64_t end, void* scratch) {
  const auto* x = static_cast<const float*>(f->buffers[0]);
  auto* y = static_cast<float*>(f->buffers[1]);
  auto* row = static_cast<float*>(scratch);
  for (int64_t r = begin; r < end; ++r) {
    for (int64_t j = 0; j < f->sizes[0]; ++j) row[j] = x[r * f->sizes[0] + j] + 1;
    for (int64_t j = 0; j < f->sizes[0]; ++j) y[r * f->sizes[0] + j] = row[j];
  }
  return 0;
}

/// y = 2 x + 1 for x of [n, m], both symbolic.
inline artifact::Model two_kernels() {
  ModelMaker k;
  const uint32_t x = k.input("x", {k.symbol("n"), k.symbol("m")});
  const uint32_t n = k.op(artifact::SizeOpCode::input_extent, 0, 0);
  const uint32_t m = k.op(artifact::SizeOpCode::input_extent, 0, 1);
  const uint32_t four = k.reg(4);
  const uint32_t zero = k.reg(0);
  const uint32_t row_bytes = k.op(artifact::SizeOpCode::bytes, m, four);
  const uint32_t bytes = k.op(artifact::SizeOpCode::bytes, n, row_bytes);
  k.stage({bytes, bytes});
  const uint32_t t = k.slot(artifact::SlotKind::arena, 0, zero);
  const uint32_t y = k.slot(artifact::SlotKind::arena, 1, zero);
  k.launch("twice", twice, {x, t}, {m}, n, zero);
  k.launch("plus_one", plus_one_through_scratch, {t, y}, {m}, n, row_bytes);
  k.m.outputs = {{"y", DType::f32, {{"n", n}, {"m", m}}, y}};
  return k.m;
}

inline std::unique_ptr<Executor> executor_of(artifact::Model m, int threads = 1) {
  auto model = Model::from(std::move(m));
  EXPECT_TRUE(model.has_value()) << (model ? "" : model.error().text());
  auto executor = Executor::create(*model, threads);
  EXPECT_TRUE(executor.has_value());
  return std::move(*executor);
}

inline std::string code_of(const Status& s) { return s ? "" : s.error().diagnostics[0].code; }

template <class T>
std::vector<T> values(const TensorView& v) {
  const auto* p = static_cast<const T*>(v.data);
  return {p, p + v.count()};
}

/// A kernel: 1 more in each of the elements that the first size counts.
inline int64_t add_one(const Frame* f, int64_t, int64_t, void*) {
  auto* x = static_cast<int32_t*>(f->buffers[0]);
  for (int64_t i = 0; i < f->sizes[0]; ++i) ++x[i];
  return 0;
}

/// An instance counts its runs in each element of a state of [n].
inline artifact::Model counting_model() {
  ModelMaker k;
  k.input("x", {k.symbol("n")});
  const uint32_t n = k.op(artifact::SizeOpCode::input_extent, 0, 0);
  const uint32_t one = k.reg(1);
  const uint32_t zero = k.reg(0);
  k.stage();
  k.m.states = {{"count", artifact::DType::i32, {{"n", n}}, 0, artifact::kNone, {}}};
  const uint32_t s = k.slot(artifact::SlotKind::state, 0);
  k.step({artifact::StepKind::resize, 0});
  k.launch("add_one", add_one, {s}, {n}, one, zero);
  k.m.outputs = {{"count", artifact::DType::i32, {{"n", n}}, s}};
  return k.m;
}

}  // namespace tenon::runtime
