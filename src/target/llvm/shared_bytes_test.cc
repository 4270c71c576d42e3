// Loads of constants whose elements share bytes: scalars, neighbours from each start, gathers and
// masks, in every number of lanes.
#include <gtest/gtest.h>

#include "ir/packed.h"
#include "ir/vector.h"
#include "target/llvm/testing.h"

namespace tenon::target {
namespace {

using ir::DType;
using ir::Expr;

constexpr int64_t kRow = 32;    // elements that a kernel reads
constexpr int64_t kMost = 200;  // elements of the constant
constexpr DType kTypes[] = {DType::i4, DType::u4, DType::i2, DType::u2, DType::f4e2m1};

/// out[j] = k[start + step * j] for j < kRow, as `out_type`, in lanes; of those whose j is below
/// `wanted` where a mask is asked for. `start` is a size where `start_known` is false.
ir::Kernel reader(DType type, DType out_type, int lanes, int64_t start, int64_t step,
                  bool start_known, bool masked) {
  ir::Kernel kernel;
  kernel.name = "reader";
  kernel.context = std::make_shared<ir::Context>();
  ir::Context& c = *kernel.context;
  const Expr offset = c.var("start");
  const Expr wanted = c.var("wanted");
  kernel.sizes = {offset, wanted};
  const Expr k = c.buffer("k", c.tensor(type, {kMost}));
  const Expr out = c.buffer("out", c.tensor(out_type, {kRow}));
  kernel.params = {{k, ir::ParamRole::constant, {}}, {out, ir::ParamRole::out, {}}};
  const Expr i = c.var("i");
  const Expr first = ir::mul(c, i, c.i64(lanes));
  const Expr from = ir::add(c, start_known ? c.i64(start) : offset, ir::mul(c, first, c.i64(step)));
  const Expr numbers = ir::ramp(c, first, 1, lanes);
  const Expr bound = ir::splat(c, wanted, lanes);
  const Expr operands[] = {numbers, bound};
  const Expr mask = masked ? ir::elementwise(c, ir::lt(c, first, wanted), operands) : nullptr;
  const Expr value = ir::load_lanes(c, k, mask, std::vector{ir::ramp(c, from, step, lanes)});
  const ir::Type type_of_cast = c.scalar(out_type, lanes);
  const Expr cast = c.make(ir::Op::cast, type_of_cast, {value});
  kernel.body = ir::for_loop(c, i, c.i64(kRow / lanes),
                             ir::store_lanes(c, out, cast, mask, std::vector{numbers}), "parallel");
  return kernel;
}

/// kMost elements of all bit patterns.
std::vector<std::byte> elements(DType type) {
  std::vector<std::byte> all;
  for (int64_t i = 0; i < kMost; ++i) {
    const int64_t bits = i * 7 + i / 16;
    all.push_back(static_cast<std::byte>(ir::is_float(type) ? bits & 15 : ir::wrap_to(type, bits)));
  }
  return all;
}

template <class T>
void check(DType type, DType out_type, int lanes, int64_t start, int64_t step, bool known,
           bool masked) {
  SCOPED_TRACE(::testing::Message() << ir::info(type).name << " lanes " << lanes << " start "
                                    << start << " step " << step << " masked " << masked);
  const ir::Kernel kernel = reader(type, out_type, lanes, start, step, known, masked);
  const std::vector<std::byte> alone = elements(type);
  for (const machine::Machine* row : target::testing::runnable_rows()) {
    std::vector<std::byte> packed = ir::pack_bits(type, alone);
    std::vector<T> out(kRow, T(99));
    void* buffers[] = {packed.data(), out.data()};
    const int64_t wanted = masked ? kRow - 5 : kRow;
    const int64_t sizes[] = {start, wanted};
    ASSERT_EQ(target::testing::run(kernel, *row, buffers, sizes), 0);
    for (int64_t j = 0; j < kRow; ++j) {
      const auto bits = std::to_integer<int8_t>(alone[static_cast<size_t>(start + step * j)]);
      const T value = ir::is_float(type)
                          ? static_cast<T>(ir::decode_float(type, static_cast<uint8_t>(bits)))
                          : static_cast<T>(bits);
      ASSERT_EQ(out[static_cast<size_t>(j)], j < wanted ? value : T(99)) << row->name << " " << j;
    }
  }
}

TEST(SharedBytes, neighbours_are_read_from_every_start) {
  for (const DType type : kTypes)
    for (const int lanes : {1, 2, 4, 8, 16, 32})
      for (const int64_t start : {0, 1, 2, 3, 4, 6}) {
        if (ir::is_float(type)) {
          check<float>(type, DType::f32, lanes, start, 1, true, false);
        } else {
          check<int32_t>(type, DType::i32, lanes, start, 1, true, false);
        }
      }
}

TEST(SharedBytes, neighbours_are_read_from_a_start_that_a_size_gives) {
  for (const DType type : kTypes)
    for (const int64_t start : {0, 1, 2, 3}) {
      if (ir::is_float(type)) {
        check<float>(type, DType::f32, 8, start, 1, false, false);
      } else {
        check<int32_t>(type, DType::i32, 8, start, 1, false, false);
      }
    }
}

TEST(SharedBytes, masks_and_steps_reach_the_elements_that_are_wanted) {
  for (const DType type : kTypes)
    for (const int64_t step : {1, 2, 3, 5})
      for (const bool masked : {false, true}) {
        if (ir::is_float(type)) {
          check<float>(type, DType::f32, 8, 2, step, true, masked);
        } else {
          check<int32_t>(type, DType::i32, 8, 2, step, true, masked);
        }
      }
}

}  // namespace
}  // namespace tenon::target
