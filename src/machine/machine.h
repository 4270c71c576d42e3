// Machine rows: what differs between CPUs is data here. And the instructions of those machines,
// each declared with its semantics as an IR body that matcher and interpreter share.
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

/// A register tile product, generic over its parameters {mr, nr}:
///   for i < mr, j < nr: c(i, j) += sum over kk < k of a(i', kk) * b(kk, j), in order of kk, fused
/// with i' = min(i, rows - 1). Values of rows i >= rows of c are unspecified afterwards, but c has
/// room for all mr x nr elements (possibly beyond the extents that the unscheduled buffer had).
/// Node form: instr name="fma_tile", params={mr, nr}, 11 operands:
///   c00, c10, c01,  a00, a10, a01,  b00, b10, b01,  k, rows
/// The first nine are *designators*: `load` nodes that are never loaded from; they name the
/// elements (0,0), (1,0) and (0,1) of c(i, j), a(i, kk), b(kk, j). Element (p, q) is at the
/// row-major offset off(00) + p * (off(10) - off(00)) + q * (off(01) - off(00)), and index by index
/// likewise where the buffer is internal, so passes that rewrite the indices of loads treat an
/// instruction like any other reader. Always off(c01) - off(c00) = off(b01) - off(b00) = 1. At the
/// target stage c is a `reg` buffer. No element is touched when k <= 0 or rows <= 0.
inline constexpr std::string_view kFmaTile = "fma_tile";

struct Instruction {
  std::string_view name;
  std::string_view needs;  // cpuid feature; empty: any
  /// True if this machine can hold the tile in registers.
  bool (*fits)(const Machine&, std::span<const int64_t> params);
};
[[nodiscard]] const Instruction* find_instruction(std::string_view name);

}  // namespace tenon::machine
