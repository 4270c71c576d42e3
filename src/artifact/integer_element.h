// An element of whole bytes as an integer: what size programs read from tensors.
#pragma once

#include <cstddef>
#include <cstdint>

#include "support/dtype.h"

namespace tenon::artifact {

namespace detail {
template <class T>
int64_t load(const std::byte* at) {
  T v;
  __builtin_memcpy(&v, at, sizeof v);
  return static_cast<int64_t>(v);
}
}  // namespace detail

/// 0 of types that load_integer does not read: floats and those below a byte.
[[nodiscard]] inline unsigned integer_bytes(DType type) {
  switch (type) {
    case DType::boolean:
    case DType::i8:
    case DType::u8:
      return 1;
    case DType::i16:
    case DType::u16:
      return 2;
    case DType::i32:
    case DType::u32:
      return 4;
    case DType::i64:
    case DType::u64:
      return 8;
    default:
      return 0;
  }
}

[[nodiscard]] inline int64_t load_integer(DType type, const std::byte* at) {
  switch (type) {
    case DType::boolean:
      return detail::load<uint8_t>(at) != 0 ? 1 : 0;
    case DType::i8:
      return detail::load<int8_t>(at);
    case DType::u8:
      return detail::load<uint8_t>(at);
    case DType::i16:
      return detail::load<int16_t>(at);
    case DType::u16:
      return detail::load<uint16_t>(at);
    case DType::i32:
      return detail::load<int32_t>(at);
    case DType::u32:
      return detail::load<uint32_t>(at);
    case DType::i64:
      return detail::load<int64_t>(at);
    case DType::u64:
      return detail::load<uint64_t>(at);
    default:
      return 0;
  }
}

}  // namespace tenon::artifact
