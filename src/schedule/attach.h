// The contract between fusion and schedules: which work may share the loops of which. Fusion asks
// before it puts an operator into a kernel; the kernel's blocks carry the answer (`place` in their
// notes), and the default schedule tries rows where it says so. Facts are shapes and index maps,
// never operators' names.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "ir/node.h"

namespace tenon::schedule {

/// How work walks over its points; up to `listed` one result for each.
enum class Form : uint8_t {
  point,   // a value for each point of the result from the operands' values there
  moved,   // from one element of each operand, elsewhere
  listed,  // the same, elements that other data name (gather); in range without a check
  rows,    // whole rows: the first `rows` axes of the result, what lies behind is one piece of work
  anchor,  // sums of another kind: contraction, window, sums over leading axes
  whole,   // a statement over whole buffers
};

/// Where work runs that joins a kernel.
enum class Place : uint8_t {
  own,       // in the loops that the kernel is made for
  point,     // at each point of the kernel's loops
  row,       // inside its loop over rows
  epilogue,  // on a piece of the anchor's result, behind the sum
};
[[nodiscard]] std::string_view name(Place place);

/// A value of the kernel that the candidate reads, itself or by way of a broadcast.
struct InnerRead {
  std::vector<ir::Expr> extents;  // of the value
  /// For each axis of the value the axis of the candidate's points that its index follows: the
  /// result's axes, then those that it sums over. Empty: otherwise.
  std::optional<std::vector<int>> axes;
  bool repeats = false;  // several points read one element
};

struct Candidate {
  Form form = Form::point;
  std::vector<ir::Expr> extents;  // of the result
  int rows = 0;                   // of form `rows`
  bool dear = false;              // takes many times the cycles of an addition
  bool before = false;            // the kernel reads it, rather than the other way round
  std::vector<InnerRead> reads;
  /// Extents of values that would be stored beside the result, since others read them too: of the
  /// kernel's, or of a candidate that comes before.
  std::vector<std::span<const ir::Expr>> beside;
};

/// What a kernel is so far.
struct Anchor {
  Form form = Form::point;
  std::vector<ir::Expr> domain;  // of its loops: of form `rows` the leading axes
  bool dear = false;             // so is some value of it
};

struct Attachment {
  std::optional<Place> place;  // empty: not at all
  std::string_view reason;     // why not
  explicit operator bool() const { return place.has_value(); }
};

/// May the candidate run in the kernel's loops? `members` is what the kernel holds already, each
/// as a candidate; asked for where points would become rows. The caller keeps the order of
/// computation: nothing here knows of other kernels.
[[nodiscard]] Attachment can_attach(const Anchor& anchor, const Candidate& candidate,
                                    std::span<const Candidate> members = {});
/// The kernel with the candidate in it.
void attach(Anchor& anchor, const Candidate& candidate, Place place);

}  // namespace tenon::schedule
