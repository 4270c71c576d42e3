// Random definition-form programs under random sequences of primitives with random arguments:
// whatever is accepted must compute the same, also after finalize, and replay to the same text. A
// failure prints seed, trace and program. TENON_TEST_SEED and TENON_FUZZ_COUNT choose other runs.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "differential.h"
#include "machine/instruction.h"
#include "schedule/registry.h"
#include "schedule/space.h"
#include "schedule/testing.h"
#include "schedule/trace.h"

namespace tenon::schedule {
namespace {
using ir::Expr;
using testing::difference;
using testing::Exprs;
using testing::in_global_scope;
using testing::KernelBuilder;
using testing::Sizes;

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  size_t below(size_t n) { return static_cast<size_t>(engine_() % n); }
  bool chance(size_t percent) { return below(100) < percent; }
  template <class T>
  const T& pick(const std::vector<T>& from) {
    return from[below(from.size())];
  }

 private:
  std::mt19937_64 engine_;
};

/// A chain of two to six operations on buffers of rank one and two.
class ProgramMaker {
 public:
  explicit ProgramMaker(Random& random) : r_(random) {
    for (int i = 0; i < 3; ++i) extents_.push_back(k_.n(static_cast<int64_t>(1 + r_.below(14))));
    const size_t symbols = r_.below(3);
    for (size_t i = 0; i < symbols; ++i) extents_[i] = k_.size("N" + std::to_string(i));
  }

  Program make() {
    values_.push_back(k_.in("x0", {extent(), extent()}));
    values_.push_back(k_.in("x1", {extent()}));
    const size_t count = 2 + r_.below(5);
    for (size_t i = 0; i < count; ++i) step(i, i + 1 == count);
    return k_.build();
  }

 private:
  Expr extent() { return r_.pick(extents_); }
  Expr value(int rank) {
    for (int tries = 0; tries < 8; ++tries)
      if (const Expr v = r_.chance(60) ? values_.back() : r_.pick(values_); v->rank() == rank)
        return v;
    return values_[rank == 2 ? 0 : 1];
  }
  Expr target(size_t i, bool last, const Exprs& shape) {
    const std::string name = "t" + std::to_string(i);
    const Expr b = last || r_.chance(10) ? k_.out(name, shape) : k_.internal(name, shape);
    values_.push_back(b);
    return b;
  }

  void step(size_t i, bool last) {
    const std::string name = "op" + std::to_string(i);
    switch (r_.below(11)) {
      case 0:
      case 1:
        return elementwise(i, name, last);
      case 2:
        return broadcast(i, name, last);
      case 3:
      case 4:
        return reduction(i, name, last);
      case 5:
        return product(i, name, last);
      case 6:
        return window(i, name, last);
      default:
        return r_.chance(50) ? transpose(i, name, last) : concat(i, name, last);
    }
  }

  void elementwise(size_t i, const std::string& name, bool last) {
    const Expr a = value(r_.chance(70) ? 2 : 1);
    Expr b = a;
    for (Expr v : values_)
      if (v->shape() == a->shape() && r_.chance(50)) b = v;
    if (r_.chance(30)) b = k_.in("n" + std::to_string(i), a->shape(), ir::DType::bf16);
    const ir::Op op =
        r_.pick(std::vector<ir::Op>{ir::Op::add, ir::Op::mul, ir::Op::max, ir::Op::sub});
    const Expr out = target(i, last, a->shape());
    k_.map(name, out, [&](const Exprs& v) {
      return k_.op(op, k_.load(a, v), ir::cast(k_.c(), ir::DType::f32, k_.load(b, v)));
    });
  }

  void broadcast(size_t i, const std::string& name, bool last) {
    const Expr a = value(2);
    const Expr row = value(1);
    const size_t axis = r_.below(2);
    // The row may be shorter or longer: its index stays inside by a select.
    const Expr out = target(i, last, a->shape());
    k_.map(name, out, [&](const Exprs& v) {
      const Expr inside = ir::lt(k_.c(), v[axis], row->shape()[0]);
      const Expr other = row->shape()[0] == a->shape()[axis]
                             ? k_.load(row, {v[axis]})
                             : ir::select(k_.c(), inside, k_.load(row, {v[axis]}), k_.f32(1));
      return k_.op(ir::Op::add, k_.load(a, v), other);
    });
  }

