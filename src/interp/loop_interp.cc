// Interpreter of loop programs. The program is first compiled to flat tables (loop_tables.h); then
// it runs serially, parallel loops backwards so that an illegal dependence between iterations
// shows.
#include <algorithm>
#include <cstring>
#include <limits>
#include <unordered_map>

#include "interp/interp.h"
#include "interp/loop_memory.h"
#include "interp/loop_tables.h"
#include "interp/pack.h"
#include "interp/scalar.h"
#include "ir/dtype.h"
#include "ir/expr.h"
#include "ir/packed.h"
#include "machine/machine.h"
#include "support/check.h"

namespace tenon::interp {
namespace {
using ir::DType;
using ir::Expr;
using ir::Key;
using ir::Op;

/// Runs Tables. A failed access sets error_ and makes every later step a no-op.
class Machine {
 public:
  Machine(Tables& tables) : t_(tables), slots_(static_cast<size_t>(tables.slot_count)) {}
  std::vector<int64_t>& slots() { return slots_; }

  Status run() {
    execute(t_.root);
    if (failed_) return tl::make_unexpected(std::move(error_));
    return {};
  }
  int64_t extent(int code) {
    ++epoch_;
    return eval(code).i;
  }

 private:
  void stop(std::string code, std::string message) {
    if (failed_) return;
    failed_ = true;
    error_ = Error{{{std::move(code), std::move(message)}}};
  }

  Scalar eval(int at) {
    Code& code = t_.codes[static_cast<size_t>(at)];
    switch (code.op) {
      case Op::imm:
        return code.value;
      case Op::var: {
        Scalar s{};
        std::memcpy(&s, &slots_[static_cast<size_t>(code.slot)], sizeof s);
        return s;
      }
      default:
        break;
    }
    if (!code.memo) return compute(code);
    if (code.stamp == epoch_) return code.value;
    const Scalar value = compute(code);
    code.value = value;
    code.stamp = epoch_;
    return value;
  }

  Scalar compute(const Code& code) {
    if (ir::is_load(code.op)) {
      const Memory& m = t_.memories[static_cast<size_t>(code.buffer)];
      if (code.mask >= 0 && eval(code.mask).i == 0) return unspecified(code.type);
      const int64_t at = flatten(m, code.args.data(), code.args.size());
      return at < 0 ? Scalar{} : load_element(m, at);
    }
    if (code.op == Op::select) return eval(eval(code.args[0]).i != 0 ? code.args[1] : code.args[2]);
    if (code.op == Op::lane) return take_lane(code);
    if (code.op == Op::reduce_lanes) return reduce_lanes(code);
    Scalar args[3];
    for (size_t i = 0; i < code.args.size(); ++i) args[i] = eval(code.args[i]);
    return operate(code, args);
  }
  Scalar operate(const Code& code, const Scalar* args) {
    if (code.type == DType::i64) {  // the common index arithmetic
      if (code.op == Op::add)
        return wrap_int(static_cast<uint64_t>(args[0].i) + static_cast<uint64_t>(args[1].i));
      if (code.op == Op::mul)
        return wrap_int(static_cast<uint64_t>(args[0].i) * static_cast<uint64_t>(args[1].i));
    }
    if (code.op == Op::cast) return cast(code.arg_type, code.type, args[0], code.saturate);
    return apply(code.op, code.arg_type, args);
  }
  static Scalar wrap_int(uint64_t v) {
    Scalar s{};
    s.i = static_cast<int64_t>(v);
    return s;
  }

  /// Flat offset of an element, or -1 after reporting an index out of range.
  int64_t flatten(const Memory& m, const int* indices, size_t count) {
    int64_t at = 0;
    for (size_t d = 0; d < count; ++d) {
      const int64_t i = eval(indices[d]).i;
      if (!check_index(m, d, i, m.shape[d])) return -1;
      at = at * m.shape[d] + i;
    }
    return at;
  }
  bool check_index(const Memory& m, size_t axis, int64_t i, int64_t extent) {
    if (i >= 0 && i < extent) return true;
    stop("interp.range", "index " + std::to_string(i) + " of axis " + std::to_string(axis) +
                             " of buffer '" + m.name + "' is outside its extent " +
                             std::to_string(extent));
    return false;
  }

