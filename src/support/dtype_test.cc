// Encodings of the element types against their published tables.
#include "support/dtype.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace tenon {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
const double kNan = std::numeric_limits<double>::quiet_NaN();

struct Row {
  DType type;
  double value;
  uint64_t bits;
};

TEST(Round, encodes_known_values) {
  const Row rows[] = {
      {DType::f16, 1.0, 0x3c00},          {DType::f16, -2.0, 0xc000},
      {DType::f16, 65504, 0x7bff},        {DType::f16, 65519.99, 0x7bff},
      {DType::f16, 65520, 0x7c00},        {DType::f16, kInf, 0x7c00},
      {DType::f16, 0x1p-24, 0x0001},      {DType::f16, 0x1p-25, 0x0000},
      {DType::f16, 0x1.8p-25, 0x0001},    {DType::f16, 0x1p-14, 0x0400},
      {DType::f16, 0x1.ff8p-15, 0x03ff},  {DType::f16, -0.0, 0x8000},
      {DType::f16, 1.0 / 3, 0x3555},      {DType::f16, 2049, 0x6800},
      {DType::f16, 2051, 0x6802},         {DType::bf16, 1.0, 0x3f80},
      {DType::bf16, 3.14159265, 0x4049},  {DType::bf16, -kInf, 0xff80},
      {DType::bf16, 0x1.fep127, 0x7f7f},  {DType::bf16, 0x1.ffp127, 0x7f80},
      {DType::bf16, 1.00390625, 0x3f80},  {DType::bf16, 1.01171875, 0x3f82},
      {DType::bf16, 0x1p-133, 0x0001},    {DType::f8e4m3fn, 1.0, 0x38},
      {DType::f8e4m3fn, 448, 0x7e},       {DType::f8e4m3fn, 464, 0x7e},
      {DType::f8e4m3fn, 465, 0x7f},       {DType::f8e4m3fn, kInf, 0x7f},
      {DType::f8e4m3fn, 0x1p-9, 0x01},    {DType::f8e4m3fn, 0x1p-6, 0x08},
      {DType::f8e4m3fn, -0.0, 0x80},      {DType::f8e4m3fn, -448, 0xfe},
      {DType::f8e4m3fnuz, 1.0, 0x40},     {DType::f8e4m3fnuz, 240, 0x7f},
      {DType::f8e4m3fnuz, -0.0, 0x00},    {DType::f8e4m3fnuz, kInf, 0x80},
      {DType::f8e4m3fnuz, 0x1p-10, 0x01}, {DType::f8e5m2, 1.0, 0x3c},
      {DType::f8e5m2, 57344, 0x7b},       {DType::f8e5m2, 61440, 0x7c},
      {DType::f8e5m2, 61439, 0x7b},       {DType::f8e5m2, kInf, 0x7c},
      {DType::f8e5m2, 0x1p-16, 0x01},     {DType::f8e5m2fnuz, 1.0, 0x40},
      {DType::f8e5m2fnuz, 57344, 0x7f},   {DType::f8e5m2fnuz, kInf, 0x80},
      {DType::f4e2m1, 1.0, 0x2},          {DType::f4e2m1, 6.0, 0x7},
      {DType::f4e2m1, 100, 0x7},          {DType::f4e2m1, 0.5, 0x1},
      {DType::f4e2m1, -1.5, 0xb},         {DType::f4e2m1, 2.5, 0x4},
      {DType::f32, 1.0, 0x3f800000},      {DType::f64, 1.0, 0x3ff0000000000000},
  };
  for (const Row& row : rows)
    EXPECT_EQ(encode_float(row.type, row.value), row.bits)
        << info(row.type).name << " " << row.value;
}

TEST(Round, saturates_only_when_asked) {
  EXPECT_EQ(encode_float(DType::f8e4m3fn, 1e9, true), 0x7eU);
  EXPECT_EQ(encode_float(DType::f8e4m3fn, -1e9, true), 0xfeU);
  EXPECT_EQ(encode_float(DType::f8e5m2, kInf, true), 0x7bU);
  EXPECT_EQ(encode_float(DType::f8e5m2, 1e9, false), 0x7cU);
  EXPECT_EQ(encode_float(DType::f8e4m3fnuz, 1e9, true), 0x7fU);
}

TEST(Round, nan_stays_nan_where_the_format_has_one) {
  for (const DType t : {DType::f16, DType::bf16, DType::f8e4m3fn, DType::f8e4m3fnuz, DType::f8e5m2,
                        DType::f8e5m2fnuz, DType::f32, DType::f64})
    EXPECT_TRUE(std::isnan(decode_float(t, encode_float(t, kNan)))) << info(t).name;
  EXPECT_TRUE(std::isnan(decode_float(DType::f8e4m3fnuz, 0x80)));
  EXPECT_TRUE(std::isnan(decode_float(DType::f8e4m3fn, 0xff)));
}

