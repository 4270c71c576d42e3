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

/// What decides which target (src/target) serves a machine.
enum class Architecture : uint8_t { x86_64, aarch64 };

struct Machine {
  Architecture architecture;
  std::string name;           // x86-64-v3, znver4, aarch64, neoverse-n1, ... (rows_*.cc)
  std::string llvm_cpu;       // for LLVM's scheduling model only; features come from llvm_features
  std::string llvm_features;  // "+avx2,+fma,..."
  std::vector<std::string>
      needs;             // features that every artifact for this row requires (support/cpu.h)
  int vector_bytes;      // 16, 32 or 64
  int vector_registers;  // 16 or 32
  int mask_bytes;        // smallest element of masked loads and stores; 0: it has none
  int vector_products;   // fused multiply-adds of whole vectors that start in a cycle
  int64_t l1_bytes, l2_bytes, l3_bytes;
  int64_t l1_ways;          // lines of a set of the first-level cache
  int64_t line_bytes = 64;  // of all caches
  /// What the second-level cache gives a core in a cycle, reads and writes together.
  int64_t l2_bytes_per_cycle = 32;
  /// What work has to take on one thread until another one is worth waking: starting and ending a
  /// launch, and reading its data into a second core's caches (decision 0017 derives the number).
  int64_t fork_cycles = 6250;
  /// Features of which only instructions (instruction.h) make use: an artifact requires those that
  /// its own ask for.
  std::vector<std::string> units = {};
  /// Registers of a matrix unit: rows of so many bytes.
  struct Tiles {
    int registers = 0, rows = 0, row_bytes = 0;
  };
  Tiles tiles = {};
  [[nodiscard]] int64_t register_file_bytes() const {
    return int64_t{vector_bytes} * vector_registers;
  }
  [[nodiscard]] int lanes(ir::DType t) const { return vector_bytes / ir::info(t).element_bytes; }
};

[[nodiscard]] std::span<const Machine> rows();
[[nodiscard]] const Machine* find_row(std::string_view name);
/// The best row that this CPU can run, with its own caches and those units that it has.
[[nodiscard]] const Machine& host();

/// Features in `machine.needs` that this CPU (or its operating system) lacks; empty: code for
/// the row runs here.
[[nodiscard]] std::vector<std::string> missing(const Machine& machine);
/// What the CPU calls itself, for reports.
[[nodiscard]] const std::string& cpu_name();

}  // namespace tenon::machine
