// Models made by hand for the runtime's own tests: tables with functions of this process as
// kernels.
#pragma once

#include <string>
#include <vector>

#include "artifact/model.h"

namespace tenon::runtime {

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

}  // namespace tenon::runtime
