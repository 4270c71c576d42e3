#include "target/peak.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <vector>

#include "artifact/frame.h"
#include "ir/dtype.h"
#include "ir/expr.h"
#include "ir/rewrite.h"
#include "ir/simplify.h"
#include "support/check.h"
#include "support/executable_memory.h"
#include "support/stopwatch.h"
#include "target/target.h"

namespace tenon::target {
namespace {

using ir::Expr;
using machine::Semantics;

/// A kernel that runs one tile again and again on the same operands.
struct TileLoop {
  ir::Kernel kernel;
  std::vector<int64_t> bytes;  // of each parameter
  double operations = 0;       // of one iteration of its grid
};

/// Times that a tile is added to the same accumulators, so that filling and reading them is little.
constexpr int64_t kRepeats = 16;

/// Extents of the axes where the one that is known at run time is `depth`.
std::vector<int64_t> extents_of(const Semantics& s, std::span<const int64_t> params,
                                int64_t depth) {
  std::vector<int64_t> extents;
  for (const Semantics::Axis& a : s.axes)
    extents.push_back(a.param >= 0  ? params[static_cast<size_t>(a.param)]
                      : a.most >= 0 ? params[static_cast<size_t>(a.most)]
                      : a.fixed > 0 ? a.fixed
                      : a.group > 0 ? a.group
                                    : depth);
  return extents;
}

class TileLoopBuilder {
 public:
  TileLoopBuilder(const machine::Instruction& row, std::vector<int64_t> params, int64_t depth)
      : row_(row),
        s_(machine::semantics(row)),
        params_(std::move(params)),
        extents_(extents_of(s_, params_, depth)) {}

  TileLoop build() {
    TileLoop out;
    out.kernel.name = "peak";
    out.kernel.context = std::make_shared<ir::Context>();
    c_ = out.kernel.context.get();
    ir::Map to_here;
    std::vector<ir::InstrAxis> axes;
    out.operations = 2 * kRepeats;
    for (size_t i = 0; i < s_.axes.size(); ++i) {
      axes.push_back({c_->var("t" + std::to_string(i)), c_->i64(extents_[i])});
      to_here[s_.axes[i].var] = axes.back().var;
      out.operations *= static_cast<double>(extents_[i]);
    }
    std::vector<Expr> operands;
    for (size_t i = 0; i < s_.operands.size(); ++i) operands.push_back(operand(i, axes, to_here));
    const Expr sums = operands[0]->operand(0);
    const Expr result = c_->buffer("out", c_->tensor(sums->dtype(), sums->shape()));
    out.kernel.params.push_back({result, ir::ParamRole::out, {}});
    for (size_t i = 1; i < operands.size(); ++i)
      out.kernel.params.push_back({operands[i]->operand(0), ir::ParamRole::in, {}});
    out.kernel.buffers = {sums};
    for (const ir::KernelParam& p : out.kernel.params) out.bytes.push_back(bytes_of(p.buffer));
    const Expr zero = ir::is_float(sums->dtype()) ? c_->imm_f(c_->scalar(sums->dtype()), 0)
                                                  : c_->imm(c_->scalar(sums->dtype()), 0);
    const Expr tile = ir::instr(*c_, std::string(row_.name), params_, axes, operands);
    out.kernel.body = ir::for_loop(
        *c_, c_->var("g"), grid(out.kernel),
        ir::seq(
            *c_,
            std::vector{
                nest(sums, [&](auto at) { return store(sums, zero, at); }),
                ir::for_loop(*c_, c_->var("r"), c_->i64(kRepeats), tile),
                nest(sums, [&](auto at) { return store(result, ir::load(*c_, sums, at), at); })}),
        "parallel");
    return out;
  }

 private:
  /// The number of iterations is no literal: nobody makes fewer of them.
  Expr grid(ir::Kernel& kernel) {
    kernel.sizes = {c_->var("n")};
    return kernel.sizes.front();
  }

  /// An element of operand i, in a buffer that holds what the axes reach.
  Expr operand(size_t i, const std::vector<ir::InstrAxis>& axes, ir::Map& to_here) {
    const Semantics::Operand& x = s_.operands[i];
    ir::Map last;
    for (const ir::InstrAxis& a : axes) last[a.var] = ir::sub(*c_, a.extent, c_->i64(1));
    std::vector<Expr> indices, shape;
    for (Expr index : x.indices) {
      indices.push_back(ir::copy_to(*c_, index, to_here));
      const Expr most = ir::substitute(*c_, indices.back(), last);
      shape.push_back(ir::simplify(*c_, ir::add(*c_, most, c_->i64(1))));
    }
    const ir::Scope scope = i == 0 ? ir::Scope::reg : ir::Scope::global;
    const Expr buffer =
        c_->buffer("x" + std::to_string(i), c_->tensor(x.buffer->dtype(), shape, scope));
    return ir::load(*c_, buffer, indices);
  }