  void reduction(size_t i, const std::string& name, bool last) {
    const Expr a = value(2);
    const size_t axis = r_.below(2);
    const std::string combine = r_.pick(std::vector<std::string>{"sum", "max", "min"});
    const Expr out = target(i, last, {a->shape()[1 - axis]});
    const double init = combine == "sum" ? 0 : combine == "max" ? -1000 : 1000;
    k_.block(name, {{"i", a->shape()[1 - axis]}, {"k", a->shape()[axis], 'r'}},
             [&](const Exprs& v) {
               const Exprs at = axis == 1 ? Exprs{v[0], v[1]} : Exprs{v[1], v[0]};
               return ir::update(k_.c(), out, k_.f32(init), k_.load(a, at), Exprs{v[0]}, combine);
             });
  }

  void product(size_t i, const std::string& name, bool last) {
    const Expr a = value(2);
    const Expr columns = extent();
    const std::string w = "w" + std::to_string(i);
    const Exprs shape{a->shape()[1], columns};
    const Expr b = r_.chance(60)   ? k_.constant(w, shape)
                   : r_.chance(50) ? k_.in(w, shape)
                                   : k_.in(w, shape, ir::DType::bf16);
    const Expr out = target(i, last, {a->shape()[0], columns});
    k_.block(name, {{"i", a->shape()[0]}, {"j", columns}, {"k", a->shape()[1], 'r'}},
             [&](const Exprs& v) {
               return ir::update(k_.c(), out, k_.f32(0),
                                 k_.op(ir::Op::mul, k_.load(a, {v[0], v[2]}),
                                       ir::cast(k_.c(), ir::DType::f32, k_.load(b, {v[2], v[1]}))),
                                 Exprs{v[0], v[1]}, "fma");
             });
  }

  void window(size_t i, const std::string& name, bool last) {
    const Expr a = value(2);
    const Expr out = target(i, last, a->shape());
    k_.block(name, {{"i", a->shape()[0]}, {"j", a->shape()[1]}, {"w", k_.n(3), 'r'}},
             [&](const Exprs& v) {
               const Expr at = ir::add(k_.c(), v[1], ir::add(k_.c(), v[2], k_.n(-1)));
               const Expr inside = ir::logical_and(k_.c(), ir::le(k_.c(), k_.n(0), at),
                                                   ir::lt(k_.c(), at, a->shape()[1]));
               return ir::update(k_.c(), out, k_.f32(0),
                                 ir::select(k_.c(), inside, k_.load(a, {v[0], at}), k_.f32(0)),
                                 Exprs{v[0], v[1]}, "sum");
             });
  }

  /// y[i, j] = sum over w, k of x[i * 2 + w - 1, k] * f[w, k, j]
  void convolution(size_t i, const std::string& name, bool last) {
    const Expr a = value(2);
    const int64_t stride = 1 + static_cast<int64_t>(r_.below(2));
    const Expr rows = ir::ceildiv(k_.c(), a->shape()[0], k_.n(stride));
    const Expr columns = extent();
    const Expr f = k_.constant("f" + std::to_string(i), {k_.n(3), a->shape()[1], columns});
    const Expr out = target(i, last, {rows, columns});
    k_.block(name, {{"i", rows}, {"j", columns}, {"w", k_.n(3), 'r'}, {"k", a->shape()[1], 'r'}},
             [&](const Exprs& v) {
               const Expr at = ir::add(k_.c(), ir::mul(k_.c(), v[0], k_.n(stride)),
                                       ir::add(k_.c(), v[2], k_.n(-1)));
               const Expr inside = ir::logical_and(k_.c(), ir::le(k_.c(), k_.n(0), at),
                                                   ir::lt(k_.c(), at, a->shape()[0]));
               const Expr x = ir::select(k_.c(), inside, k_.load(a, {at, v[3]}), k_.f32(0));
               return ir::update(k_.c(), out, k_.f32(0),
                                 k_.op(ir::Op::mul, x, k_.load(f, {v[2], v[3], v[1]})),
                                 Exprs{v[0], v[1]}, "fma");
             });
  }