  // ---- lanes

  [[nodiscard]] int lanes(int at) const { return t_.codes[static_cast<size_t>(at)].lanes; }

  /// The lanes of a vector; valid until it is evaluated again.
  const Scalar* eval_lanes(int at) {
    Code& code = t_.codes[static_cast<size_t>(at)];
    if (code.memo && code.stamp == epoch_) return code.vector.data();
    compute_lanes(code);
    code.stamp = epoch_;
    return code.vector.data();
  }

  void compute_lanes(Code& code) {
    std::vector<Scalar>& out = code.vector;
    const auto n = static_cast<size_t>(code.lanes);
    switch (code.op) {
      case Op::var:
        std::memcpy(out.data(), &slots_[static_cast<size_t>(code.slot)], n * sizeof(Scalar));
        return;
      case Op::splat:
        std::ranges::fill(out, eval(code.args[0]));
        return;
      case Op::ramp: {
        const Scalar base = eval(code.args[0]);
        const Scalar step = eval(code.args[1]);
        const auto start = static_cast<uint64_t>(base.i);
        for (size_t i = 0; i < n; ++i)
          out[i].i = ir::wrap_to(code.type,
                                 static_cast<int64_t>(start + i * static_cast<uint64_t>(step.i)));
        return;
      }
      case Op::shuffle:
        return shuffle(code);
      case Op::load:
      case Op::masked_load:
        return load_lanes(code);
      case Op::select:
        if (lanes(code.args[0]) > 1) break;
        std::copy_n(eval_lanes(code.args[eval(code.args[0]).i != 0 ? 1 : 2]), n, out.data());
        return;
      default:
        break;
    }
    const Scalar* operands[3] = {};
    for (size_t k = 0; k < code.args.size(); ++k) operands[k] = eval_lanes(code.args[k]);
    for (size_t i = 0; i < n; ++i) {
      Scalar args[3] = {};
      for (size_t k = 0; k < code.args.size(); ++k) args[k] = operands[k][i];
      out[i] = code.op == Op::select ? args[args[0].i != 0 ? 1 : 2] : operate(code, args);
    }
  }

  void shuffle(Code& code) {
    const auto width = static_cast<int64_t>(lanes(code.args[0]));
    for (size_t i = 0; i < code.pattern.size(); ++i) {
      const int64_t from = code.pattern[i];
      code.vector[i] = eval_lanes(code.args[static_cast<size_t>(from / width)])[from % width];
    }
  }

  void load_lanes(Code& code) {
    const Memory& m = t_.memories[static_cast<size_t>(code.buffer)];
    for (size_t i = 0; i < code.vector.size() && !failed_; ++i) {
      if (code.mask >= 0 && eval_lanes(code.mask)[i].i == 0) {
        code.vector[i] = unspecified(code.type);
        continue;
      }
      const int64_t at = flatten_lane(m, code.args, i);
      if (at >= 0) code.vector[i] = load_element(m, at);
    }
  }

  /// As flatten, for one lane of the indices; a single one may be a row-major offset.
  int64_t flatten_lane(const Memory& m, std::span<const int> indices, size_t lane) {
    const auto index = [&](size_t d) {
      return lanes(indices[d]) > 1 ? eval_lanes(indices[d])[lane].i : eval(indices[d]).i;
    };
    if (indices.size() == 1 && m.shape.size() != 1)
      return check_index(m, 0, index(0), m.count) ? index(0) : -1;
    int64_t at = 0;
    for (size_t d = 0; d < indices.size(); ++d) {
      const int64_t i = index(d);
      if (!check_index(m, d, i, m.shape[d])) return -1;
      at = at * m.shape[d] + i;
    }
    return at;
  }

