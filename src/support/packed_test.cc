#include "support/packed.h"

#include <gtest/gtest.h>

namespace tenon {
namespace {

TEST(Packed, sizes_count_bits_and_round_up_to_bytes) {
  EXPECT_EQ(byte_size(DType::i4, 0), 0u);
  EXPECT_EQ(byte_size(DType::i4, 1), 1u);
  EXPECT_EQ(byte_size(DType::f4e2m1, 2), 1u);
  EXPECT_EQ(byte_size(DType::u4, 7), 4u);
  EXPECT_EQ(byte_size(DType::i2, 4), 1u);
  EXPECT_EQ(byte_size(DType::u2, 5), 2u);
  EXPECT_EQ(byte_size(DType::boolean, 9), 9u);
  EXPECT_EQ(byte_size(DType::f8e5m2, 9), 9u);
  EXPECT_EQ(byte_size(DType::f32, 9), 36u);
  EXPECT_EQ(byte_size(DType::i4, UINT64_MAX), (uint64_t{1} << 63));
}

TEST(Packed, every_value_survives_at_every_place) {
  for (const DType t : {DType::i4, DType::u4, DType::i2, DType::u2, DType::f4e2m1})
    for (uint64_t count = 0; count < 19; ++count)
      for (uint64_t first = 0; first < 16; ++first) {
        std::vector<std::byte> elements;
        for (uint64_t i = 0; i < count; ++i) {
          const auto bits = static_cast<int64_t>(first + i * 5);
          elements.push_back(static_cast<std::byte>(is_float(t) ? bits & 15 : wrap_to(t, bits)));
        }
        const std::vector<std::byte> packed = pack_bits(t, elements);
        EXPECT_EQ(packed.size(), byte_size(t, count));
        EXPECT_EQ(unpack_bits(t, packed.data(), count), elements) << info(t).name << " " << count;
        for (uint64_t i = 0; i < count; ++i)
          EXPECT_EQ(unpack_element(t, packed.data(), i), elements[i]);
      }
}

TEST(Packed, the_first_element_lies_in_the_low_bits) {
  const std::byte four[] = {std::byte{1}, std::byte{0xfe}, std::byte{7}};
  EXPECT_EQ(pack_bits(DType::i4, four), (std::vector{std::byte{0xe1}, std::byte{0x07}}));
  const std::byte two[] = {std::byte{1}, std::byte{2}, std::byte{3}, std::byte{0}, std::byte{2}};
  EXPECT_EQ(pack_bits(DType::u2, two), (std::vector{std::byte{0x39}, std::byte{0x02}}));
}

}  // namespace
}  // namespace tenon
