#include "ops/tensor.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "ir/dtype.h"
#include "ir/packed.h"
#include "ops/unpacked.h"
#include "support/check.h"

namespace tenon::ops {
namespace {

using ir::DType;

template <class T>
const T* typed(const Tensor& t) {
  return reinterpret_cast<const T*>(t.bytes.data());
}
template <class T>
T* typed(Tensor& t) {
  return reinterpret_cast<T*>(t.bytes.data());
}

/// Calls f with a pointer of the storage type; narrow floats are seen as their bits.
template <class F>
void with_storage(DType type, F&& f) {
  switch (type) {
    case DType::f32:
      return f(float{});
    case DType::f64:
      return f(double{});
    case DType::i8:
    case DType::i4:
    case DType::i2:
      return f(int8_t{});
    case DType::i16:
      return f(int16_t{});
    case DType::i32:
      return f(int32_t{});
    case DType::i64:
      return f(int64_t{});
    case DType::u16:
    case DType::f16:
    case DType::bf16:
      return f(uint16_t{});
    case DType::u32:
      return f(uint32_t{});
    case DType::u64:
      return f(uint64_t{});
    default:
      return f(uint8_t{});
  }
}

/// Values of every bit pattern of a narrow float, made once.
const std::vector<double>& decode_table(DType type) {
  static std::vector<double> tables[ir::kDTypeCount];
  static const bool made = [] {
    for (int i = 0; i < ir::kDTypeCount; ++i) {
      const auto t = static_cast<DType>(i);
      if (!is_narrow_float(t)) continue;
      const size_t count = size_t{1} << (8 * ir::info(t).element_bytes);
      const uint64_t mask = (uint64_t{1} << ir::info(t).bits) - 1;
      for (size_t bits = 0; bits < count; ++bits)
        tables[i].push_back(ir::decode_float(t, bits & mask));
    }
    return true;
  }();
  TENON_CHECK(made);
  return tables[static_cast<size_t>(type)];
}

/// encode_float with a short way for normal f16 and bf16 results.
uint64_t encode(DType type, double value, bool saturate) {
  const int mantissa = type == DType::f16 ? 10 : 7;
  const int bias = type == DType::f16 ? 15 : 127;
  if (type == DType::f16 || type == DType::bf16) {
    const auto bits = std::bit_cast<uint64_t>(value);
    const int exponent = static_cast<int>((bits >> 52) & 0x7ff) - 1023;
    if (exponent > -bias && exponent < bias) {
      const int drop = 52 - mantissa;
      const uint64_t magnitude =
          (bits & ~(uint64_t{1} << 63)) - (static_cast<uint64_t>(1023 - bias) << 52);
      const uint64_t odd = (magnitude >> drop) & 1;
      const uint64_t rounded = (magnitude + ((uint64_t{1} << (drop - 1)) - 1 + odd)) >> drop;
      return ((bits >> 63) << 15) | rounded;
    }
  }
  return ir::encode_float(type, value, saturate);
}

}  // namespace

int64_t product(std::span<const int64_t> shape) {
  int64_t n = 1;
  for (int64_t extent : shape) n *= extent;
  return n;
}

std::vector<int64_t> row_major(std::span<const int64_t> shape) {
  std::vector<int64_t> strides(shape.size());
  int64_t step = 1;
  for (size_t d = shape.size(); d-- > 0;) {
    strides[d] = step;
    step *= shape[d];
  }
  return strides;
}

int64_t Tensor::count() const { return product(shape); }

Tensor Tensor::zeros(DType dtype, std::vector<int64_t> shape) {
  Tensor t;
  t.dtype = dtype;
  t.shape = std::move(shape);
  t.bytes.resize(static_cast<size_t>(t.count()) * ir::info(dtype).element_bytes);
  return t;
}

double Tensor::get_f(int64_t i) const {
  double value = 0;
  read_f(*this, i, {&value, 1});
  return value;
}
int64_t Tensor::get_i(int64_t i) const {
  int64_t value = 0;
  read_i(*this, i, {&value, 1});
  return value;
}
void Tensor::set_f(int64_t i, double value) { write_f(*this, i, {&value, 1}); }
void Tensor::set_i(int64_t i, int64_t value) { write_i(*this, i, {&value, 1}); }

int64_t float_to_int(DType to, double value) {
  if (to == DType::boolean) return value != 0 ? 1 : 0;
  const int bits = ir::info(to).bits;
  const double whole = std::trunc(value);
  if (to == DType::u64 && whole >= 9223372036854775808.0 && whole < 18446744073709551616.0)
    return static_cast<int64_t>(static_cast<uint64_t>(whole));
  const bool through_32 = bits < 32 || to == DType::i32;
  const double limit = through_32 ? 2147483648.0 : 9223372036854775808.0;
  if (!(whole >= -limit && whole < limit)) {
    const int64_t smallest =
        through_32 ? std::numeric_limits<int32_t>::min() : std::numeric_limits<int64_t>::min();
    return ir::wrap_to(to, smallest);
  }
  return ir::wrap_to(to, static_cast<int64_t>(whole));
}

void read_f(const Tensor& t, int64_t begin, std::span<double> out) {
  if (is_narrow_float(t.dtype)) {
    const std::vector<double>& table = decode_table(t.dtype);
    with_storage(t.dtype, [&]<class T>(T) {
      const T* from = typed<T>(t) + begin;
      for (size_t i = 0; i < out.size(); ++i) out[i] = table[static_cast<size_t>(from[i])];
    });
    return;
  }
  with_storage(t.dtype, [&]<class T>(T) {
    const T* from = typed<T>(t) + begin;
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<double>(from[i]);
  });
}

void read_i(const Tensor& t, int64_t begin, std::span<int64_t> out) {
  if (ir::is_float(t.dtype)) {
    std::vector<double> values(out.size());
    read_f(t, begin, values);
    for (size_t i = 0; i < out.size(); ++i) out[i] = float_to_int(DType::i64, values[i]);
    return;
  }
  with_storage(t.dtype, [&]<class T>(T) {
    const T* from = typed<T>(t) + begin;
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<int64_t>(from[i]);
  });
}

void write_f(Tensor& t, int64_t begin, std::span<const double> values, bool saturate) {
  const DType type = t.dtype;
  if (!ir::is_float(type)) {
    with_storage(type, [&]<class T>(T) {
      T* to = typed<T>(t) + begin;
      for (size_t i = 0; i < values.size(); ++i)
        to[i] = static_cast<T>(float_to_int(type, values[i]));
    });
  } else if (is_narrow_float(type)) {
    with_storage(type, [&]<class T>(T) {
      T* to = typed<T>(t) + begin;
      for (size_t i = 0; i < values.size(); ++i)
        to[i] = static_cast<T>(encode(type, values[i], saturate));
    });
  } else {
    with_storage(type, [&]<class T>(T) {
      T* to = typed<T>(t) + begin;
      for (size_t i = 0; i < values.size(); ++i) to[i] = static_cast<T>(values[i]);
    });
  }
}

void write_i(Tensor& t, int64_t begin, std::span<const int64_t> values) {
  const DType type = t.dtype;
  if (ir::is_float(type)) {
    std::vector<double> converted(values.begin(), values.end());
    write_f(t, begin, converted);
    return;
  }
  const bool wraps = type == DType::boolean || ir::info(type).bits < 8;
  with_storage(type, [&]<class T>(T) {
    T* to = typed<T>(t) + begin;
    for (size_t i = 0; i < values.size(); ++i)
      to[i] = static_cast<T>(wraps ? ir::wrap_to(type, values[i]) : values[i]);
  });
}

std::vector<double> all_f(const Tensor& t) {
  std::vector<double> values(static_cast<size_t>(t.count()));
  read_f(t, 0, values);
  return values;
}
std::vector<int64_t> all_i(const Tensor& t) {
  std::vector<int64_t> values(static_cast<size_t>(t.count()));
  read_i(t, 0, values);
  return values;
}

Tensor unpacked(DType dtype, std::vector<int64_t> shape, const std::byte* packed) {
  Tensor t;
  t.dtype = dtype;
  t.shape = std::move(shape);
  const auto count = static_cast<uint64_t>(t.count());
  if (ir::is_sub_byte(dtype)) {
    t.bytes = ir::unpack_bits(dtype, packed, count);
  } else {
    t.bytes.assign(packed, packed + ir::byte_size(dtype, count));
  }
  return t;
}

Tensor tensor_of(Expr constant) {
  std::vector<int64_t> shape;
  for (Expr e : constant->shape()) {
    TENON_CHECK(ir::as_int(e).has_value(), "a constant of symbolic shape");
    shape.push_back(*ir::as_int(e));
  }
  if (constant->op == ir::Op::imm) {
    Tensor t = Tensor::zeros(constant->dtype(), {});
    if (ir::is_float(t.dtype)) {
      t.set_f(0, constant->float_attr(ir::Key::value));
    } else {
      t.set_i(0, constant->int_attr(ir::Key::value));
    }
    return t;
  }
  TENON_CHECK(constant->op == ir::Op::constant, "not a constant");
  const ir::ConstantRef data = constant->constant_attr();
  TENON_CHECK(data->size == ir::byte_size(constant->dtype(), static_cast<uint64_t>(product(shape))),
              "a constant's bytes do not match its type");
  return unpacked(constant->dtype(), std::move(shape), data->bytes);
}

Expr constant_of(Context& c, const Tensor& t, std::string name) {
  std::vector<Expr> shape;
  for (int64_t n : t.shape) shape.push_back(c.i64(n));
  auto owner = std::make_shared<std::vector<std::byte>>(
      ir::is_sub_byte(t.dtype) ? ir::pack_bits(t.dtype, t.bytes) : t.bytes);
  const std::byte* bytes = owner->data();
  const uint64_t size = owner->size();
  return c.constant(c.tensor(t.dtype, shape), bytes, size, std::move(name), std::move(owner));
}

}  // namespace tenon::ops