  Scalar take_lane(const Code& code) {
    const int64_t i = eval(code.args[1]).i;
    if (i >= 0 && i < lanes(code.args[0])) return eval_lanes(code.args[0])[i];
    stop("interp.range",
         "lane " + std::to_string(i) + " of a vector of " + std::to_string(lanes(code.args[0])));
    return {};
  }

  Scalar reduce_lanes(const Code& code) {
    const auto n = static_cast<size_t>(lanes(code.args[0]));
    const Scalar* all = eval_lanes(code.args[0]);
    std::vector<Scalar> rest(all, all + n);
    for (size_t half = n / 2; half > 0; half /= 2)
      for (size_t i = 0; i < half; ++i) {
        const Scalar args[3] = {rest[i], rest[i + half], {}};
        rest[i] = apply(code.combine, code.type, args);
      }
    return rest[0];
  }

  void store_lanes(const Statement& s, const Memory& m, std::span<const int> indices) {
    const std::vector<Scalar>& values = t_.codes[static_cast<size_t>(s.exprs[0])].vector;
    (void)eval_lanes(s.exprs[0]);
    std::vector<int64_t> places(values.size(), -1);
    for (size_t i = 0; i < values.size() && !failed_; ++i)
      if (s.mask < 0 || eval_lanes(s.mask)[i].i != 0) places[i] = flatten_lane(m, indices, i);
    if (failed_ || !check_writable(m)) return;
    for (size_t i = 0; i < values.size(); ++i)
      if (places[i] >= 0) store_element(m, places[i], values[i]);
  }

  void execute(int at) {
    const Statement& s = t_.statements[static_cast<size_t>(at)];
    if (failed_) return;
    switch (s.op) {
      case Op::seq:
        for (int child : s.children) execute(child);
        break;
      case Op::for_:
        execute_for(s);
        break;
      case Op::cond:
        ++epoch_;
        if (eval(s.exprs[0]).i != 0) {
          execute(s.children[0]);
        } else if (s.children.size() > 1) {
          execute(s.children[1]);
        }
        break;
      case Op::while_:
        for (;;) {
          ++epoch_;
          if (eval(s.exprs[0]).i == 0 || failed_) break;
          execute(s.children[0]);
        }
        break;
      case Op::let: {
        ++epoch_;
        std::byte* slot = reinterpret_cast<std::byte*>(&slots_[static_cast<size_t>(s.slots[0])]);
        if (const auto n = static_cast<size_t>(lanes(s.exprs[0])); n > 1) {
          std::memcpy(slot, eval_lanes(s.exprs[0]), n * sizeof(Scalar));
        } else {
          const Scalar v = eval(s.exprs[0]);
          std::memcpy(slot, &v, sizeof v);
        }
        execute(s.children[0]);
        break;
      }
      case Op::store:
      case Op::masked_store:
        execute_store(s);
        break;
      case Op::update:
        execute_update(s);
        break;
      case Op::block:
        execute_block(s);
        break;
      case Op::fail_:
        ++epoch_;
        stop("interp.fail",
             "the kernel stopped with error code " + std::to_string(eval(s.exprs[0]).i));
        break;
      default:
        TENON_UNREACHABLE("not a statement");
    }
  }

  void execute_for(const Statement& s) {
    const int64_t n = extent(s.exprs[0]);
    int64_t& var = slots_[static_cast<size_t>(s.slots[0])];
    if (n <= 0 && s.reduces && !failed_) {
      // An empty reduction still gives its identity: run the first iteration's inits alone.
      empty_.push_back(s.slots[0]);
      var = 0;
      execute(s.children[0]);
      empty_.pop_back();
      return;
    }
    for (int64_t i = 0; i < n && !failed_; ++i) {
      var = s.parallel ? n - 1 - i : i;
      for (int b : s.locals) poison(t_.memories[static_cast<size_t>(b)]);
      execute(s.children[0]);
    }
  }

