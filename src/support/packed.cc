#include "support/packed.h"

#include "support/check.h"

namespace tenon {

std::byte unpack_element(DType type, const std::byte* packed, uint64_t at) {
  const unsigned bits = storage_bits(type);
  const unsigned per_byte = 8 / bits;
  const unsigned mask = (1U << bits) - 1;
  const auto shift = static_cast<unsigned>(at % per_byte) * bits;
  unsigned value = (std::to_integer<unsigned>(packed[at / per_byte]) >> shift) & mask;
  if (is_signed(type) && (value >> (bits - 1)) != 0) value |= ~mask;
  return static_cast<std::byte>(value);
}

std::vector<std::byte> unpack_bits(DType type, const std::byte* packed, uint64_t count) {
  TENON_CHECK(is_sub_byte(type), "elements of whole bytes are not packed");
  std::vector<std::byte> elements(count);
  for (uint64_t i = 0; i < count; ++i) elements[i] = unpack_element(type, packed, i);
  return elements;
}

std::vector<std::byte> pack_bits(DType type, std::span<const std::byte> elements) {
  TENON_CHECK(is_sub_byte(type), "elements of whole bytes are not packed");
  const unsigned bits = storage_bits(type);
  const unsigned per_byte = 8 / bits;
  std::vector<std::byte> packed(byte_size(type, elements.size()));
  for (uint64_t i = 0; i < elements.size(); ++i) {
    const unsigned value = std::to_integer<unsigned>(elements[i]) & ((1U << bits) - 1);
    packed[i / per_byte] |= static_cast<std::byte>(value << (i % per_byte) * bits);
  }
  return packed;
}

}  // namespace tenon
