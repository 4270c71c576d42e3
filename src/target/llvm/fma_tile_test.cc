// The register-tile product: results for every row count, and what its inner loop looks like.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <optional>
#include <random>
#include <sstream>

#include "ir/dtype.h"
#include "machine/instruction.h"
#include "target/llvm/testing.h"
#include "target/llvm/testing_elements.h"
#include "target/llvm/testing_lanes.h"

namespace tenon::target {
namespace {

using ir::DType;
using ir::Expr;

/// out[i, j] for i < rows from a[rows, k] and b[k, nr] by one tile of mr x nr, or by the loops that
/// it means. Each column of b serves `each` columns of the result.
ir::Kernel row_kernel(const machine::Instruction& row, int64_t mr, int64_t nr,
                      std::optional<std::vector<int64_t>> heights = {}, bool as_loops = false,
                      int64_t each = 1) {
  const auto type = [&](size_t i) { return machine::semantics(row).operands[i].buffer->dtype(); };
  const DType t = type(0);
  ir::Kernel kernel;
  kernel.name = "tile";
  kernel.context = std::make_shared<ir::Context>();
  ir::Context& c = *kernel.context;
  const Expr rows = c.var("rows");
  const Expr k = c.var("k");
  kernel.sizes = {rows, k};
  const Expr a = c.buffer("a", c.tensor(type(1), std::vector{rows, k}));
  const Expr b = c.buffer("b", c.tensor(type(2), std::vector{k, c.i64(nr)}));
  const Expr out = c.buffer("out", c.tensor(t, std::vector{rows, c.i64(nr)}));
  const Expr acc = c.buffer("acc", c.tensor(t, std::vector{c.i64(mr), c.i64(nr)}, ir::Scope::reg));
  kernel.params = {
      {a, ir::ParamRole::in, {}}, {b, ir::ParamRole::constant, {}}, {out, ir::ParamRole::out, {}}};
  kernel.buffers = {acc};
  const auto nest = [&](auto body) {
    const Expr i = c.var("i");
    const Expr inner = testing::in_lanes(c, nr, [&](Expr j) { return body(i, j); });
    return ir::for_loop(c, i, c.i64(mr), inner, "unroll");
  };
  const Expr zero = ir::is_float(t) ? c.imm_f(c.scalar(t), 0) : c.imm(c.scalar(t), 0);
  const Expr init = nest(
      [&](Expr i, Expr j) { return ir::store_lanes(c, acc, zero, nullptr, std::vector{i, j}); });
  const Expr ti = c.var("ti"), tj = c.var("tj"), tk = c.var("tk");
  const std::vector<ir::InstrAxis> axes{{ti, rows}, {tj, c.i64(nr)}, {tk, k}};
  const std::vector<Expr> operands{
      ir::load(c, acc, std::vector{ti, tj}), ir::load(c, a, std::vector{ti, tk}),
      ir::load(c, b, std::vector{tk, ir::floordiv(c, tj, c.i64(each))})};
  std::vector<int64_t> params{mr, nr};
  if (!heights && mr >= 3) heights = {(mr + 2) / 3, (2 * mr + 2) / 3};
  if (heights) params.insert(params.end(), heights->begin(), heights->end());
  Expr tile = ir::instr(c, std::string(row.name), params, axes, operands);
  if (as_loops) tile = machine::expand(c, tile);
  const Expr finish = nest([&](Expr i, Expr j) {
    return ir::if_then(c, ir::lt(c, i, rows),
                       ir::store_lanes(c, out, ir::load_lanes(c, acc, nullptr, std::vector{i, j}),
                                       nullptr, std::vector{i, j}));
  });
  const Expr one = c.var("g");
  kernel.body = ir::for_loop(
      c, one, rows,
      ir::if_then(c, ir::lt(c, one, c.i64(1)), ir::seq(c, std::vector{init, tile, finish})),
      "parallel");
  return kernel;
}

/// Of the row whose operands are all of one type.
ir::Kernel tile_kernel(int64_t mr, int64_t nr, DType t = DType::f32,
                       std::optional<std::vector<int64_t>> heights = {}, bool as_loops = false,
                       int64_t each = 1) {
  const char* name = t == DType::f32   ? "fma_tile"
                     : t == DType::f64 ? "fma_tile_f64"
                                       : "mul_tile_i32";
  return row_kernel(*machine::find_instruction(name), mr, nr, std::move(heights), as_loops, each);
}

template <class T>
void check_tile(int64_t mr, int64_t nr, DType t) {
  const ir::Kernel kernel = tile_kernel(mr, nr, t);
  for (const machine::Machine* row : testing::runnable_rows()) {
    const testing::Compiled compiled(kernel, *row);
    for (const int64_t rows : {mr, int64_t{1}, mr / 2 + 1, mr - 1})
      for (const int64_t k : {0, 1, 7, 33}) {
        std::vector<T> a(static_cast<size_t>(rows * k));
        std::vector<T> b(static_cast<size_t>(k * nr));
        std::vector<T> out(static_cast<size_t>(rows * nr), T(77));
        std::mt19937 random(5);
        for (T& x : a) x = static_cast<T>(static_cast<int>(random() % 2000) - 1000) / T(8);
        for (T& x : b) x = static_cast<T>(static_cast<int>(random() % 2000) - 1000) / T(8);
        void* buffers[] = {a.data(), b.data(), out.data()};
        const int64_t sizes[] = {rows, k};
        ASSERT_EQ(compiled.run(buffers, sizes), 0);
        for (int64_t i = 0; i < rows; ++i)
          for (int64_t j = 0; j < nr; ++j) {
            T sum = 0;
            for (int64_t kk = 0; kk < k; ++kk) {
              const T x = a[static_cast<size_t>(i * k + kk)];
              const T y = b[static_cast<size_t>(kk * nr + j)];
              if constexpr (std::is_floating_point_v<T>)
                sum = std::fma(x, y, sum);
              else
                sum = static_cast<T>(sum + x * y);
            }
            ASSERT_EQ(out[static_cast<size_t>(i * nr + j)], sum)
                << row->name << " " << rows << "x" << k << " at " << i << "," << j;
          }
      }
  }
}

TEST(FmaTile, computes_every_row_count) {
  check_tile<float>(12, 32, DType::f32);
  check_tile<float>(14, 32, DType::f32);
  check_tile<float>(8, 48, DType::f32);
  check_tile<float>(6, 16, DType::f32);
  check_tile<float>(2, 8, DType::f32);
}
TEST(FmaTile, computes_other_element_types) {
  check_tile<double>(6, 16, DType::f64);
  check_tile<int32_t>(4, 16, DType::i32);
  check_tile<float>(3, 6, DType::f32);
}

/// The loops that an instruction means run on this machine too, and give the same bytes; also where
/// an operand lies as the emitter cannot take it.
TEST(FmaTile, computes_what_its_row_means) {
  for (const auto& [rows, each] : {std::pair<int64_t, int64_t>{6, 1}, {5, 1}, {1, 1}, {5, 2}}) {
    const int64_t nr = 16, k = 9;
    std::vector<float> a(static_cast<size_t>(rows * k)), b(static_cast<size_t>(k * nr));
    std::mt19937 random(7);
    for (float& x : a) x = static_cast<float>(random() % 2000) / 700 - 1;
    for (float& x : b) x = static_cast<float>(random() % 2000) / 700 - 1;
    const int64_t sizes[] = {rows, k};
    std::vector<float> results[2];
    for (const bool as_loops : {false, true}) {
      std::vector<float>& out = results[as_loops ? 1 : 0];
      out.assign(static_cast<size_t>(rows * nr), 77);
      void* buffers[] = {a.data(), b.data(), out.data()};
      const ir::Kernel kernel = tile_kernel(6, nr, DType::f32, {}, as_loops, each);
      const testing::Compiled compiled(kernel, testing::machine());
      ASSERT_EQ(compiled.run(buffers, sizes), 0);
    }
    EXPECT_EQ(results[0], results[1]) << rows;
  }
}

/// Every row that takes k one by one: the same bytes as its loops give, but for the bits of a NaN.
TEST(FmaTile, every_row_computes_what_it_means) {
  std::mt19937 random(13);
  const machine::Machine& m = testing::machine();
  int rows_tried = 0;
  for (const machine::Instruction& row : machine::instructions()) {
    const machine::Semantics& s = machine::semantics(row);
    if (s.group() != 1 || !machine::has_instruction(m, row)) continue;
    const auto type = [&](size_t i) { return s.operands[i].buffer->dtype(); };
    const int64_t mr = 4, nr = 2 * m.lanes(type(0));
    ASSERT_TRUE(row.fits(m, std::vector{mr, nr})) << row.name;
    const ir::Kernel kernel = row_kernel(row, mr, nr), plain = row_kernel(row, mr, nr, {}, true);
    const testing::Compiled tile(kernel, m), loops(plain, m);
    ++rows_tried;
    for (const int64_t rows : {4, 3, 1})
      for (const int64_t k : {0, 1, 7, 33}) {
        std::vector<std::byte> a = testing::random_elements(type(1), rows * k, false, random);
        std::vector<std::byte> b = testing::random_elements(type(2), k * nr, false, random);
        const int64_t sizes[] = {rows, k};
        std::vector<std::byte> results[2];
        const auto bytes = static_cast<size_t>(ir::info(type(0)).bits / 8);
        for (const bool as_loops : {false, true}) {
          std::vector<std::byte>& out = results[as_loops ? 1 : 0];
          out.resize(static_cast<size_t>(rows * nr) * bytes);
          void* buffers[] = {a.data(), b.data(), out.data()};
          ASSERT_EQ((as_loops ? loops : tile).run(buffers, sizes), 0);
        }
        for (size_t i = 0; i < results[0].size(); i += bytes) {
          uint64_t found = 0, expected = 0;
          std::memcpy(&found, results[0].data() + i, bytes);
          std::memcpy(&expected, results[1].data() + i, bytes);
          const bool nan = ir::is_float(type(0)) && std::isnan(ir::decode_float(type(0), found)) &&
                           std::isnan(ir::decode_float(type(0), expected));
          ASSERT_TRUE(found == expected || nan) << row.name << " " << rows << " rows, k " << k;
        }
      }
  }
  EXPECT_GE(rows_tried, 5);
}

TEST(FmaTile, heights_of_tails_ascend_to_below_the_tile) {
  for (const std::vector<int64_t>& heights : {std::vector<int64_t>{4, 2}, {6}, {2, 2}, {7}}) {
    const auto object = emit(tile_kernel(6, 16, DType::f32, heights), testing::machine(), "k");
    ASSERT_FALSE(object);
    EXPECT_EQ(object.error().diagnostics[0].code, "target.emit");
    EXPECT_NE(object.error().text().find("heights of tails"), std::string::npos);
  }
}

/// Loops (label to backward jump) of an assembly text that hold at least `least` fused
/// multiply-adds.
std::vector<std::string> fma_loops(const std::string& text, int least) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  std::vector<std::string> loops;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (!lines[i].starts_with("\tj") && !lines[i].starts_with("\tb.")) continue;
    const size_t at = lines[i].find(".LBB");
    if (at == std::string::npos) continue;
    const std::string label = lines[i].substr(at) + ":";
    for (size_t start = i; start-- > 0;) {
      if (lines[start].starts_with(".LBB") && !lines[start].starts_with(label)) break;  // one block
      if (!lines[start].starts_with(label)) continue;
      std::string body;
      int fused = 0;
      for (size_t n = start; n <= i; ++n) {
        body += lines[n] + "\n";
        fused += lines[n].find("vfmadd") != std::string::npos ||
                         lines[n].find("\tfmla\t") != std::string::npos
                     ? 1
                     : 0;
      }
      if (fused >= least) loops.push_back(body);
      break;
    }
  }
  return loops;
}

