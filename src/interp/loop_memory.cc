#include "interp/loop_memory.h"

#include <cstring>
#include <limits>

#include "ir/dtype.h"
#include "ir/packed.h"

namespace tenon::interp {
using ir::DType;

void poison(Memory& m) {
  if (m.count == 0) return;
  const size_t width = ir::info(m.dtype).element_bytes;
  if (ir::is_float(m.dtype)) {
    const uint64_t bits = ir::encode_float(m.dtype, std::numeric_limits<double>::quiet_NaN());
    for (int64_t i = 0; i < m.count; ++i)
      std::memcpy(m.data + static_cast<size_t>(i) * width, &bits, width);
  } else {
    std::memset(m.data, m.dtype == DType::boolean ? 1 : 0x5a, static_cast<size_t>(m.count) * width);
  }
}

Scalar load_element(const Memory& m, int64_t at) {
  Scalar s{};
  const std::byte alone =
      m.shares_bytes ? ir::unpack_element(m.dtype, m.data, static_cast<uint64_t>(at)) : std::byte{};
  const std::byte* p = m.shares_bytes ? &alone : m.data + at * ir::info(m.dtype).element_bytes;
  const auto as = [&]<class T>(T v) {
    std::memcpy(&v, p, sizeof v);
    return v;
  };
  switch (m.dtype) {
    case DType::f32:
      s.f = static_cast<double>(as(float{}));
      break;
    case DType::f64:
      s.f = as(double{});
      break;
    case DType::f16:
    case DType::bf16:
      s.f = ir::decode_float(m.dtype, as(uint16_t{}));
      break;
    case DType::i16:
      s.i = as(int16_t{});
      break;
    case DType::u16:
      s.i = as(uint16_t{});
      break;
    case DType::i32:
      s.i = as(int32_t{});
      break;
    case DType::u32:
      s.i = as(uint32_t{});
      break;
    case DType::i64:
    case DType::u64:
      s.i = as(int64_t{});
      break;
    case DType::u8:
      s.i = as(uint8_t{});
      break;
    case DType::i8:
      s.i = as(int8_t{});
      break;
    case DType::boolean:
      s.i = as(uint8_t{}) != 0 ? 1 : 0;
      break;
    default:
      if (ir::is_float(m.dtype)) {
        s.f = ir::decode_float(m.dtype, as(uint8_t{}));
      } else {
        s.i = ir::wrap_to(m.dtype, as(int8_t{}));
      }
  }
  return s;
}

void store_element(const Memory& m, int64_t at, Scalar s) {
  const size_t width = ir::info(m.dtype).element_bytes;
  std::byte* p = m.data + static_cast<size_t>(at) * width;
  if (m.dtype == DType::f32) {
    const auto v = static_cast<float>(s.f);
    std::memcpy(p, &v, sizeof v);
    return;
  }
  const uint64_t bits = ir::is_float(m.dtype) ? ir::encode_float(m.dtype, s.f)
                                              : static_cast<uint64_t>(ir::wrap_to(m.dtype, s.i));
  std::memcpy(p, &bits, width);
}

Scalar unspecified(DType type) {
  Scalar s{};
  if (ir::is_float(type)) {
    s.f = std::numeric_limits<double>::quiet_NaN();
  } else {
    s.i = type == DType::boolean ? 1 : ir::wrap_to(type, 0x5a5a5a5a5a5a5a5a);
  }
  return s;
}

}  // namespace tenon::interp
