// Passes: rows of one form for graphs and for kernels, what a pass sees, and the one driver, so
// that switch, timer, verifier, `--after` and `opt --pass` hold for each. The rows stand in
// graph/passes.def and schedule/finalize/passes.def; compiler/passes.h is the whole table.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ir/node.h"
#include "machine/machine.h"
#include "support/result.h"

namespace tenon::pass {

struct Options {
  std::vector<std::string> disabled = {};  // names of passes that are left out
  std::string stop_after = {};             // name of a pass: the program as it is then
  bool verify = false;                     // callers run the stage's verifier after every pass
};

/// Nodes that became one kernel: what they read, in the order of the kernel's params that are read;
/// the nodes, operands before users; and those whose values the kernel gives.
struct FusedGroup {
  std::vector<ir::Expr> inputs, nodes, outputs;
};
/// By the kernel of a call_kernel.
using FusedGroups = std::unordered_map<const ir::Kernel*, FusedGroup>;

/// What a pass knows besides the program, and where it says what it did. What was measured of the
/// machine stands in its row and in machine/cost.
struct PassContext {
  ir::Context& nodes;               // makes the nodes of the function; a kernel has its own
  const machine::Machine& machine;  // for which is compiled
  const Options& options;
  std::map<std::string_view, int64_t> applied = {};  // how often each rule applied; of one pass
  FusedGroups groups = {};                           // what `fuse` made kernels of
};

enum class Stage : uint8_t { graph, kernel };

struct Pass {
  std::string_view name;
  std::string_view doc;
  Stage stage;
  bool optional;  // false: later stages need it, so it cannot be switched off
  /// Rewrites the program in place. A function's pass finds the bodies of if and loop in it done.
  Status (*on_function)(PassContext& p, ir::Function& f) = nullptr;
  Status (*on_kernel)(PassContext& p, ir::Kernel& k) = nullptr;
};
[[nodiscard]] const Pass* find(std::span<const Pass> rows, std::string_view name);

/// One pass of its stage, on a function with the bodies in it, innermost first, or on a kernel. The
/// first error ends it.
[[nodiscard]] Status run(const Pass& pass, PassContext& p, ir::Function& f);
[[nodiscard]] Status run(const Pass& pass, PassContext& p, ir::Kernel& k);
/// A pass on kernels, on every kernel that the function calls; each is done once.
[[nodiscard]] Status run_on_kernels(const Pass& pass, PassContext& p, ir::Function& f);

/// Called around each pass that runs; an error ends the work.
struct Hooks {
  std::function<Status(const Pass&)> before = {};
  std::function<Status(const Pass&, double seconds)> after = {};
};
/// The rows in order, but for those that are switched off, up to `stop_after`.
[[nodiscard]] Status run_all(std::span<const Pass> rows, PassContext& p, ir::Function& f,
                             const Hooks& hooks);
[[nodiscard]] Status run_all(std::span<const Pass> rows, PassContext& p, ir::Kernel& k,
                             const Hooks& hooks);

/// Applies `pass` to the bodies of the if and loop nodes that the function reaches, and rebuilds
/// those nodes where a body changed. The first error of `pass` is returned.
[[nodiscard]] Status rewrite_bodies(ir::Context& c, ir::Function& f,
                                    const std::function<Status(ir::Function&)>& pass);

}  // namespace tenon::pass