  void execute_store(const Statement& s) {
    if (!empty_.empty()) return;
    ++epoch_;
    const Memory& m = t_.memories[static_cast<size_t>(s.buffer)];
    const std::span<const int> indices = std::span(s.exprs).subspan(1);
    if (lanes(s.exprs[0]) > 1) return store_lanes(s, m, indices);
    if (s.mask >= 0 && eval(s.mask).i == 0) return;
    const Scalar v = eval(s.exprs[0]);
    const int64_t at = flatten(m, indices.data(), indices.size());
    if (!failed_ && check_writable(m)) store_element(m, at, v);
  }

  bool check_writable(const Memory& m) {
    if (!m.writable)
      stop("interp.write", "buffer '" + m.name + "' is an input and must not be written");
    return m.writable;
  }

  void execute_update(const Statement& s) {
    ++epoch_;
    const Memory& m = t_.memories[static_cast<size_t>(s.buffer)];
    const bool fused = s.combine == "fma";
    const size_t first = fused ? 3 : 2;
    bool starts = !s.initialized;
    for (int slot : s.reductions) starts = starts && slots_[static_cast<size_t>(slot)] == 0;
    if (!empty_.empty() && !starts) return;
    const int64_t at = flatten(m, s.exprs.data() + first, s.exprs.size() - first);
    if (failed_ || !check_writable(m)) return;
    Scalar acc = starts ? eval(s.exprs[0]) : load_element(m, at);
    if (empty_.empty()) {
      const Scalar v = eval(s.exprs[1]);
      acc = fused ? fused_multiply_add(m.dtype, v, eval(s.exprs[2]), acc)
                  : combine(s.combine, m.dtype, acc, v);
    }
    if (!failed_) store_element(m, at, acc);
  }

  void execute_block(const Statement& s) {
    // A loop without iterations starts no element of a block that moves with it.
    for (int loop : empty_)
      if (std::ranges::find(s.moves, loop) != s.moves.end()) return;
    ++epoch_;
    const size_t n = s.slots.size();
    std::vector<int64_t> values(n);
    for (size_t i = 0; i < n; ++i) values[i] = eval(s.exprs[i]).i;
    for (size_t i = 0; i < n; ++i) slots_[static_cast<size_t>(s.slots[i])] = values[i];
    ++epoch_;
    for (size_t i = n; i < s.exprs.size(); ++i)
      if ((empty_.empty() || s.spatial[i - n] != 0) && eval(s.exprs[i]).i == 0) return;
    execute(s.children[0]);
  }

  Tables& t_;
  std::vector<int64_t> slots_;
  uint64_t epoch_ = 0;
  std::vector<int> empty_;  // slots of the loops around that have no iterations
  bool failed_ = false;
  Error error_;
};

/// Kernel, sizes and tensors bound to Tables.
class Binder {
 public:
  Binder(const ir::Kernel& kernel, std::span<const int64_t> sizes)
      : kernel_(kernel), sizes_(sizes) {
    for (size_t i = 0; i < kernel.sizes.size(); ++i) values_[kernel.sizes[i]] = sizes[i];
  }

