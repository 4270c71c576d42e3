// What the schedule primitives share: finding statements by name, rebuilding the path above them,
// names, copies with fresh variables, and what is known about variables at a place.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ir/expr.h"
#include "ir/rewrite.h"
#include "ir/simplify.h"
#include "ir/statement.h"
#include "schedule/schedule.h"

namespace tenon::schedule::primitives {

/// A primitive's result: the new program and the names of what it made.
struct Edited {
  Program program;
  Handles handles;
};

/// The reason for refusing, with code "schedule.PRIMITIVE".
[[nodiscard]] inline tl::unexpected<Error> refuse(std::string_view primitive, std::string reason) {
  return fail("schedule." + std::string(primitive), std::move(reason));
}

// ---- statements

using ir::Site;
using ir::Step;

[[nodiscard]] std::optional<Site> find_loop(ir::Expr root, std::string_view name);
[[nodiscard]] std::optional<Site> find_block(ir::Expr root, std::string_view name);
/// All blocks at or below root in program order; `path` starts at root.
[[nodiscard]] std::vector<Site> find_blocks(ir::Expr root);

/// Loops above the site, outermost first, up to the block or root that it stands in.
[[nodiscard]] std::vector<ir::ForView> loops_above(const Site& site);
/// Every loop above, also outside of enclosing blocks.
[[nodiscard]] std::vector<ir::ForView> all_loops_above(const Site& site);
/// The innermost block that the site stands in; nullptr at the root.
[[nodiscard]] ir::Expr block_above(const Site& site);
/// True if the loop or block `node` is on the path of `site`.
[[nodiscard]] bool is_under(const Site& site, ir::Expr node);
/// The site of the path's element at `depth`.
[[nodiscard]] Site ancestor(const Site& site, size_t depth);

/// The root after the statement at `site` is replaced.
[[nodiscard]] ir::Expr replace(ir::Context& c, const Site& site, ir::Expr replacement);
/// The root without that statement and the loops and conditions that it leaves empty.
[[nodiscard]] ir::Expr erase(ir::Context& c, const Site& site);

[[nodiscard]] const std::string& name_of(ir::Expr named);  // var, buffer, or block
[[nodiscard]] inline const std::string& loop_name(ir::ForView loop) { return name_of(loop.var()); }

// ---- notes: key=value pairs joined by `;`

[[nodiscard]] std::string_view note_value(std::string_view note, std::string_view key);
[[nodiscard]] std::string with_note(std::string_view note, std::string_view key,
                                    std::string_view value);
[[nodiscard]] std::string without_note(std::string_view note, std::string_view key);

// ---- a program being changed

/// A copy of a program's record with its body free to change; `finish` gives the new program.
class Draft {
 public:
  explicit Draft(const Program& program);
  [[nodiscard]] ir::Context& c() { return *kernel_->context; }
  [[nodiscard]] ir::Kernel& kernel() { return *kernel_; }
  [[nodiscard]] ir::Expr body() const { return kernel_->body; }
  void set_body(ir::Expr body) { kernel_->body = body; }

  /// A name like `base` that no loop, block or size has; taken from then on.
  [[nodiscard]] std::string fresh(const std::string& base);
  /// The same among buffers, which have their names for themselves.
  [[nodiscard]] std::string fresh_buffer(const std::string& base);
  [[nodiscard]] bool is_taken(const std::string& name) const { return names_.contains(name); }
  /// A variable with such a name.
  [[nodiscard]] ir::Expr fresh_var(const std::string& base) { return c().var(fresh(base)); }

  /// Loops and iterators at or below `statement` get fresh variables, blocks and loops names with
  /// `suffix` appended.
  [[nodiscard]] ir::Expr copy(ir::Expr statement, const std::string& suffix);

  /// What is known about variables at a site: extents of the loops above and of sizes.
  [[nodiscard]] ir::Assumptions known(const Site& site) const;
  [[nodiscard]] ir::Assumptions known_sizes() const;

  /// Every use of `from` (a buffer) becomes `to`, in the params too.
  void replace_buffer(ir::Expr from, ir::Expr to);
  [[nodiscard]] bool is_param(ir::Expr buffer) const;

  [[nodiscard]] Edited finish(Handles handles = {});

 private:
  std::shared_ptr<ir::Kernel> kernel_;
  std::set<std::string> names_, buffer_names_;
};

/// The program in a context of its own, with unique names of loops and blocks, unique
/// names of buffers, and a
/// variable of its own for each loop and iterator. Idempotent up to names of contexts;
/// deterministic.
[[nodiscard]] Program normalize(const Program& program);

/// The same with canonical handles: blocks are called by what they do and their order (dot0, max0,
/// max1), loops by depth (i0, k2; MAX1_i0 where that is taken), internal buffers and results like
/// the block that writes them, other parameters x0, c1, ... So programs of equal canonical text
/// have the same handles. Sizes are no handles and keep their names.
[[nodiscard]] Program canonical(const Program& program);

/// The loop or block `from` renamed; nullopt when `to` is taken or no name.
[[nodiscard]] std::optional<Program> rename(const Program& program, const std::string& from,
                                            const std::string& to);
[[nodiscard]] bool is_name(std::string_view text);
/// The axis that an iterator of the block stands for: vi0 and vBLOCK_i0 --> i0.
[[nodiscard]] std::string axis_name(const std::string& block, ir::Expr iterator);
/// `base` or the first of base_2, base_3 ... that is not in `names`; added to them.
[[nodiscard]] std::string unique_in(std::set<std::string>& names, const std::string& base);

}  // namespace tenon::schedule::primitives