TEST(Round, every_pattern_of_the_narrow_types_survives_decoding_and_encoding) {
  for (const DType t : {DType::f16, DType::bf16, DType::f8e4m3fn, DType::f8e4m3fnuz, DType::f8e5m2,
                        DType::f8e5m2fnuz, DType::f4e2m1}) {
    for (uint64_t bits = 0; bits < (uint64_t{1} << info(t).bits); ++bits) {
      const double v = decode_float(t, bits);
      if (std::isnan(v)) continue;
      ASSERT_EQ(encode_float(t, v), bits) << info(t).name << " " << bits;
      ASSERT_EQ(round_to(t, v), v);
    }
  }
}

TEST(Round, picks_the_nearest_and_on_ties_the_even_neighbour) {
  std::mt19937_64 random(11);
  for (const DType t : {DType::f16, DType::bf16, DType::f8e4m3fn, DType::f8e5m2}) {
    for (int i = 0; i < 20000; ++i) {
      const uint64_t top = uint64_t{1} << (info(t).bits - 1);
      const uint64_t bits = random() % top;
      const double a = decode_float(t, bits);
      const double b = decode_float(t, bits + 1);
      if (!std::isfinite(a) || !std::isfinite(b) || bits + 1 == top) continue;
      const double middle = a + (b - a) / 2;
      EXPECT_EQ(encode_float(t, middle), bits % 2 == 0 ? bits : bits + 1);
      EXPECT_EQ(encode_float(t, std::nextafter(middle, 0)), bits);
      EXPECT_EQ(encode_float(t, std::nextafter(middle, kInf)), bits + 1);
    }
  }
}

TEST(Round, f16_agrees_with_the_compiler) {
  std::mt19937_64 random(12);
  for (int i = 0; i < 100000; ++i) {
    const auto v = std::bit_cast<float>(static_cast<uint32_t>(random()));
    if (std::isnan(v)) continue;
    EXPECT_EQ(encode_float(DType::f16, static_cast<double>(v)),
              std::bit_cast<uint16_t>(static_cast<_Float16>(v)))
        << v;
  }
}

TEST(Round, wraps_integers_to_their_width) {
  EXPECT_EQ(wrap_to(DType::i8, 200), -56);
  EXPECT_EQ(wrap_to(DType::u8, -1), 255);
  EXPECT_EQ(wrap_to(DType::i4, 8), -8);
  EXPECT_EQ(wrap_to(DType::u2, 7), 3);
  EXPECT_EQ(wrap_to(DType::boolean, 42), 1);
  EXPECT_EQ(wrap_to(DType::i64, INT64_MIN), INT64_MIN);
  EXPECT_EQ(wrap_to(DType::u32, -1), 4294967295);
}

/// Every value of the narrow types, and the extremes of the others.
std::vector<double> values_of(DType type) {
  std::vector<double> all;
  const DTypeInfo& row = info(type);
  if (is_narrow_float(type)) {
    for (uint64_t code = 0; code < uint64_t{1} << row.bits; ++code)
      all.push_back(decode_float(type, code));
  } else if (is_float(type)) {
    using F32 = std::numeric_limits<float>;
    using F64 = std::numeric_limits<double>;
    const bool wide = type == DType::f64;
    all = {wide ? F64::max() : F32::max(), wide ? F64::denorm_min() : F32::denorm_min(), kNan,
           wide ? 1 + 0x1p-52 : 1 + 0x1p-23};
  } else {
    const int magnitude = row.bits - (is_signed(type) ? 1 : 0);
    all = {std::ldexp(1.0, magnitude) - 1, is_signed(type) ? -std::ldexp(1.0, magnitude) : 0};
    if (magnitude > 52) all[0] = std::ldexp(1.0, magnitude) - std::ldexp(1.0, magnitude - 53);
  }
  return all;
}

bool keeps(DType whole, double value) {
  if (is_float(whole)) {
    const double back = round_to(whole, value);
    return std::isnan(value) ? std::isnan(back)
                             : back == value && std::signbit(back) == std::signbit(value);
  }
  const int magnitude = info(whole).bits - (is_signed(whole) ? 1 : 0);
  return value <= std::ldexp(1.0, magnitude) - 1 &&
         value >= (is_signed(whole) ? -std::ldexp(1.0, magnitude) : 0.0);
}

TEST(HoldsAll, is_true_where_no_value_changes) {
  int held = 0;
  for (int i = 0; i < kDTypeCount; ++i)
    for (int j = 0; j < kDTypeCount; ++j) {
      const auto whole = static_cast<DType>(i), part = static_cast<DType>(j);
      bool all = true;
      for (const double v : values_of(part)) all = all && keeps(whole, v);
      if (whole == DType::boolean || part == DType::boolean) all = whole == part;
      // A float is no integer although its few values may be; 64 bits are more than a double tells.
      if (is_float(part) && !is_float(whole)) all = false;
      if (info(part).bits == 64 && !is_float(part)) all = whole == part;
      EXPECT_EQ(holds_all(whole, part), all) << info(whole).name << " " << info(part).name;
      held += all ? 1 : 0;
    }
  EXPECT_GT(held, kDTypeCount);
}

}  // namespace
}  // namespace tenon