  Status bind(std::span<Tensor> tensors) {
    for (size_t i = 0; i < kernel_.params.size(); ++i) {
      const ir::KernelParam& p = kernel_.params[i];
      Tensor* tensor = &tensors[i];
      if (!p.packing.empty()) {
        packed_.push_back(std::make_unique<Tensor>(pack(*tensor, p.packing, p.logical)));
        tensor = packed_.back().get();
      }
      TENON_TRY(Memory m, describe(p.buffer));
      // Axes may have been merged: extents may differ, elements not.
      if (tensor->count() != m.count || tensor->dtype != m.dtype)
        return fail("interp.shape", "buffer '" + m.name + "' of kernel '" + kernel_.name +
                                        "' expects " + text(m.shape) + ", got " +
                                        text(tensor->shape));
      m.data = tensor->bytes.data();
      m.writable = ir::is_written(p.role);
      m.shares_bytes = ir::shares_bytes(p);
      if (m.shares_bytes) {
        m.owned = ir::pack_bits(m.dtype, tensor->bytes);
        m.data = m.owned.data();
      }
      add(p.buffer, std::move(m));
    }
    for (Expr b : kernel_.buffers) {
      TENON_TRY(Memory m, describe(b));
      m.owned.resize(static_cast<size_t>(m.count) * ir::info(m.dtype).element_bytes);
      m.data = m.owned.data();
      poison(m);
      add(b, std::move(m));
    }
    return {};
  }

  Status run() {
    compile(*kernel_.context, tables_, index_, kernel_.sizes, kernel_.body);
    Machine machine(tables_);
    std::copy(sizes_.begin(), sizes_.end(), machine.slots().begin());
    return machine.run();
  }

 private:
  Result<Memory> describe(Expr b) {
    Memory m;
    m.name = b->string_attr(Key::name);
    m.dtype = b->dtype();
    m.scope = b->type->scope;
    for (Expr e : b->shape()) {
      TENON_TRY(const int64_t n, evaluate(e));
      m.shape.push_back(std::max<int64_t>(n, 0));
      m.count *= m.shape.back();
    }
    return m;
  }
  Result<int64_t> evaluate(Expr e) {
    if (const auto known = ir::as_int(e)) return *known;
    if (e->op == Op::var) {
      const auto found = values_.find(e);
      if (found == values_.end())
        return fail("interp.size", "an extent uses variable '" + e->string_attr(Key::name) +
                                       "', which is no size of kernel '" + kernel_.name + "'");
      return found->second;
    }
    Scalar args[3];
    if (e->op == Op::select) {
      TENON_TRY(const int64_t chosen, evaluate(e->operand(0)));
      return evaluate(e->operand(chosen != 0 ? 1 : 2));
    }
    TENON_CHECK(ir::is_elementwise(e->op), "an extent that is not an integer expression");
    for (size_t i = 0; i < e->operands.size(); ++i) {
      TENON_TRY(args[i].i, evaluate(e->operand(i)));
    }
    return apply(e->op, e->operand(0)->dtype(), args).i;
  }
  static std::string text(const std::vector<int64_t>& shape) {
    std::string s = "[";
    for (size_t i = 0; i < shape.size(); ++i) s += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
    return s + "]";
  }
  void add(Expr b, Memory m) {
    index_[b] = static_cast<int>(tables_.memories.size());
    tables_.memories.push_back(std::move(m));
  }

  const ir::Kernel& kernel_;
  std::span<const int64_t> sizes_;
  std::unordered_map<Expr, int64_t> values_;
  std::unordered_map<Expr, int> index_;
  std::vector<std::unique_ptr<Tensor>> packed_;
  Tables tables_;
};

}  // namespace

Status run(const ir::Kernel& kernel, std::span<const int64_t> sizes, std::span<Tensor> buffers) {
  if (sizes.size() != kernel.sizes.size() || buffers.size() != kernel.params.size())
    return fail("interp.arguments",
                "kernel '" + kernel.name + "' takes " + std::to_string(kernel.sizes.size()) +
                    " sizes and " + std::to_string(kernel.params.size()) + " buffers, got " +
                    std::to_string(sizes.size()) + " and " + std::to_string(buffers.size()));
  if (!kernel.host_function.empty())
    return fail("interp.host_function", "kernel '" + kernel.name + "' is the host function '" +
                                            kernel.host_function +
                                            "', which the reference interpreter does not have");
  Binder binder(kernel, sizes);
  TENON_TRY_VOID(binder.bind(buffers));
  return binder.run();
}

}  // namespace tenon::interp
