// Tiles of grouped products against the loops that their rows mean, on odd sizes and tails: on the
// machines at hand that have the instruction, and on x86 also with it carried out in software.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cmath>
#include <random>

#include "ir/dtype.h"
#include "ir/rewrite.h"
#include "machine/instruction.h"
#include "target/llvm/testing.h"
#include "target/llvm/testing_elements.h"
#include "target/x86/software_instructions.h"

namespace tenon::target {
namespace {

using ir::DType;
using ir::Expr;
using machine::Machine;
using testing::random_elements;

struct Case {
  const char* name;
  DType c, a, b;
  const char* mnemonic;
  [[nodiscard]] bool in_tiles() const { return std::string_view(mnemonic).starts_with("tdp"); }
  [[nodiscard]] int64_t group() const {
    return machine::semantics(*machine::find_instruction(name)).group();
  }
};

constexpr Case kCases[] = {
    {"dot4_tile_u8i8", DType::i32, DType::u8, DType::i8, "vpdpbusd"},
    {"dot2_tile_u8i8", DType::i32, DType::u8, DType::i8, "vpmaddwd"},
    {"dot4_tile_i8u8", DType::i32, DType::i8, DType::u8, "vpdpbusd"},
    {"dot2_tile_i8u8", DType::i32, DType::i8, DType::u8, "vpmaddwd"},
    {"dot4_tile_i8i8", DType::i32, DType::i8, DType::i8, "vpdpbusd"},
    {"dot2_tile_i8i8", DType::i32, DType::i8, DType::i8, "vpmaddwd"},
    {"dot4_tile_u8u8", DType::i32, DType::u8, DType::u8, "vpdpbusd"},
    {"dot2_tile_u8u8", DType::i32, DType::u8, DType::u8, "vpmaddwd"},
    {"dot2_tile_i16i8", DType::i32, DType::i16, DType::i8, "vpmaddwd"},
    {"dot2_tile_i16u8", DType::i32, DType::i16, DType::u8, "vpmaddwd"},
    {"dot2_tile_i16", DType::i32, DType::i16, DType::i16, "vpmaddwd"},
    {"dot2_tile_bf16", DType::f32, DType::bf16, DType::bf16, "vdpbf16ps"},
    {"amx_tile_u8i8", DType::i32, DType::u8, DType::i8, "tdpbusd"},
    {"amx_tile_i8u8", DType::i32, DType::i8, DType::u8, "tdpbsud"},
    {"amx_tile_i8i8", DType::i32, DType::i8, DType::i8, "tdpbssd"},
    {"amx_tile_u8u8", DType::i32, DType::u8, DType::u8, "tdpbuud"},
    {"amx_tile_bf16", DType::f32, DType::bf16, DType::bf16, "tdpbf16ps"},
};

/// Columns that accumulators and b have beside the tile's: their rows are not dense.
constexpr int64_t kBeside = 8;

/// What is left of k behind whole groups: less than a group, or maybe all of the last one.
enum class Rest : uint8_t { part, last };

/// out[i, j] for i < rows from a[rows, k + gap] and b[k / group + 1, nr + kBeside, group]: groups,
/// then the rest of k.
ir::Kernel tile_kernel(const Case& t, int64_t mr, int64_t nr, bool as_loops,
                       Rest last = Rest::part) {
  ir::Kernel kernel;
  kernel.name = "tile";
  kernel.context = std::make_shared<ir::Context>();
  ir::Context& c = *kernel.context;
  const Expr rows = c.var("rows"), k = c.var("k"), gap = c.var("gap"), group = c.i64(t.group());
  kernel.sizes = {rows, k, gap};
  Expr groups = ir::floordiv(c, k, group), rest = ir::mod(c, k, group);
  const Expr a = c.buffer("a", c.tensor(t.a, std::vector{rows, ir::add(c, k, gap)}));
  const Expr b = c.buffer(
      "b", c.tensor(t.b, std::vector{ir::add(c, groups, c.i64(1)), c.i64(nr + kBeside), group}));
  if (last == Rest::last) {
    groups = ir::max(c, ir::sub(c, ir::ceildiv(c, k, group), c.i64(1)), c.i64(0));
    rest = ir::min(c, ir::sub(c, k, ir::mul(c, groups, group)), group);
  }
  const Expr out = c.buffer("out", c.tensor(t.c, std::vector{rows, c.i64(nr)}));
  const Expr acc =
      c.buffer("acc", c.tensor(t.c, std::vector{c.i64(mr), c.i64(nr + kBeside)}, ir::Scope::reg));
  kernel.params = {
      {a, ir::ParamRole::in, {}}, {b, ir::ParamRole::constant, {}}, {out, ir::ParamRole::out, {}}};
  kernel.buffers = {acc};
  const auto nest = [&](auto body) {
    const Expr i = c.var("i"), j = c.var("j");
    const Expr inner = ir::for_loop(c, j, c.i64(nr), body(i, j));
    return ir::for_loop(c, i, c.i64(mr), inner, "unroll");
  };
  const Expr one = ir::is_float(t.c) ? c.imm_f(c.scalar(t.c), 1) : c.imm(c.scalar(t.c), 1);
  const Expr init = nest([&](Expr i, Expr j) { return ir::store(c, acc, one, std::vector{i, j}); });
  const auto tile = [&](Expr first, Expr count, Expr some) {
    const Expr ti = c.var("ti"), tj = c.var("tj"), tk = c.var("tk"), tq = c.var("tq");
    const Expr at = ir::add(c, tk, first);
    const std::vector<ir::InstrAxis> axes{{ti, rows}, {tj, c.i64(nr)}, {tk, count}, {tq, some}};
    const std::vector<Expr> operands{
        ir::load(c, acc, std::vector{ti, tj}),
        ir::load(c, a, std::vector{ti, ir::add(c, ir::mul(c, at, group), tq)}),
        ir::load(c, b, std::vector{at, tj, tq})};
    std::vector<int64_t> params{mr, nr};
    if (mr >= 3) params.insert(params.end(), {(mr + 2) / 3, (2 * mr + 2) / 3});
    const Expr node = ir::instr(c, t.name, params, axes, operands);
    return as_loops ? machine::expand(c, node) : node;
  };
  const Expr finish = nest([&](Expr i, Expr j) {
    return ir::if_then(c, ir::lt(c, i, rows),
                       ir::store(c, out, ir::load(c, acc, std::vector{i, j}), std::vector{i, j}));
  });
  const std::vector<Expr> all{init, tile(c.i64(0), groups, group), tile(groups, c.i64(1), rest),
                              finish};
  const Expr g = c.var("g");
  kernel.body =
      ir::for_loop(c, g, rows, ir::if_then(c, ir::lt(c, g, c.i64(1)), ir::seq(c, all)), "parallel");
  return kernel;
}

/// The row x86-64-v3 with one instruction more, so that hardly anything else is unknown to a CPU of
/// that level.
Machine with(const std::string& feature, const std::string& llvm_features) {
  Machine m = *machine::find_row("x86-64-v3");
  m.name += "+" + feature;
  m.needs.push_back(feature);
  m.llvm_features += "," + llvm_features;
  m.tiles = machine::find_row("sapphirerapids")->tiles;
  return m;
}

/// Machines to try the case on.
std::vector<Machine> machines(const Case& t) {
  std::vector<Machine> all;
  for (const Machine* row : testing::runnable_rows())
    if (machine::has_instruction(*row, *machine::find_instruction(t.name))) all.push_back(*row);
  if (testing::named_worker() != nullptr) return all;
  if (std::string(t.mnemonic) == "vpdpbusd") all.push_back(with("avxvnni", "+avxvnni"));
  if (std::string(t.mnemonic) == "vdpbf16ps")
    all.push_back(with("avx512bf16", "+avx512bf16,+avx512vl"));
  if (t.in_tiles()) {
    const std::string unit = ir::is_float(t.c) ? "amx-bf16" : "amx-int8";
    all.push_back(with(unit, "+" + unit));
  }
  return all;
}

/// Tiles' rows and columns to try on the machine.
std::vector<std::pair<int64_t, int64_t>> shapes(const Case& t, const Machine& m) {
  if (t.in_tiles()) return {{32, 32}, {20, 16}, {7, 32}, {16, 48}, {1, 16}};
  const int64_t lanes = m.vector_bytes / 4;
  return {{4, 2 * lanes}, {6, lanes}, {1, 2 * lanes}};
}

double value(DType type, const std::vector<std::byte>& all, int64_t i) {
  uint64_t bits = 0;
  const auto bytes = static_cast<size_t>(ir::info(type).element_bytes);
  std::memcpy(&bits, all.data() + static_cast<size_t>(i) * bytes, bytes);
  return ir::decode_float(type, bits);
}

/// A copy of the bytes behind which no memory is.
class AtTheEnd {
 public:
  explicit AtTheEnd(const std::vector<std::byte>& bytes)
      : room_((bytes.size() / kPage + 1) * kPage),
        memory_(mmap(nullptr, room_ + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                     -1, 0)),
        data_(static_cast<std::byte*>(memory_) + room_ - bytes.size()) {
    std::copy(bytes.begin(), bytes.end(), data_);
    EXPECT_EQ(mprotect(static_cast<std::byte*>(memory_) + room_, kPage, PROT_NONE), 0);
  }
  ~AtTheEnd() { munmap(memory_, room_ + kPage); }
  AtTheEnd(const AtTheEnd&) = delete;
  AtTheEnd& operator=(const AtTheEnd&) = delete;
  [[nodiscard]] std::byte* data() const { return data_; }