  /// The largest element of each row by a loop inside of an opaque block.
  void extreme(size_t i, const std::string& name, bool last) {
    const Expr a = value(2);
    const Expr out = target(i, last, {a->shape()[0]});
    k_.block(name, {{"i", a->shape()[0]}}, [&](const Exprs& v) {
      const Expr j = k_.c().var("j");
      const Expr best = k_.load(out, {v[0]});
      const Expr x = k_.load(a, {v[0], j});
      const Exprs both{ir::store(k_.c(), out, k_.f32(-1000), v),
                       ir::for_loop(k_.c(), j, a->shape()[1],
                                    ir::if_then(k_.c(), k_.op(ir::Op::lt, best, x),
                                                ir::store(k_.c(), out, x, v)))};
      return ir::seq(k_.c(), both);
    });
  }

  /// y[i, j] = x[(i * n + j) / n, (i * n + j) % n], the form that reshapes leave.
  void flatten(size_t i, const std::string& name, bool last) {
    const Expr a = value(2);
    const Expr n = a->shape()[1];
    const Expr out = target(i, last, a->shape());
    k_.map(name, out, [&](const Exprs& v) {
      const Expr flat = ir::add(k_.c(), ir::mul(k_.c(), v[0], n), v[1]);
      return k_.load(a, {ir::floordiv(k_.c(), flat, n), ir::mod(k_.c(), flat, n)});
    });
  }

  void transpose(size_t i, const std::string& name, bool last) {
    const Expr a = value(2);
    const Expr out = target(i, last, {a->shape()[1], a->shape()[0]});
    k_.map(name, out, [&](const Exprs& v) { return k_.load(a, {v[1], v[0]}); });
  }

  void concat(size_t i, const std::string& name, bool last) {
    const Expr a = value(2);
    const Expr b = value(1);
    const Expr out = target(i, last, {a->shape()[0], ir::add(k_.c(), a->shape()[1], k_.n(1))});
    k_.block(name + "_part0", {{"i", a->shape()[0]}, {"j", a->shape()[1]}},
             [&](const Exprs& v) { return ir::store(k_.c(), out, k_.load(a, v), v); });
    k_.block(name + "_part1", {{"i", a->shape()[0]}}, [&](const Exprs& v) {
      const Expr inside = ir::lt(k_.c(), v[0], b->shape()[0]);
      return ir::store(k_.c(), out, ir::select(k_.c(), inside, k_.load(b, {v[0]}), k_.f32(2)),
                       Exprs{v[0], a->shape()[1]});
    });
  }

  KernelBuilder k_;
  Random& r_;
  Exprs extents_;
  Exprs values_;
};

/// Trace lines of any primitive of the table, with arguments of its parameters' kinds that often
/// fit the program.
class LineMaker {
 public:
  LineMaker(Random& random, const Schedule& schedule)
      : r_(random), s_(schedule), blocks_(schedule.blocks()) {
    if (blocks_.empty()) return;
    block_ = r_.pick(blocks_);
    loops_ = s_.loops(block_);
  }

  std::string line() {
    const std::span<const Primitive> table = primitive_table();
    const Primitive& primitive = table[r_.below(table.size())];
    std::vector<Argument> arguments;
    for (const Parameter& p : primitive.parameters) arguments.push_back(value(p.kind));
    return format_line({{}, std::string(primitive.name), format_arguments(primitive, arguments)});
  }

 private:
  Argument value(Kind kind) {
    switch (kind) {
      case Kind::loop:
        return loop();
      case Kind::loops:
        return shuffled();
      case Kind::block:
        return named_block();
      case Kind::target:
        return r_.chance(70) ? loop() : named_block();
      case Kind::buffer:
        return buffer();
      case Kind::scope:
        return word({"global", "scratch", "reg"});
      case Kind::element_type:
        return word({"f32", "f32", "f64"});
      case Kind::tail:
        return word({"predicate", "predicate", "peel", "pad"});
      case Kind::instruction:
        return instruction();
      case Kind::word:
        return word({"key", "again", "1"});
      case Kind::factor:
        return number();
      case Kind::numbers:
        return std::vector<int64_t>{number(), number()};
      case Kind::factors:
        return std::vector<int64_t>{0, number()};
      case Kind::permutation:
        return std::vector<int64_t>{1, 0, 2};
    }
    return "";
  }

