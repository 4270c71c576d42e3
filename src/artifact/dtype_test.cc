// Elements as their types keep them: largest values, infinities, ties, wrapped integers.
#include "artifact/dtype.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

namespace tenon::artifact {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
const double kNan = std::nan("");

double through(DType type, double value) {
  std::byte b[8] = {};
  store_double(type, b, value);
  return load_double(type, b);
}
int64_t through_int(DType type, int64_t value) {
  std::byte b[8] = {};
  store_int(type, b, value);
  return load_int(type, b);
}

TEST(DTypes, narrow_floats_round_trip_every_pattern) {
  for (const DType type : {DType::f16, DType::bf16, DType::f8e4m3fn, DType::f8e4m3fnuz,
                           DType::f8e5m2, DType::f8e5m2fnuz, DType::f4e2m1}) {
    const uint32_t patterns = type == DType::f4e2m1 ? 16 : 1U << (8 * info(type).element_bytes);
    for (uint32_t bits = 0; bits < patterns; ++bits) {
      std::byte in[2];
      std::byte out[2] = {};
      std::memcpy(in, &bits, 2);
      const double v = load_double(type, in);
      if (std::isnan(v)) continue;
      store_double(type, out, v);
      EXPECT_EQ(std::memcmp(in, out, info(type).element_bytes), 0)
          << info(type).name << " " << bits;
    }
  }
}

TEST(DTypes, narrow_floats_at_their_limits) {
  struct Row {
    DType type;
    double top;    // the largest finite value
    double over;   // halfway from it to the next step: the first that does not round down to it
    double least;  // the smallest subnormal number
    bool infinity, signed_zero;
  };
  const Row rows[] = {
      {DType::f16, 65504, 65520, 0x1p-24, true, true},
      {DType::bf16, 0x1.fep127, 0x1.ffp127, 0x1p-133, true, true},
      {DType::f8e4m3fn, 448, 465, 0x1p-9, false, true},
      {DType::f8e4m3fnuz, 240, 248, 0x1p-10, false, false},
      {DType::f8e5m2, 57344, 61440, 0x1p-16, true, true},
      {DType::f8e5m2fnuz, 57344, 61440, 0x1p-17, false, false},
      {DType::f4e2m1, 6, 7, 0.5, false, true},
  };
  for (const Row& r : rows) {
    SCOPED_TRACE(info(r.type).name);
    for (const double s : {1.0, -1.0}) {
      const double above = s * (r.infinity ? kInf : r.top);
      EXPECT_EQ(through(r.type, s * r.top), s * r.top);
      EXPECT_EQ(through(r.type, s * std::nextafter(r.over, 0)), s * r.top);
      EXPECT_EQ(through(r.type, s * r.over), above);
      EXPECT_EQ(through(r.type, s * 1e300), above);
      EXPECT_EQ(through(r.type, s * kInf), above);
      EXPECT_EQ(through(r.type, s * r.least), s * r.least);
      EXPECT_EQ(through(r.type, s * r.least * 0.51), s * r.least);
      for (const double zero : {0.0, 1e-300, r.least / 2}) {
        EXPECT_EQ(through(r.type, s * zero), 0) << zero;
        EXPECT_EQ(std::signbit(through(r.type, s * zero)), s < 0 && r.signed_zero) << zero;
      }
      EXPECT_EQ(through(r.type, s * 1.5), s * 1.5);
      EXPECT_EQ(through(r.type, s), s);
    }
    if (r.type != DType::f4e2m1) EXPECT_TRUE(std::isnan(through(r.type, kNan)));
  }
  EXPECT_EQ(through(DType::f8e4m3fn, 17), 16);  // ties go to even
  EXPECT_EQ(through(DType::f8e4m3fn, 19), 20);
  const std::byte nan[] = {std::byte{0x01}, std::byte{0x7c}};  // a pattern beyond infinity
  EXPECT_TRUE(std::isnan(load_double(DType::f16, nan)));
}

TEST(DTypes, wide_floats_and_integers_as_floats) {
  EXPECT_EQ(through(DType::f32, 0.1), static_cast<double>(0.1F));
  EXPECT_EQ(through(DType::f64, 0.1), 0.1);
  EXPECT_EQ(through(DType::i32, -3.9), -3);
  EXPECT_EQ(through(DType::boolean, 3), 1);
  EXPECT_EQ(through_int(DType::f32, 7), 7);
  EXPECT_EQ(through_int(DType::f16, -7), -7);
  std::byte b[8];
  store_int(DType::u64, b, -1);
  EXPECT_EQ(load_double(DType::u64, b), 0x1p64);
  EXPECT_EQ(load_int(DType::u64, b), -1);
  const std::byte two{2};
  EXPECT_EQ(load_int(DType::boolean, &two), 1);
}

TEST(DTypes, integers_wrap_to_their_width) {
  struct Row {
    DType type;
    int64_t value, kept;
  };
  const Row rows[] = {
      {DType::boolean, 0, 0},
      {DType::boolean, 256, 1},
      {DType::i2, 2, -2},
      {DType::i2, 1, 1},
      {DType::u2, 7, 3},
      {DType::u2, -1, 3},
      {DType::i4, 9, -7},
      {DType::i4, 7, 7},
      {DType::u4, 17, 1},
      {DType::u4, -1, 15},
      {DType::i8, 128, -128},
      {DType::i8, 127, 127},
      {DType::u8, -1, 255},
      {DType::u8, 256, 0},
      {DType::i16, 65535, -1},
      {DType::u16, -1, 65535},
      {DType::i32, 1LL << 31, INT32_MIN},
      {DType::u32, -1, UINT32_MAX},
      {DType::i64, INT64_MIN, INT64_MIN},
  };
  for (const Row& r : rows)
    EXPECT_EQ(through_int(r.type, r.value), r.kept) << info(r.type).name << " " << r.value;
}

TEST(DTypes, names_are_read_back) {
  for (int i = 0; i < kDTypeCount; ++i) {
    const auto type = static_cast<DType>(i);
    EXPECT_EQ(parse_dtype(info(type).name), type);
  }
  EXPECT_FALSE(parse_dtype("f31").has_value());
  EXPECT_FALSE(parse_dtype("").has_value());
}

}  // namespace
}  // namespace tenon::artifact
