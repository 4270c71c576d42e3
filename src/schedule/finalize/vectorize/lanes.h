// Integer expressions across the lanes of a vector loop: which are the same in every lane, which
// step evenly, and how far each lane is from the first.
#pragma once

#include <map>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ir/node.h"
#include "ir/node_map.h"

namespace tenon::schedule::finalizing {

/// Iterations offset .. offset + width - 1 of a vector loop, the lanes of one vector.
struct Chunk {
  int64_t offset;
  int width;
  auto operator<=>(const Chunk&) const = default;
};

class LaneFacts {
 public:
  /// Of the loop over `var`.
  explicit LaneFacts(ir::Expr var) : var_(var) {}

  /// A `let` of the loop's body. The variable is new.
  void define(ir::Expr var, ir::Expr value);
  /// The value of a `let` variable of the body; nullptr for other variables.
  [[nodiscard]] ir::Expr definition(ir::Expr var) const;

  /// The same value in every lane of every chunk.
  [[nodiscard]] bool is_uniform(ir::Expr e);
  /// How much e grows from lane to lane within the chunk, where that is a constant.
  [[nodiscard]] std::optional<int64_t> step(ir::Expr e, const Chunk& chunk);
  /// How far each lane of the chunk is from the first, where those are constants (the channels of
  /// groups, (c div 4) * 4); empty otherwise.
  [[nodiscard]] std::vector<int64_t> offsets(ir::Expr e, const Chunk& chunk);

 private:
  /// What is known of expressions in one chunk.
  struct Found {
    Chunk chunk;
    ir::NodeMap<std::optional<int64_t>> steps;
    ir::NodeMap<std::pair<int64_t, int64_t>> origins;
    ir::NodeMap<std::vector<int64_t>> offsets;
  };
  Found& found(const Chunk& chunk);
  std::optional<int64_t> step(ir::Expr e, Found& seen);
  std::optional<int64_t> find_step(ir::Expr e, Found& seen);
  std::pair<int64_t, int64_t> phase(ir::Expr e, int64_t k, Found& seen);
  std::pair<int64_t, int64_t> origin(ir::Expr e, Found& seen);
  std::vector<int64_t> offsets(ir::Expr e, Found& seen);
  std::vector<int64_t> find_offsets(ir::Expr e, Found& seen);
  int64_t divisor(ir::Expr e);
  int64_t find_divisor(ir::Expr e);

  ir::Expr var_;
  std::unordered_map<ir::Expr, ir::Expr> definitions_;
  ir::NodeMap<bool> uniform_;
  ir::NodeMap<int64_t> divisors_;
  std::map<Chunk, Found> chunks_;
};

}  // namespace tenon::schedule::finalizing
