// A compiled model in memory: what the packager makes, a `.tenon` file holds and the runtime runs.
//
// Execution is a flat list of steps over three kinds of state:
//   registers  int64 values: extents, grids, offsets, loop counters. Straight-line integer
//   operations,
//              grouped in shape stages, compute them; `registers` gives their initial values.
//   slots      one pointer each: where a tensor's bytes are now
//   storage    model inputs, constants, states, one arena segment a shape stage, growable dynamic
//              buffers
// Tables hold plain records with indices, so that a file is checked by comparing indices with table
// sizes (validate). Nothing here knows about graphs, kernels' meaning or thread counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "artifact/dtype.h"
#include "artifact/frame.h"
#include "artifact/tables.h"
#include "support/result.h"

namespace tenon::artifact {

/// An axis of a model input: a constant extent, or any extent; inputs that share a symbol must
/// agree.
struct InputDim {
  std::string text;         // as the user reads it: "3", "batch", "2 * n"
  uint32_t symbol = kNone;  // index into Model::symbols
  int64_t extent = -1;      // constant extent; negative when it is not constant
};
enum class InputRole : uint32_t {
  in,        // the caller's value, of one run
  constant,  // the same in every run of an instance
  inout,     // the caller's memory, where a new value is left
};
inline constexpr uint32_t kInputRoleCount = static_cast<uint32_t>(InputRole::inout) + 1;
struct Input {
  std::string name;
  DType dtype = DType::f32;
  std::vector<InputDim> dims;
  uint32_t below = kNone;     // register of the first stage: elements are indices below it
  uint32_t constant = kNone;  // its value where the caller gives none; all extents are constant
  InputRole role = InputRole::in;
};

struct OutputDim {
  std::string text;
  uint32_t reg = kNone;
};
struct Output {
  std::string name;
  DType dtype = DType::f32;
  std::vector<OutputDim> dims;
  uint32_t slot = 0;
  /// Register of its bytes, set by the stage of the slot's memory: kernels write the slot where the
  /// caller wants it. kNone: the caller gets a copy. Arena slots only, one output a slot.
  uint32_t bytes = kNone;
};

/// Memory of an instance that outlives a run. A `resize` step gives it the extents of `dims`:
/// elements at indices inside both shapes stay, others are 0.
struct State {
  std::string name;
  DType dtype = DType::f32;
  std::vector<OutputDim> dims;  // registers that the first stage sets
  uint64_t reserved = 0;        // elements of the leading axis, at most; 0: memory doubles
  uint32_t constant = kNone;    // its value at first, in the constant extents `initial`
  std::vector<int64_t> initial;
};

/// A row of the kernel table, for profiles; kernels of equal code and sizes share one.
struct KernelInfo {
  std::string name;                            // "dot_add_relu"
  std::string op;                              // the anchor operator: "dot"
  std::string shape;                           // "128x768x3072", symbols by name
  std::string key;                             // canonical text key of the tuning database
  uint32_t flops = kNone, bytes = kNone;       // registers; kNone when unknown
  std::string schedule = {};                   // who chose it: schedule::Choice::name
  std::vector<std::string> instructions = {};  // that its code has, by name: "fma_tile"
};

/// A function in the code blob.
struct Entry {
  std::string symbol;
  uint64_t offset = 0;
};

/// By StepKind.
inline constexpr std::string_view kStepNames[kStepKindCount] = {
    "launch",  "stage", "jump",   "unless", "copy",     "bind",     "write",
    "reserve", "swap",  "append", "resize", "allocate", "host_call"};

struct Constant {
  const std::byte* bytes = nullptr;  // 64-byte aligned in a mapped file
  uint64_t size = 0;
};

struct Model {
  std::string name, producer;
  std::string target;              // machine row that the code was made for
  std::vector<std::string> needs;  // cpu features, by LLVM's names
  std::string precision;           // f32 | bf16 | auto
  std::vector<std::string> symbols;
  std::vector<Input> inputs;  // slot i is not necessarily input i; slots say
  std::vector<State> states;
  std::vector<Output> outputs;
  std::vector<KernelInfo> kernels;
  std::vector<Entry> entries;

  std::vector<int64_t> registers;
  std::vector<SizeOp> size_ops;
  std::vector<Stage> stages;
  std::vector<uint32_t> blocks;  // registers of their sizes
  std::vector<Slot> slots;
  std::vector<uint32_t> dynamics;    // the slot of each dynamic buffer
  std::vector<std::string> devices;  // beside the host, by name
  std::vector<DeviceBuffer> device_buffers;
  std::vector<std::string> host_functions;  // of the caller, by name
  std::vector<Call> calls;
  std::vector<uint32_t> buffer_list, register_list;
  std::vector<Step> steps;
  std::vector<std::string> messages;

  std::span<const std::byte> code;
  std::vector<Constant> constants;
  std::vector<std::shared_ptr<const void>> owners;  // shared: keep code and constants alive
  /// Functions in place of code, one for each entry; only in models that never see a file.
  std::vector<KernelFn> functions;
};

/// Every index, range and size is consistent; else "artifact.invalid" with what is wrong.
[[nodiscard]] Status validate(const Model& model);

/// Bytes of all constants.
[[nodiscard]] uint64_t constant_bytes(const Model& model);

}  // namespace tenon::artifact