  std::string word(const std::vector<std::string>& choices) { return r_.pick(choices); }
  /// The f32 tile, which fits the programs here, more often than the other rows.
  std::string instruction() {
    std::vector<std::string> names{"no_such", "fma_tile", "fma_tile", "fma_tile"};
    for (const machine::Instruction& row : machine::instructions()) names.emplace_back(row.name);
    return word(names);
  }
  int64_t number() { return r_.pick(std::vector<int64_t>{1, 2, 3, 4, 5, 8, 16}); }

  std::string named_block() {
    has_block_ = true;
    return block_.empty() ? "nothing" : block_;
  }

  /// Often the outermost, the innermost, the one below the last loop, or a loop of another block.
  std::string loop() {
    Handles from = loops_;
    if (has_block_ && r_.chance(40)) from = s_.loops(r_.pick(blocks_));
    if (from.empty() || r_.chance(2)) return "nowhere";
    const auto last = std::find(from.begin(), from.end(), last_);
    if (last != from.end() && last + 1 != from.end() && r_.chance(60)) return last_ = *(last + 1);
    const size_t which = r_.below(3);
    return last_ = which == 0 ? from.front() : which == 1 ? from.back() : r_.pick(from);
  }

  Handles shuffled() {
    Handles order = loops_;
    for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[r_.below(i)]);
    if (!order.empty()) order.resize(std::max<size_t>(1, order.size() - r_.below(2)));
    return order;
  }

  /// Often one that the block reads.
  std::string buffer() {
    const ir::Kernel& k = *s_.program();
    if (has_block_ && r_.chance(60)) {
      Exprs read;
      for (const ir::Expr e : ir::post_order(std::span(&k.body, 1))) {
        if (e->op != ir::Op::block || ir::BlockView{e}.name() != block_) continue;
        for (const ir::Expr inside : ir::post_order(std::span(&e, 1)))
          if (inside->op == ir::Op::load) read.push_back(inside->operand(0));
      }
      if (!read.empty()) return r_.pick(read)->string_attr(ir::Key::name);
    }
    const size_t i = r_.below(k.params.size() + k.buffers.size());
    const Expr b = i < k.params.size() ? k.params[i].buffer : k.buffers[i - k.params.size()];
    return b->string_attr(ir::Key::name);
  }

  Random& r_;
  const Schedule& s_;
  Handles blocks_, loops_;
  std::string block_, last_;
  bool has_block_ = false;
};

/// The name of the primitive that a line calls.
std::string primitive_of(const std::string& line) {
  const Result<TraceLine> parsed = parse_line(line);
  return parsed ? parsed->primitive : "";
}

uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

/// The shortest prefix of the trace that already computes something else; what differs.
std::string first_difference(const Program& program, const Program& scheduled, const Sizes& sizes,
                             uint64_t seed) {
  Schedule s(program);
  for (const std::string& line : scheduled->trace) {
    const Status status = s.apply(line);
    if (!status) return "replay refuses " + line + ": " + status.error().text();
    if (std::string text = difference(program, in_global_scope(s.program()), sizes, seed);
        !text.empty())
      return text;
  }
  return "";
}

void compare(uint64_t seed, const Program& program, const Program& scheduled) {
  const Result<Program> final =
      finalize(scheduled, *machine::find_row(seed % 2 == 0 ? "x86-64-v3" : "x86-64-v4"));
  ASSERT_TRUE(final.has_value()) << final.error().text();
  std::vector<Sizes> all;
  for (const int64_t base : {1, 5, 12}) {
    all.emplace_back();
    for (size_t i = 0; i < program->sizes.size(); ++i)
      all.back().push_back(base + static_cast<int64_t>(i) * 3);
  }
  for (size_t i = 0; i < program->sizes.size(); ++i) {  // and without elements along each axis
    all.push_back(all[1]);
    all.back()[i] = 0;
  }
  for (const Sizes& sizes : all) {
    if (!difference(program, in_global_scope(scheduled), sizes, seed).empty()) {
      ADD_FAILURE() << "seed " << seed << "\n"
                    << first_difference(program, in_global_scope(scheduled), sizes, seed)
                    << ir::print(*program);
      return;
    }
    const std::string text = difference(program, *final, sizes, seed, "finalized");
    if (!text.empty()) {
      ADD_FAILURE() << "seed " << seed << "\n"
                    << text << "\nbefore finalize:\n"
                    << ir::print(*scheduled);
      return;
    }
  }
  const Result<Program> again = replay(program, scheduled->trace);
  ASSERT_TRUE(again.has_value()) << "seed " << seed << "\n" << again.error().text();
  EXPECT_EQ(ir::canonical_text(**again), ir::canonical_text(*scheduled)) << "seed " << seed;
}