void expect_clean_loops(const char* row, int64_t mr, int64_t nr) {
  const machine::Machine& m = *machine::find_row(row);
  const auto text = emit_asm(tile_kernel(mr, nr), m);
  ASSERT_TRUE(text);
  const int vectors = static_cast<int>(nr / m.lanes(DType::f32));
  ASSERT_FALSE(fma_loops(*text, static_cast<int>(mr) * vectors).empty()) << *text;
  for (const std::string& loop : fma_loops(*text, vectors))  // of every height
    for (const char* detour : {"(%rsp)", "[sp", "\tmov\tv"})
      EXPECT_EQ(loop.find(detour), std::string::npos) << row << " " << mr << "\n" << loop;
  // rbp is an ordinary register here: no frame is set up, so the stack is reached by rsp alone.
  EXPECT_EQ(text->find("%rsp, %rbp"), std::string::npos);
}

TEST(FmaTile, loop_keeps_accumulators_in_registers) {
  for (const char* row : {"x86-64-v4", "znver4", "znver5", "sapphirerapids"}) {
    expect_clean_loops(row, 12, 32);
    expect_clean_loops(row, 14, 32);
    expect_clean_loops(row, 8, 48);
  }
  expect_clean_loops("x86-64-v3", 6, 16);
  for (const char* row : {"aarch64", "neoverse-n1", "neoverse-v1"}) {
    expect_clean_loops(row, 12, 8);
    expect_clean_loops(row, 7, 12);
    expect_clean_loops(row, 5, 16);
    expect_clean_loops(row, 13, 8);
    expect_clean_loops(row, 8, 12);
    expect_clean_loops(row, 6, 16);
  }
}

}  // namespace
}  // namespace tenon::target