  static int64_t bytes_of(Expr buffer) {
    int64_t n = ir::info(buffer->dtype()).element_bytes;
    for (Expr extent : buffer->shape()) n *= ir::as_int(extent).value();
    return n;
  }

  Expr store(Expr buffer, Expr value, const std::vector<Expr>& at) {
    return ir::store(*c_, buffer, value, at);
  }

  template <class Body>
  Expr nest(Expr buffer, const Body& body) {
    std::vector<Expr> at;
    for (size_t d = 0; d < buffer->shape().size(); ++d)
      at.push_back(c_->var("i" + std::to_string(d)));
    Expr all = body(at);
    for (size_t d = at.size(); d-- > 0;) all = ir::for_loop(*c_, at[d], buffer->shape()[d], all);
    return all;
  }

  const machine::Instruction& row_;
  const Semantics& s_;
  std::vector<int64_t> params_, extents_;
  ir::Context* c_ = nullptr;
};

/// A step of the depth takes so many bytes of the operands that are read.
int64_t bytes_of_step(const Semantics& s, std::span<const int64_t> params) {
  int64_t all = 0;
  for (size_t i = 1; i < s.operands.size(); ++i) {
    int64_t n = ir::info(s.operands[i].buffer->dtype()).element_bytes;
    const std::vector<int64_t> extents = extents_of(s, params, 1);
    for (size_t a = 0; a < extents.size(); ++a)
      if (s.operands[i].axes[a]) n *= extents[a];
    all += n;
  }
  return all;
}

/// The code, called until about 8 ms are over; the best rate.
Result<double> best_gops(const TileLoop& loop, const machine::Machine& machine) {
  TENON_TRY(const Object object, emit(loop.kernel, machine, "peak"));
  TENON_TRY(const Blob blob, link(std::span(&object, 1), machine));
  TENON_TRY(const auto code, ExecutableMemory::of(blob.bytes));
  TENON_CHECK(blob.symbols.size() == 1 && object.launches.size() == 1, "one launch is one symbol");
  const auto function = code->function<KernelFn>(blob.symbols.front().second);
  std::vector<std::vector<std::byte>> memory;
  std::vector<void*> buffers;
  for (const int64_t bytes : loop.bytes) {
    memory.emplace_back(static_cast<size_t>(bytes) + 64);
    void* at = memory.back().data();
    size_t room = memory.back().size();
    buffers.push_back(std::align(64, static_cast<size_t>(bytes), at, room));
  }
  const auto scratch_bytes = ir::as_int(object.launches.front().scratch_bytes);
  TENON_CHECK(scratch_bytes.has_value(), "the scratch of a tile has a constant size");
  std::vector<std::byte> scratch(static_cast<size_t>(*scratch_bytes) + 64);
  void* scratch_at = scratch.data();
  size_t room = scratch.size();
  scratch_at = std::align(64, static_cast<size_t>(*scratch_bytes), scratch_at, room);
  // About a tenth of a millisecond a call, at ten operations a nanosecond.
  const int64_t n = std::max<int64_t>(1, static_cast<int64_t>(1e6 / loop.operations));
  const Frame frame{buffers.data(), &n};
  double best = 0;
  const Stopwatch all;
  do {
    const Stopwatch one;
    TENON_CHECK(function(&frame, 0, n, scratch_at) == kKernelOk, "a tile does not fail");
    best = std::max(best, loop.operations * static_cast<double>(n) / one.seconds() * 1e-9);
  } while (all.seconds() < 0.008);
  return best;
}

}  // namespace

Result<double> instruction_gops(const machine::Instruction& row, const machine::Machine& machine) {
  const Semantics& s = machine::semantics(row);
  const int64_t lanes = machine.lanes(s.operands.front().buffer->dtype());
  constexpr int64_t kMostVectors = 4, kMostRows = 64;
  double best = 0;
  for (int64_t vectors = 1; vectors <= kMostVectors; ++vectors) {
    int64_t rows = kMostRows;
    const auto fits = [&] { return row.fits(machine, std::array{rows, vectors * lanes}); };
    while (rows > 0 && !fits()) --rows;
    if (rows == 0) continue;
    const std::vector<int64_t> params{rows, vectors * lanes};
    const int64_t depth = std::max<int64_t>(1, machine.l1_bytes / 2 / bytes_of_step(s, params));
    TENON_TRY(const double rate, best_gops(TileLoopBuilder(row, params, depth).build(), machine));
    best = std::max(best, rate);
  }
  return best;
}

}  // namespace tenon::target
