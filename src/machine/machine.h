// Machine rows: what differs between CPUs is data here. Their instructions are rows of
// instruction.h.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ir/node.h"
#include "support/result.h"

namespace tenon::machine {

struct Machine {
  std::string name;           // x86-64-v3, x86-64-v4, sapphirerapids, znver4, znver5
  std::string llvm_cpu;       // for LLVM's scheduling model only; features come from llvm_features
  std::string llvm_features;  // "+avx2,+fma,..."
  std::vector<std::string> needs;  // cpuid feature names that an artifact for this row requires
  int vector_bytes;                // 32 or 64
  int vector_registers;            // 16 or 32
  int64_t l1_bytes, l2_bytes, l3_bytes;
  [[nodiscard]] int64_t register_file_bytes() const {
    return int64_t{vector_bytes} * vector_registers;
  }
  [[nodiscard]] int lanes(ir::DType t) const { return vector_bytes / ir::info(t).bytes; }
};

[[nodiscard]] std::span<const Machine> rows();
[[nodiscard]] const Machine* find_row(std::string_view name);
/// The best row that this CPU can run, with its cache sizes and cpu name filled in from cpuid.
[[nodiscard]] const Machine& host();

/// cpuid features in `machine.needs` that this CPU (or its operating system) lacks; empty: code for
/// the row runs here.
[[nodiscard]] std::vector<std::string> missing(const Machine& machine);
/// What the CPU calls itself, for reports.
[[nodiscard]] const std::string& cpu_name();

}  // namespace tenon::machine