void fuzz(uint64_t seed, std::map<std::string, int>& accepted) {
  Random random(seed);
  const Program program = ProgramMaker(random).make();
  Schedule s(program);
  const size_t attempts = 4 + random.below(30);
  for (size_t i = 0; i < attempts; ++i) {
    const std::string line = LineMaker(random, s).line();
    if (s.apply(line)) ++accepted[primitive_of(line)];
  }
  compare(seed, program, s.program());
}

/// The steps of a matrix product's default schedule, some left out, with random sizes.
void fuzz_product(uint64_t seed, std::map<std::string, int>& accepted) {
  Random random(seed);
  const auto small = [&](size_t most) { return static_cast<int64_t>(1 + random.below(most)); };
  const Program program =
      random.chance(30)
          ? testing::DotProgram().program()
          : testing::DotProgram(small(30), small(40), small(20), random.chance(80)).program();
  const std::string mr = std::to_string(small(7));
  const std::string nr = std::to_string(random.pick(std::vector<int>{4, 8, 16}));
  const std::vector<std::string> lines{
      "inline(add)",
      "pack(dot, b, factors = [0, " + nr + "], perm = [1, 0, 2])",
      random.chance(50) ? "w = cache_write(dot, reg)"
                        : "pack(dot, a, factors = [" + mr + ", 0], perm = [0, 2, 1])",
      "io, jo, ii, ji = tile(i, j, " + mr + ", " + nr + ")",
      "ko, ki = split(k, " + std::to_string(small(9)) +
          ", tail = " + (random.chance(70) ? "predicate" : "peel") + ")",
      "reorder(ko, ii, ji, ki)",
      random.chance(50) ? "reverse_compute_at(relu, jo)" : "reverse_compute_at(relu, io)",
      "reverse_compute_at(w, jo)",
      "compute_at(a_pack, io)",
      random.chance(80) ? "decompose_reduction(dot, ko)" : "decompose_reduction(dot, io)",
      "specialize(jo, ko, [1, 3])",
      "tensorize(ii, fma_tile, [" + mr + ", " + nr + "])",
      "compute_at(b_pack, jo)",
      "set_scope(dot, reg)",
      "fuse(io, jo)",
      "parallel(io_jo)",
      "parallel(io)",
      "vectorize(relu_i1)",
  };
  Schedule s(program);
  for (const std::string& line : lines) {
    if (random.chance(12)) continue;
    if (s.apply(line)) ++accepted[primitive_of(line)];
  }
  compare(seed, program, s.program());
}

/// Both widths, with forks so cheap that small programs have tasks.
machine::Machine machine_of(uint64_t seed) {
  machine::Machine m = *machine::find_row(seed % 2 == 0 ? "x86-64-v3" : "x86-64-v4");
  m.fork_cycles = 64;
  return m;
}

/// The same program under the names of its canonical text: loops v3, blocks s0, buffers b1.
Program with_other_names(const Program& program) {
  const std::string text = ir::canonical_text(*program);
  Result<ir::Module> module = ir::parse("kernel @other" + text.substr(text.find('[')), "other.tir");
  EXPECT_TRUE(module.has_value()) << module.error().text() << text;
  return module->kernels.at(0);
}

