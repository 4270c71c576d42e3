#include "artifact/dtype.h"

#include <cstring>

#include "artifact/integer_element.h"

namespace tenon::artifact {
namespace {

template <class T>
T get(const std::byte* at) {
  T v;
  std::memcpy(&v, at, sizeof v);
  return v;
}
template <class T>
void put(std::byte* at, T v) {
  std::memcpy(at, &v, sizeof v);
}

}  // namespace

double load_double(DType type, const std::byte* at) {
  if (type == DType::f32) return get<float>(at);
  if (type == DType::f64) return get<double>(at);
  if (type == DType::u64) return static_cast<double>(get<uint64_t>(at));
  if (!is_float(type)) return static_cast<double>(load_int(type, at));
  return decode_float(type, info(type).element_bytes == 2 ? get<uint16_t>(at) : get<uint8_t>(at));
}

int64_t load_int(DType type, const std::byte* at) {
  switch (type) {
    case DType::i4:
    case DType::i2:
    case DType::u4:
    case DType::u2:
      return wrap_to(type, get<uint8_t>(at));
    default:
      return is_float(type) ? static_cast<int64_t>(load_double(type, at)) : load_integer(type, at);
  }
}

void store_double(DType type, std::byte* at, double value) {
  if (type == DType::f32) return put(at, static_cast<float>(value));
  if (type == DType::f64) return put(at, value);
  if (!is_float(type)) return store_int(type, at, static_cast<int64_t>(value));
  const bool finite_only = info(type).format.finite_only;
  const uint64_t bits = encode_float(type, value, /*saturate=*/finite_only);
  if (info(type).element_bytes == 2) return put(at, static_cast<uint16_t>(bits));
  put(at, static_cast<uint8_t>(bits));
}

void store_int(DType type, std::byte* at, int64_t value) {
  if (is_float(type)) return store_double(type, at, static_cast<double>(value));
  if (type == DType::boolean) return put(at, static_cast<uint8_t>(value != 0 ? 1 : 0));
  value = wrap_to(type, value);  // a narrower one is extended to its byte
  switch (info(type).element_bytes) {
    case 8:
      return put(at, value);
    case 4:
      return put(at, static_cast<int32_t>(value));
    case 2:
      return put(at, static_cast<int16_t>(value));
    default:
      return put(at, static_cast<int8_t>(value));
  }
}

}  // namespace tenon::artifact
