#include "runtime/footprint.h"

#include <algorithm>
#include <optional>

#include "runtime/tensor.h"
#include "support/available_memory.h"
#include "support/text.h"

namespace tenon::runtime {
namespace {

/// The need; kMostMemory where an amount does not fit 63 bits.
Result<uint64_t> bounded(const NeedOf& need_of, const InputDims& inputs) {
  Result<uint64_t> need = need_of(inputs);
  if (!need && need.error().diagnostics[0].code == "run.memory") return kMostMemory;
  return need;
}

/// The extent of a symbol; the inputs without it (1 in its place) through `reduced`.
std::optional<int64_t> extent_of(const artifact::Model& model, const InputDims& inputs,
                                 uint32_t symbol, InputDims& reduced) {
  std::optional<int64_t> extent;
  for (size_t i = 0; i < inputs.size(); ++i) {
    for (size_t d = 0; d < inputs[i].size(); ++d) {
      if (model.inputs[i].dims[d].symbol != symbol) continue;
      extent = inputs[i][d];
      reduced[i][d] = std::min<int64_t>(1, inputs[i][d]);
    }
  }
  return extent;
}

/// "; 'batch' is 10000000: give a smaller one", for the symbol whose absence saves most.
std::string blame(const artifact::Model& model, const InputDims& inputs, const NeedOf& need_of,
                  uint64_t need) {
  std::string text = "; these shapes are too large";
  for (uint32_t s = 0; s < model.symbols.size(); ++s) {
    InputDims reduced = inputs;
    const auto extent = extent_of(model, inputs, s, reduced);
    if (!extent) continue;
    const Result<uint64_t> without = bounded(need_of, reduced);
    if (!without || *without >= need) continue;
    need = *without;
    text = cat("; the extent '", model.symbols[s], "' of ", *extent,
               " makes it so large: ", "give a smaller one");
  }
  return text;
}

/// A state with the extents of this run, and the rows that it reserves.
uint64_t state_bytes(const artifact::State& row, const std::vector<int64_t>& registers) {
  std::vector<int64_t> dims;
  for (const artifact::OutputDim& d : row.dims) dims.push_back(registers[d.reg]);
  if (row.reserved > 0) dims[0] = std::max(dims[0], static_cast<int64_t>(row.reserved));
  const int64_t bytes = tensor_bytes(row.dtype, dims);
  return bytes < 0 ? kMostMemory : static_cast<uint64_t>(bytes);
}

std::string amount(uint64_t bytes) {
  return bytes >= kMostMemory ? "more memory than any machine has" : bytes_text(bytes);
}

}  // namespace

uint64_t add_bytes(uint64_t a, uint64_t b) {
  return std::min(std::min(a, kMostMemory) + std::min(b, kMostMemory), kMostMemory);
}

Result<Footprint> footprint(const artifact::Model& model, const InputDims& inputs) {
  Footprint f;
  f.registers = model.registers;
  if (model.stages.empty()) return f;
  bool changed = false;
  TENON_TRY_VOID(run_size_ops(model, model.stages[0], inputs, {}, f.registers, changed));
  std::vector<uint64_t> offsets(model.blocks.size());
  TENON_TRY(f.arena, place_blocks(model, model.stages[0], f.registers, offsets));
  for (const artifact::State& s : model.states)
    f.states = add_bytes(f.states, state_bytes(s, f.registers));
  for (const artifact::Step& s : model.steps)
    if (s.kind == artifact::StepKind::launch && f.registers[s.d] > 0)
      f.scratch = std::max(f.scratch, static_cast<uint64_t>(f.registers[s.d]));
  return f;
}

Result<std::vector<int64_t>> output_shape(const Model& model, const InputDims& inputs,
                                          size_t output) {
  if (output >= model.outputs().size())
    return fail("run.output_name", cat("the model has ", model.outputs().size(),
                                       " outputs; there is no output ", output));
  const artifact::Output& out = model.outputs()[output];
  TENON_TRY(const Footprint f, footprint(model.tables(), inputs));
  std::vector<int64_t> shape;
  for (const artifact::OutputDim& d : out.dims) {
    if (!model.is_sized(d.reg))
      return fail("run.output_shape",
                  cat("axis ", shape.size(), " ('", d.text, "') of output '", out.name,
                      "' depends on elements of tensors; its extent is known "
                      "after the run"));
    shape.push_back(f.registers[d.reg]);
  }
  return shape;
}

Status check_memory(const artifact::Model& model, const InputDims& inputs, const NeedOf& need_of) {
  TENON_TRY(const uint64_t need, bounded(need_of, inputs));
  const uint64_t available = available_memory();
  if (need <= available) return {};
  return fail("run.memory",
              cat("a run with these shapes needs ", amount(need), ", and ", bytes_text(available),
                  " are available", blame(model, inputs, need_of, need)));
}

tl::unexpected<Error> no_memory(const std::string& what, uint64_t need) {
  return fail("run.memory", cat(what, " ", amount(need), ", and ", bytes_text(available_memory()),
                                " are available"));
}

}  // namespace tenon::runtime
