// The passes on kernels, from scheduled program to target stage, as a table: finalize runs them in
// the order of finalize/passes.def; commands name, time and stop after them.
#pragma once

#include <span>
#include <string_view>

#include "schedule/schedule.h"

namespace tenon::schedule {

namespace finalizing {
struct Work;
}

struct KernelPass {
  std::string_view name, doc;
  void (*run)(finalizing::Work& work);
};

/// The last pass before `vectorize`: what it leaves are loops over elements, which analyses of
/// accesses read.
inline constexpr const char* kLastLoopPass = "simplify_statements_again";

[[nodiscard]] std::span<const KernelPass> kernel_passes();
[[nodiscard]] const KernelPass* find_kernel_pass(std::string_view name);

/// The program after one pass. One with lanes is past all of them and stays as it is.
[[nodiscard]] Program run_pass(const KernelPass& pass, const Program& program,
                               const machine::Machine& machine);

}  // namespace tenon::schedule