 private:
  static constexpr size_t kPage = 4096;
  size_t room_;
  void* memory_;
  std::byte* data_;
};

struct Sizes {
  int64_t mr, nr, rows, k, gap;
  bool finite;
};

/// Runs the tile and its loops on the same operands; compares as the row states.
void check(const Case& t, const Machine& m, const Sizes& s, std::mt19937& random,
           const testing::Compiled& tile, const testing::Compiled& loops) {
  const int64_t group = t.group(), groups = s.k / group + 1, columns = s.nr + kBeside;
  std::vector<std::byte> a = random_elements(t.a, s.rows * (s.k + s.gap), s.finite, random);
  std::vector<std::byte> b = random_elements(t.b, groups * columns * group, s.finite, random);
  // Behind the last element of a group stands what no result may show.
  for (int64_t j = 0; j < s.nr && ir::is_float(t.b); ++j)
    for (int64_t q = s.k % group; q < group; ++q) {
      const uint16_t nan = 0x7fc1;
      std::memcpy(b.data() + 2 * (((groups - 1) * columns + j) * group + q), &nan, 2);
    }
  const AtTheEnd a_memory(a), b_memory(b);
  const int64_t sizes[] = {s.rows, s.k, s.gap};
  std::vector<std::byte> results[2];
  for (const bool as_loops : {false, true}) {
    std::vector<std::byte>& out = results[as_loops ? 1 : 0];
    out.resize(static_cast<size_t>(s.rows * s.nr * 4));
    void* buffers[] = {a_memory.data(), b_memory.data(), out.data()};
    ASSERT_EQ((as_loops ? loops : tile).run(buffers, sizes), 0);
  }
  const std::string where = std::string(t.name) + " on " + m.name + ", " + std::to_string(s.rows) +
                            " rows, k " + std::to_string(s.k);
  if (!ir::is_float(t.c)) {
    ASSERT_EQ(results[0], results[1]) << where;
    return;
  }
  ASSERT_EQ(machine::find_instruction(t.name)->numerics,
            machine::Instruction::Numerics::subnormals_are_zero);
  for (int64_t i = 0; i < s.rows * s.nr; ++i) {
    double magnitudes = 1, flushed = 0;
    for (int64_t kk = 0; kk < s.k; ++kk) {
      const double x = std::fabs(value(t.a, a, i / s.nr * (s.k + s.gap) + kk));
      const int64_t at = (kk / group * columns + i % s.nr) * group + kk % group;
      const double y = std::fabs(value(t.b, b, at));
      magnitudes += x * y;
      flushed += std::ldexp(1 + x + y, -126);
    }
    const double bound = static_cast<double>(s.k + 1) * std::ldexp(magnitudes, -23) + flushed;
    const double found = value(t.c, results[0], i), expected = value(t.c, results[1], i);
    if (std::isfinite(expected)) {
      ASSERT_NEAR(found, expected, bound) << where;
    } else {
      ASSERT_TRUE(found == expected || (std::isnan(found) && std::isnan(expected))) << where;
    }
  }
}

TEST(DotTile, computes_what_its_row_means) {
  std::mt19937 random(11);
  for (const Case& t : kCases)
    for (const Machine& m : machines(t))
      for (const auto& [mr, nr] : shapes(t, m)) {
        const std::vector<int64_t> params{mr, nr};
        ASSERT_TRUE(machine::find_instruction(t.name)->fits(m, params)) << m.name;
        const testing::SoftwareInstructions software;
        for (const Rest rest : {Rest::part, Rest::last}) {
          const ir::Kernel kernel = tile_kernel(t, mr, nr, false, rest);
          const ir::Kernel plain = tile_kernel(t, mr, nr, true, rest);
          const testing::Compiled tile(kernel, m);
          const testing::Compiled loops(plain, *testing::runnable_rows().front());
          for (const int64_t rows : {mr, int64_t{1}, mr / 2 + 1})
            for (const int64_t k : {0, 1, 2, 3, 4, 5, 7, 8, 27, 64, 100, 131})
              for (const bool finite : {true, false})
                check(t, m, {mr, nr, rows, k, finite ? 3 : 0, finite}, random, tile, loops);
        }
        const bool native = testing::named_worker() != nullptr || machine::missing(m).empty();
        EXPECT_TRUE(native || testing::SoftwareInstructions::count() > 0)
            << t.name << " on " << m.name;
      }
}

TEST(DotTile, emits_its_instruction) {
  for (const Case& t : kCases)
    for (const char* row : {"x86-64-v4", "znver5", "sapphirerapids"}) {
      // Machines with better take the better.
      if ((row == std::string("x86-64-v4")) != (t.mnemonic == std::string("vpmaddwd"))) continue;
      const Machine& m = *machine::find_row(row);
      if (!machine::has_instruction(m, *machine::find_instruction(t.name))) {
        EXPECT_TRUE(t.in_tiles() && m.tiles.registers == 0) << t.name << " on " << row;
        continue;
      }
      const auto text = emit_asm(tile_kernel(t, 12, 32, false), m);
      ASSERT_TRUE(text);
      EXPECT_NE(text->find(std::string(t.mnemonic) + "\t"), std::string::npos) << t.name << *text;
    }
}

TEST(DotTile, takes_the_signs_that_arm_has) {
  struct Row {
    const char *name, *machine, *mnemonic;
  };
  for (const Row& r :
       {Row{"dot4_tile_i8i8", "neoverse-n1", "sdot"}, Row{"dot4_tile_u8u8", "neoverse-n1", "udot"},
        Row{"dot4_tile_u8i8", "neoverse-n1", "sdot"}, Row{"dot4_tile_i8u8", "neoverse-n1", "udot"},
        Row{"dot4_tile_u8i8", "neoverse-v1", "usdot"},
        Row{"dot4_tile_i8u8", "neoverse-v1", "usdot"},
        Row{"dot2_tile_bf16", "neoverse-v1", "bfdot"}})
    for (const Case& t : kCases) {
      if (t.name != std::string(r.name)) continue;
      const Machine& m = *machine::find_row(r.machine);
      ASSERT_TRUE(machine::has_instruction(m, *machine::find_instruction(t.name)));
      const auto text = emit_asm(tile_kernel(t, 6, 8, false), m);
      ASSERT_TRUE(text);
      EXPECT_NE(text->find("\t" + std::string(r.mnemonic) + "\t"), std::string::npos)
          << t.name << " on " << m.name << *text;
    }
}

TEST(DotTile, a_machine_without_its_instruction_runs_the_loops) {
  const auto text = emit_asm(tile_kernel(kCases[0], 4, 16, false), *machine::find_row("x86-64-v3"));
  ASSERT_TRUE(text) << text.error().text();
  EXPECT_EQ(text->find("vpdpbusd"), std::string::npos);
}

TEST(DotTile, a_part_of_a_group_that_may_have_no_room_becomes_loops) {
  const Case& t = kCases[0];
  ir::Kernel kernel = tile_kernel(t, 4, 16, false);
  ir::Context& c = *kernel.context;
  // The part may be any number of elements.
  Expr part = nullptr;
  for (Expr e : ir::post_order(std::span(&kernel.body, 1)))
    if (e->op == ir::Op::instr && ir::as_int(ir::InstrView{e}.axes()[2].extent)) part = e;
  ASSERT_NE(part, nullptr);
  std::vector<ir::InstrAxis> axes = ir::InstrView{part}.axes();
  EXPECT_TRUE(machine::verify_layout(c, part));
  axes[3].extent = kernel.sizes[1];
  const auto& operands = ir::InstrView{part}.operands();
  const Expr any = ir::instr(c, t.name, ir::InstrView{part}.params(), axes,
                             std::vector<Expr>(operands.begin(), operands.end()));
  const Status refused = machine::verify_layout(c, any);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text().find("has no room along axis 3"), std::string::npos);
}

}  // namespace
}  // namespace tenon::target
