// Packed storage: elements one behind the other with no bits between. Of types of whole bytes it is
// the storage of elements that are addressed alone; of sub-byte types the first element of a byte
// lies in its low bits, as ONNX has it. The one place that says how many bytes elements take so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "support/dtype.h"

namespace tenon {

/// Bits of an element in packed storage.
[[nodiscard]] inline unsigned storage_bits(DType t) {
  return t == DType::boolean ? 8U : info(t).bits;
}
[[nodiscard]] inline bool is_sub_byte(DType t) { return storage_bits(t) < 8; }
/// Bytes of `count` elements in packed storage, the last one filled up.
[[nodiscard]] inline uint64_t byte_size(DType t, uint64_t count) {
  if (!is_sub_byte(t)) return count * info(t).element_bytes;
  const unsigned per_byte = 8 / storage_bits(t);
  return count / per_byte + (count % per_byte != 0 ? 1 : 0);
}
/// Elements one a byte as packed storage; what fills up the last byte is 0. Sub-byte types only.
[[nodiscard]] std::vector<std::byte> pack_bits(DType type, std::span<const std::byte> elements);
/// `count` elements of packed storage, one a byte (signed integers extended). Sub-byte types only.
[[nodiscard]] std::vector<std::byte> unpack_bits(DType type, const std::byte* packed,
                                                 uint64_t count);
/// Element `at` of packed storage as its byte. Sub-byte types only.
[[nodiscard]] std::byte unpack_element(DType type, const std::byte* packed, uint64_t at);

}  // namespace tenon
