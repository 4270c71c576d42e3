// What default schedules know about a block: its loops, what it reads and writes, with which
// strides.
#pragma once

#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "ir/expr.h"
#include "ir/simplify.h"
#include "schedule/schedule.h"

namespace tenon::schedule::defaults {

struct LoopInfo {
  std::string name;
  ir::Expr var, extent;
  bool reduction = false;
  [[nodiscard]] std::optional<int64_t> count() const { return ir::as_int(extent); }
};

/// One access with its indices in terms of loop variables.
struct AccessInfo {
  ir::Expr buffer;
  std::vector<ir::Expr> indices;
  ir::Expr flat;  // row-major offset
};

/// What a walk over the program tells of a block, without a question about its indices.
struct BlockOutline {
  std::string name;
  ir::Expr node = nullptr;
  std::vector<LoopInfo> loops;  // outermost first
  bool simple = false;          // body is one store or update; the fields below are set
  bool is_update = false;
  std::string combine;
  ir::Expr output = nullptr;               // the buffer written
  std::unordered_set<ir::Expr> inputs;     // buffers read
  ir::Expr body = nullptr;                 // in terms of loop variables
  ir::Expr value = nullptr;                // what the body stores or combines
  std::unordered_set<ir::Expr> bare_vars;  // loop variables that the value uses outside of indices
  int heavy = 0;                           // transcendental operators in the value

  [[nodiscard]] std::vector<LoopInfo> spatial() const;
  [[nodiscard]] std::vector<LoopInfo> reductions() const;
  [[nodiscard]] bool reads_buffer(ir::Expr buffer) const { return inputs.contains(buffer); }
};

struct BlockInfo : BlockOutline {
  AccessInfo write;
  std::vector<AccessInfo> reads;  // in order of first appearance in the value
};

/// Every block of the program, in program order.
[[nodiscard]] std::vector<BlockOutline> outline(const ir::Kernel& kernel);
[[nodiscard]] std::optional<BlockInfo> describe(const ir::Kernel& kernel, const std::string& block);
[[nodiscard]] BlockInfo describe(const ir::Kernel& kernel, BlockOutline outline);

/// Elements that the access moves when the loop advances by one; nullptr when that is not a
/// constant of the loop.
[[nodiscard]] ir::Expr stride_of(ir::Context& c, const AccessInfo& access, const LoopInfo& loop,
                                 const std::vector<LoopInfo>& all);
[[nodiscard]] bool is_contiguous(ir::Context& c, const AccessInfo& access, const LoopInfo& loop,
                                 const std::vector<LoopInfo>& all);
/// True if every access sees `outer` and `inner` as one axis: outer's stride is inner's times its
/// extent.
[[nodiscard]] bool can_merge(ir::Context& c, const BlockInfo& block, const LoopInfo& outer,
                             const LoopInfo& inner);

/// True if an index of some read mixes an output axis with a reduction axis: a sliding window.
[[nodiscard]] bool slides(const BlockInfo& block);

/// A grouped convolution reads channel (oc / per_group) * ..: splitting oc by per_group tells the
/// group apart. The divisor, or 0.
[[nodiscard]] int64_t group_size(const BlockInfo& info);

/// Role of a param of the kernel; empty for an internal buffer.
[[nodiscard]] std::optional<ir::ParamRole> role_of(const ir::Kernel& kernel, ir::Expr buffer);
/// Bytes of the widest element that the block touches.
[[nodiscard]] int widest(const BlockInfo& block);
/// Product of the extents of loops where all are literals.
[[nodiscard]] std::optional<int64_t> total(const std::vector<LoopInfo>& loops);

}  // namespace tenon::schedule::defaults
