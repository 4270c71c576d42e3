// The table row of a composite and what its build function sees.
#pragma once

#include <string_view>
#include <vector>

#include "ops/composite/blocks.h"
#include "ops/composite/body.h"
#include "ops/options.h"

namespace tenon::ops::composite {

/// One application of a composite. Codes: NAME.C1 operands, NAME.C2 options; a row's own
/// constraints are numbered from C3.
struct Composite {
  std::string_view name;
  Body& b;
  std::vector<Val>
      in;  // one for each operand the row names (or was given, for any number); may be empty
  const Options& options;
  std::span<const Expr> extents;

  [[nodiscard]] Context& c() const { return b.c; }
  /// Records NAME.C<number> unless `condition`; returns it.
  bool require(bool condition, int number, std::string message) const;

  // Options; a malformed value is recorded as NAME.C2.
  [[nodiscard]] const std::string* find(std::string_view key) const;
  [[nodiscard]] int64_t integer(std::string_view key, int64_t otherwise) const;
  [[nodiscard]] double real(std::string_view key, double otherwise) const;
  [[nodiscard]] std::string word(std::string_view key,
                                 std::string_view otherwise) const;  // in lower case
  [[nodiscard]] Ints integers(std::string_view key, Ints otherwise) const;
  [[nodiscard]] std::vector<double> reals(std::string_view key,
                                          std::vector<double> otherwise) const;
  [[nodiscard]] std::vector<std::string> words(std::string_view key) const;
  [[nodiscard]] ir::DType dtype(std::string_view key, ir::DType otherwise) const;
  /// An axis of a tensor of that rank, made non-negative; out of range is NAME.C2.
  [[nodiscard]] int64_t axis(std::string_view key, int64_t otherwise, int rank) const;
  [[nodiscard]] Ints axes(std::string_view key, Ints otherwise, int rank) const;
};

/// How a kernel computes a composite that `decompose` keeps, where the body's primitives one by one
/// are not the best that is known. test/kept_composites_test.cc compares each with its body.
struct Lowering {
  /// Whether it covers the call: options, element types, ranks. Others are inlined.
  bool (*accepts)(Expr call);
  /// What kernels ask of an operator, for the call: pattern, index maps, and `opaque`, which writes
  /// the results' blocks.
  OpRow row;
};
/// The row of a lowering that works on whole rows.
[[nodiscard]] constexpr OpRow row_work(OpaqueFn build, AxesFn axes, double tolerance = 1e-5) {
  OpRow row{ir::Op::call, Pattern::reduction, nullptr, nullptr};
  row.opaque = build;
  row.axes = axes;
  row.tolerance = tolerance;
  return row;
}
/// An option of a call that it was built with.
[[nodiscard]] bool has_option(Expr call, std::string_view key);
[[nodiscard]] int64_t integer_option(Expr call, std::string_view key, int64_t otherwise);
[[nodiscard]] double real_option(Expr call, std::string_view key, double otherwise);

using BuildComposite = std::vector<Val> (*)(Composite&);

struct CompositeRow {
  std::string_view name;
  std::string_view operands;  // "x,scale?": names of params; "x*": any number
  std::string_view options;   // "axis,epsilon": the known keys
  BuildComposite build;
  bool direct = false;  // built as its primitives at once rather than as a call
  const Lowering* lowering = nullptr;
  std::string_view extents = "";  // what the extents are, in order: "k"; "low*,high*": one an axis
};

// The families, one file each.
std::span<const CompositeRow> primitive_rows();
std::span<const CompositeRow> softmax_rows();
std::span<const CompositeRow> norm_rows();
std::span<const CompositeRow> activation_rows();
std::span<const CompositeRow> attention_rows();
std::span<const CompositeRow> recurrent_rows();
std::span<const CompositeRow> pooling_rows();
std::span<const CompositeRow> resize_rows();
std::span<const CompositeRow> sampling_rows();
std::span<const CompositeRow> rearrange_rows();
std::span<const CompositeRow> select_rows();
std::span<const CompositeRow> quantize_rows();
std::span<const CompositeRow> signal_rows();
std::span<const CompositeRow> einsum_rows();

}  // namespace tenon::ops::composite