/// Default schedules under decisions drawn at random: they compute the same, or say why not.
void fuzz_decisions(uint64_t seed, const Program& program, std::map<std::string, int>& realized) {
  const Result<Choice> choice = realize(program, machine_of(seed), sample(seed));
  if (!choice) {
    ++realized["refused"];
    EXPECT_FALSE(choice.error().diagnostics[0].message.empty()) << "seed " << seed;
    return;
  }
  ++realized[choice->name];
  compare(seed, program, choice->program);
  const Result<Choice> again = realize(program, machine_of(seed), assignment(choice->decisions));
  ASSERT_TRUE(again.has_value()) << "seed " << seed << "\n" << again.error().text();
  EXPECT_EQ(again->program->trace, choice->program->trace) << "seed " << seed;
  const Program other = with_other_names(program);
  const Result<Choice> same = realize(other, machine_of(seed), sample(seed));
  ASSERT_TRUE(same.has_value()) << "seed " << seed << "\n" << same.error().text();
  EXPECT_EQ(same->program->trace, choice->program->trace) << "seed " << seed;
  const Result<Program> replayed = replay(other, choice->program->trace);
  ASSERT_TRUE(replayed.has_value()) << "seed " << seed << "\n" << replayed.error().text();
  EXPECT_EQ(ir::canonical_text(**replayed), ir::canonical_text(*choice->program)) << seed;
}

/// Each candidate of each decision of the preferred schedule, one changed at a time.
void sweep_decisions(uint64_t seed, const Program& program, std::map<std::string, int>& realized) {
  const Result<Choice> preferred = default_schedule(program, machine_of(seed));
  ASSERT_TRUE(preferred.has_value()) << "seed " << seed << "\n" << preferred.error().text();
  for (const Decision& d : preferred->decisions)
    for (const Value& candidate : d.candidates) {
      if (candidate == d.value) continue;
      const Result<Choice> choice =
          realize(program, machine_of(seed), Assignment{{d.name, candidate}});
      if (!choice) {
        EXPECT_FALSE(choice.error().diagnostics[0].message.empty()) << "seed " << seed;
        continue;
      }
      ++realized["one changed"];
      compare(seed, program, choice->program);
      if (::testing::Test::HasFailure()) {
        ADD_FAILURE() << "seed " << seed << ": " << d.name << " = " << text_of(candidate);
        return;
      }
    }
}

TEST(schedule_fuzz, random_decisions_keep_the_meaning) {
  const uint64_t first = from_environment("TENON_TEST_SEED", 1);
  const uint64_t count = from_environment("TENON_FUZZ_COUNT", 150);
  std::map<std::string, int> realized;
  for (uint64_t seed = first; seed < first + count && !HasFailure(); ++seed) {
    Random random(seed);
    const Program program = ProgramMaker(random).make();
    fuzz_decisions(seed, program, realized);
    const auto small = [&](size_t most) { return static_cast<int64_t>(1 + random.below(most)); };
    const Program product =
        random.chance(30)
            ? testing::DotProgram().program()
            : testing::DotProgram(small(30), small(70), small(20), random.chance(60)).program();
    fuzz_decisions(seed, product, realized);
    if (seed % 10 == 0) sweep_decisions(seed, program, realized);
    if (seed % 50 == 0) sweep_decisions(seed, product, realized);
  }
  std::string text;
  for (const auto& [name, n] : realized) text += " " + name + ":" + std::to_string(n);
  if (first == 1 && count >= 150)
    for (const char* name : {"contraction", "window", "rows", "reduction", "plain", "map"})
      EXPECT_GT(realized[name], 0) << name << " was never realized:" << text;
  std::printf("seeds %llu to %llu; realized%s\n", static_cast<unsigned long long>(first),
              static_cast<unsigned long long>(first + count - 1), text.c_str());
}

TEST(schedule_fuzz, random_schedules_keep_the_meaning) {
  const uint64_t first = from_environment("TENON_TEST_SEED", 1);
  const uint64_t count = from_environment("TENON_FUZZ_COUNT", 150);
  std::map<std::string, int> accepted;
  for (uint64_t seed = first; seed < first + count && !HasFailure(); ++seed) {
    fuzz(seed, accepted);
    fuzz_product(seed, accepted);
  }
  std::string text;
  for (const auto& [name, n] : accepted) text += " " + name + ":" + std::to_string(n);
  // The run that everyone makes meets each primitive of the table.
  if (first == 1 && count >= 150)
    for (const Primitive& p : primitive_table())
      EXPECT_GT(accepted[std::string(p.name)], 0) << p.name << " was never accepted";
  std::printf("seeds %llu to %llu; accepted%s\n", static_cast<unsigned long long>(first),
              static_cast<unsigned long long>(first + count - 1), text.c_str());
}

}  // namespace
}  // namespace tenon::schedule
