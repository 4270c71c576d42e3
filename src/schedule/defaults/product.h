// A product of two operands, a(rows, k) * b(k, columns), batched or not: how its loops touch them,
// the tile that an instruction computes, its sizes, and the layout that the instruction reads.
#pragma once

#include "machine/instruction.h"
#include "schedule/defaults/tile.h"

namespace tenon::schedule::defaults {

/// How the loops of a contraction touch its operands.
struct Roles {
  AccessInfo a, b;            // rows' operand and columns' operand
  Handles batch, rows, cols;  // spatial loops, outermost first
  Handles k;
};

struct Dims {
  std::optional<int64_t> m, n, k;
};

/// The loops of a product in definition form; nullopt unless its value is one of two loads, widened
/// or not, of which the innermost output axis moves only one.
[[nodiscard]] std::optional<Roles> roles_of(ir::Context& c, const BlockInfo& info);

class Product {
 public:
  /// `instruction` is the decision for `row`.
  Product(Schedule& s, const Target& t, std::string anchor, const machine::Instruction& row,
          Term instruction)
      : s_(s),
        t_(t),
        anchor_(std::move(anchor)),
        instruction_(row),
        word_(std::move(instruction)),
        steps_(machine::semantics(row).group()) {}

  /// In definition form: finds the roles of loops, decides the tile's sizes, and packs operands.
  Status prepare();
  /// Cuts the loops below `outer` of them into tiles, panel by panel, and attaches `behind` to
  /// each, or a copy of the tile. The loop around a tile.
  Result<std::string> cut_below(size_t outer, const Handles& behind);
  /// The tile's sums start in registers before the loops of k, which become the instruction.
  /// `place` is the loop around.
  Status finish_tile(const std::string& place);

  /// Blocks that pack operands at run time.
  [[nodiscard]] const Handles& packs() const { return pack_blocks_; }
  [[nodiscard]] const Roles& roles() const { return r_; }
  [[nodiscard]] const Dims& dims() const { return dims_; }
  [[nodiscard]] const Number& rows() const { return mr_; }

 protected:
  [[nodiscard]] ir::Context& c() const { return *s_.program()->context; }
  [[nodiscard]] BlockInfo here() const { return *describe(*s_.program(), anchor_); }

  Schedule& s_;
  const Target& t_;
  std::string anchor_;
  const machine::Instruction& instruction_;
  Term word_;      // its name
  int64_t steps_;  // of k that the instruction takes side by side
  Roles r_;
  Dims dims_;
  int lanes_ = 1;
  Number mr_ = 1, nr_ = 1;
  int64_t group_ = 0;  // output channels of a group; 0: there are no groups
  Handles pack_blocks_;
  bool widens_ = false;      // the instruction takes wider rows
  std::string widen_block_;  // copies the rows; "": they are as the instruction takes them

 private:
  /// ir::Packing with factors that are decisions.
  struct Layout {
    std::vector<Number> factors;
    std::vector<int64_t> perm;
  };

  [[nodiscard]] std::vector<Number> sizes() const;
  [[nodiscard]] bool fits() const;
  /// Decides ANCHOR.columns and ANCHOR.rows.
  Status size_tile(const BlockInfo& info);
  /// Those heights of tiles that registers hold and that are no higher than there are rows.
  std::vector<int64_t> fitting(std::vector<int64_t> heights);
  Status split_groups();
  /// The only axis of the access that the loop walks.
  std::optional<int> axis_of(const BlockInfo& info, const AccessInfo& a, const std::string& loop);
  /// Neighbouring reduction loops that are one axis of both operands become one, but for the last
  /// where groups are taken from it: a packed axis is one of the operand's.
  Status merge_k();
  /// Rows that share a set of the first-level cache: no more than it has ways.
  int64_t most_rows(const BlockInfo& info);
  /// Refuses where k cannot be taken in groups: it is shorter, or columns that are packed at run
  /// time serve too few rows. Rows whose neighbours along k do not lie side by side are copied so.
  Status take_groups(const BlockInfo& info);
  Status pack_rows(const BlockInfo& info);
  /// Rows whose elements the instruction takes only wider are read through a copy; refuses where
  /// columns would have to be, and where rows are a constant.
  Status widen_rows(const BlockInfo& info);
  Status pack(const AccessInfo& operand, const Layout& layout);
  /// Axis of the operand that the innermost reduction loop is; -1: none.
  int group_axis(const BlockInfo& info, const AccessInfo& operand);
  /// Axis of the column operand that the innermost column loop walks, alone and from 0; -1: none.
  int column_axis(const BlockInfo& info);
  Status pack_columns(const BlockInfo& info);
  /// Outer axes, panels, axes of k in loop order, columns in the panel, steps of k in a group.
  Layout layout(const BlockInfo& info, int axis);
  /// The loops from the innermost over k on become the instruction, in groups of steps where it
  /// takes them; so does what is left of k.
  Status tensorize();
};

}  // namespace tenon::schedule::defaults
