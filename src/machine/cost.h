// What work costs on a machine, as far as a choice between schedules needs it: cycles of one core,
// from the machine's row. One number, the cost of a fork, decides everywhere whether work is worth
// several threads. Other constants are derived in words beside them.
#pragma once

#include <cstdint>
#include <optional>

#include "machine/machine.h"

namespace tenon::machine {

class Cost {
 public:
  explicit Cost(const Machine& machine) : m_(machine) {}

  // ---- threads
  /// Elements of 4 bytes that an elementwise step (two operands, one result, all from the second
  /// level of cache) gets done in the time of a fork, as a power of two: what a task takes at
  /// least. Below it a kernel runs on one thread.
  [[nodiscard]] int64_t task_elements() const;
  /// True if that many multiply-adds of a type with `lanes` elements in a vector take less than a
  /// fork at the peak of one core.
  [[nodiscard]] bool is_small_product(int64_t products, int lanes) const;
  /// Tasks of a launch that spread evenly: a thread takes a fixed share of them, so that eight
  /// threads with four each lose a fourth of their time at most where one task is left over.
  [[nodiscard]] int64_t tasks() const { return 32; }

  /// True if a copy of a product's rows with wider elements costs less than it saves: an element is
  /// read, widened and written once, instead of widened for each tile of about two vectors of
  /// columns. Rows too few to fill a tile are not worth a pass of their own.
  [[nodiscard]] bool widening_pays(std::optional<int64_t> rows, std::optional<int64_t> columns,
                                   int lanes) const {
    return rows.value_or(4) >= 4 && columns.value_or(4 * lanes) >= 4 * lanes;
  }

  // ---- caches
  /// Bytes apart at which two lines share a set of the first-level cache.
  [[nodiscard]] int64_t set_period() const { return m_.l1_bytes / m_.l1_ways; }
  /// Rows that are read side by side, `stride` bytes apart, without evicting each other; nullopt:
  /// any number.
  [[nodiscard]] std::optional<int64_t> rows_side_by_side(int64_t stride) const;
  /// Bytes of an operand that stay in the second-level cache while the other one streams by: half.
  [[nodiscard]] int64_t resident_bytes() const { return m_.l2_bytes / 2; }
  /// Most bytes of a buffer that each worker gets a copy of although one of them would do.
  [[nodiscard]] int64_t private_bytes() const { return 2 * m_.l1_bytes; }

  // ---- registers and code
  /// Rows of a tile of `vectors` vectors each whose accumulators stay in registers, beside one
  /// vector of each column and one of the rows' operand.
  [[nodiscard]] int64_t tile_rows(int64_t vectors) const;
  /// Vectors of partial sums that keep the adders busy: an addition takes four cycles, and one
  /// load for each addition allows one or two of them in a cycle. Where each element takes a call
  /// the call's own parallelism does, and its registers are needed.
  [[nodiscard]] int64_t accumulators(bool heavy) const { return heavy ? 2 : 4; }
  /// Vectors of an elementwise step side by side, for the same reason.
  [[nodiscard]] int64_t vectors_at_once(int heavy) const {
    return heavy > 2 ? 1 : heavy > 0 ? 2 : 4;
  }
  /// Statements that may be repeated instead of looped over: what a loop of a few hundred
  /// instructions takes is in the cache of decoded ones, which holds thousands.
  [[nodiscard]] int64_t unrolled() const { return 32; }

 private:
  const Machine& m_;
};

}  // namespace tenon::machine
