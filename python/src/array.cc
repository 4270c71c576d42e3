#include "array.h"

#include <nanobind/stl/string.h>

#include <cstring>
#include <optional>
#include <string_view>

namespace tenon_python {
namespace {

/// An element type: numpy's name, of ml_dtypes where numpy has none; then numpy's type of the bits.
struct Type {
  tenon_type type;
  const char* name;
  const char* bits;
};
constexpr Type kTypes[] = {
    {TENON_BOOL, "bool", nullptr},
    {TENON_I8, "int8", nullptr},
    {TENON_I16, "int16", nullptr},
    {TENON_I32, "int32", nullptr},
    {TENON_I64, "int64", nullptr},
    {TENON_U8, "uint8", nullptr},
    {TENON_U16, "uint16", nullptr},
    {TENON_U32, "uint32", nullptr},
    {TENON_U64, "uint64", nullptr},
    {TENON_F16, "float16", nullptr},
    {TENON_BF16, "bfloat16", "uint16"},
    {TENON_F32, "float32", nullptr},
    {TENON_F64, "float64", nullptr},
    {TENON_F8E4M3FN, "float8_e4m3fn", "uint8"},
    {TENON_F8E4M3FNUZ, "float8_e4m3fnuz", "uint8"},
    {TENON_F8E5M2, "float8_e5m2", "uint8"},
    {TENON_F8E5M2FNUZ, "float8_e5m2fnuz", "uint8"},
    {TENON_I4, "int4", "int8"},
    {TENON_U4, "uint4", "uint8"},
    {TENON_I2, "int2", "int8"},
    {TENON_U2, "uint2", "uint8"},
    {TENON_F4E2M1, "float4_e2m1fn", "uint8"},
};

const Type& row(tenon_type type) { return kTypes[type]; }

/// The dtype that ml_dtypes has for it; none without the package.
nb::object extension_dtype(const Type& t) {
  try {
    return nb::module_::import_("numpy").attr("dtype")(
        nb::module_::import_("ml_dtypes").attr(t.name));
  } catch (nb::python_error& e) {
    if (!e.matches(PyExc_ImportError) && !e.matches(PyExc_AttributeError)) throw;
    return nb::none();
  }
}

/// The type of a buffer's elements by the letters of the struct module.
std::optional<tenon_type> type_of(const char* format, Py_ssize_t bytes) {
  std::string_view f = format == nullptr ? "B" : format;
  if (!f.empty() && (f[0] == '@' || f[0] == '=' || f[0] == '<' || (f[0] == '>' && bytes == 1)))
    f.remove_prefix(1);
  if (f.size() != 1) return std::nullopt;
  const int size = bytes == 1 ? 0 : bytes == 2 ? 1 : bytes == 4 ? 2 : 3;
  switch (f[0]) {
    case '?':
      return TENON_BOOL;
    case 'e':
      return TENON_F16;
    case 'f':
      return TENON_F32;
    case 'd':
      return TENON_F64;
    case 'b':
    case 'h':
    case 'i':
    case 'l':
    case 'q':
    case 'n':
      return TENON_I8 + size;
    case 'B':
    case 'H':
    case 'I':
    case 'L':
    case 'Q':
    case 'N':
      return TENON_U8 + size;
    default:
      return std::nullopt;
  }
}

/// The type by what DLPack calls it.
std::optional<tenon_type> type_of(nb::dlpack::dtype t) {
  using Code = nb::dlpack::dtype_code;
  if (t.lanes != 1) return std::nullopt;
  const int size = t.bits == 8 ? 0 : t.bits == 16 ? 1 : t.bits == 32 ? 2 : t.bits == 64 ? 3 : -1;
  if (size < 0) return std::nullopt;
  if (t.code == static_cast<uint8_t>(Code::Int)) return TENON_I8 + size;
  if (t.code == static_cast<uint8_t>(Code::UInt)) return TENON_U8 + size;
  if (t.code == static_cast<uint8_t>(Code::Bool) && size == 0) return TENON_BOOL;
  if (t.code == static_cast<uint8_t>(Code::Bfloat) && size == 1) return TENON_BF16;
  if (t.code == static_cast<uint8_t>(Code::Float) && size > 0)
    return size == 1 ? TENON_F16 : size == 2 ? TENON_F32 : TENON_F64;
  return std::nullopt;
}

/// The row of an array whose dtype comes from ml_dtypes.
const Type* extension_type(nb::handle object) {
  if (!nb::hasattr(object, "dtype") || !nb::hasattr(object, "view")) return nullptr;
  const nb::object dtype = object.attr("dtype");
  if (!nb::hasattr(dtype, "name")) return nullptr;
  const nb::object name_object = dtype.attr("name");
  if (!nb::isinstance<nb::str>(name_object)) return nullptr;
  const std::string name = nb::cast<std::string>(name_object);
  for (const Type& t : kTypes)
    if (t.bits != nullptr && name == t.name) return &t;
  return nullptr;
}

std::string described(nb::handle object) {
  const std::string name = nb::cast<std::string>(nb::type_name(object.type()));
  if (!nb::hasattr(object, "dtype")) return name;
  const nb::object dtype = object.attr("dtype");
  return name + " of " + nb::str(nb::handle(dtype)).c_str();
}

[[noreturn]] void refuse_type(nb::handle object, const std::string& what) {
  throw nb::type_error(
      (what + " is " + described(object) +
       "; pass an array of numbers or booleans, such as of numpy, in the machine's "
       "byte order")
          .c_str());
}

}  // namespace

Value::Value(const tenon_value& value)
    : name(value.name),
      type(value.type),
      extents(value.extents, value.extents + value.rank),
      role(value.role),
      optional(value.has_default != 0) {
  for (int32_t d = 0; d < value.rank; ++d) axes.emplace_back(value.axes[d]);
}

nb::tuple Value::shape() const {
  nb::list all;
  for (size_t d = 0; d < extents.size(); ++d) {
    if (extents[d] < 0) {
      all.append(nb::str(axes[d].c_str()));
    } else {
      all.append(nb::int_(extents[d]));
    }
  }
  return nb::tuple(all);
}

nb::object Value::dtype() const {
  const Type& t = row(type);
  if (t.bits != nullptr)
    if (nb::object found = extension_dtype(t); !found.is_none()) return found;
  return nb::module_::import_("numpy").attr("dtype")(t.bits == nullptr ? t.name : t.bits);
}

std::string Value::text() const {
  std::string all = name + ": " + tenon_type_name(type) + "[";
  for (size_t d = 0; d < axes.size(); ++d) all += (d == 0 ? "" : ", ") + axes[d];
  return all + "]";
}

Array::Array(nb::handle object, const std::string& what, Use use)
    : object_(nb::borrow(object)), tensor_(empty<tenon_tensor>()) {
  const int flags = PyBUF_RECORDS_RO | (use == Use::write ? PyBUF_WRITABLE : 0);
  if (PyObject_CheckBuffer(object.ptr()) != 0) {
    if (PyObject_GetBuffer(object.ptr(), &buffer_, flags) == 0) {
      read_buffer(what);
      return;
    }
    PyErr_Clear();
    if (const Type* t = extension_type(object); t != nullptr) {
      nb::object bits = object.attr("view")(t->bits);
      if (t->type == TENON_I4 || t->type == TENON_I2) {
        extended_ = use == Use::write ? bits : bits.attr("copy")();
        bits = extended_;
        refresh();
      }
      if (PyObject_GetBuffer(bits.ptr(), &buffer_, flags) == 0) {
        read_buffer(what);
        tensor_.type = t->type;
        return;
      }
      PyErr_Clear();
    }
    if (use == Use::write && PyObject_GetBuffer(object.ptr(), &buffer_, PyBUF_RECORDS_RO) == 0) {
      PyBuffer_Release(&buffer_);
      throw nb::type_error((what + " is read-only, and the run writes to it; pass a copy").c_str());
    }
    PyErr_Clear();
  }
  if (!nb::hasattr(object, "__dlpack__")) refuse_type(object, what);
  read_dlpack(object, what, use);
}

Array::Array(Array&& other) noexcept
    : object_(std::move(other.object_)),
      imported_(std::move(other.imported_)),
      extended_(std::move(other.extended_)),
      buffer_(std::exchange(other.buffer_, {})),
      tensor_(std::exchange(other.tensor_, {})),
      shape_(std::move(other.shape_)),
      strides_(std::move(other.strides_)) {}

Array::~Array() {
  if (buffer_.obj != nullptr) PyBuffer_Release(&buffer_);
}

void Array::refresh() {
  if (extended_.is_valid()) nb::module_::import_("numpy").attr("copyto")(extended_, object_);
}

void Array::read_buffer(const std::string& what) {
  const std::optional<tenon_type> type = type_of(buffer_.format, buffer_.itemsize);
  if (!type) {
    PyBuffer_Release(&buffer_);  // no destructor runs behind a constructor that throws
    refuse_type(object_, what);
  }
  tensor_.type = *type;
  tensor_.rank = buffer_.ndim;
  tensor_.data = buffer_.buf;
  shape_.assign(buffer_.shape, buffer_.shape + buffer_.ndim);
  tensor_.shape = shape_.data();
  if (PyBuffer_IsContiguous(&buffer_, 'C') != 0) return;
  strides_.assign(buffer_.strides, buffer_.strides + buffer_.ndim);
  for (int64_t& s : strides_) {
    if (s % buffer_.itemsize != 0) {
      PyBuffer_Release(&buffer_);
      throw nb::value_error((what +
                             " has elements at no multiple of their size, such as a field of "
                             "records; pass numpy.ascontiguousarray of it")
                                .c_str());
    }
    s /= buffer_.itemsize;
  }
  tensor_.strides = strides_.data();
}

void Array::read_dlpack(nb::handle object, const std::string& what, Use use) {
  nb::ndarray<nb::ro> array;
  if (!nb::try_cast(object, array)) {
    PyErr_Clear();
    refuse_type(object, what);
  }
  if (array.device_type() != nb::device::cpu::value)
    throw nb::type_error((what + " lies on another device; copy it to the CPU first").c_str());
  const std::optional<tenon_type> type = type_of(array.dtype());
  if (!type) refuse_type(object, what);
  if (use == Use::write) {
    nb::ndarray<> writable;
    if (!nb::try_cast(object, writable))
      throw nb::type_error((what + " is read-only, and the run writes to it; pass a copy").c_str());
  }
  tensor_.type = *type;
  tensor_.rank = static_cast<int32_t>(array.ndim());
  tensor_.data = const_cast<void*>(array.data());
  shape_.assign(array.shape_ptr(), array.shape_ptr() + array.ndim());
  strides_.assign(array.stride_ptr(), array.stride_ptr() + array.ndim());
  tensor_.shape = shape_.data();
  int64_t step = 1;
  for (size_t d = shape_.size(); d-- > 0; step *= shape_[d])
    if (shape_[d] != 1 && strides_[d] != step) tensor_.strides = strides_.data();
  imported_ = std::move(array);
}

void Array::read_bits_as(tenon_type type) {
  const Type& t = row(type);
  if (t.bits != nullptr && std::string_view(t.bits) == row(tensor_.type).name &&
      extension_dtype(t).is_none())
    tensor_.type = type;
}

size_t Array::bytes() const {
  size_t n = tenon_type_bytes(tensor_.type);
  for (const int64_t extent : shape_) n *= static_cast<size_t>(extent);
  return n;
}

nb::tuple Array::shape() const {
  nb::list all;
  for (const int64_t extent : shape_) all.append(extent);
  return nb::tuple(all);
}

NewArray ArrayMaker::make(const int64_t* shape, size_t rank) {
  if (!empty_.is_valid()) {
    const Type& t = row(type_);
    const nb::object numpy = nb::module_::import_("numpy");
    dtype_ = t.bits == nullptr ? nb::object(nb::none()) : extension_dtype(t);
    carrier_ = numpy.attr("dtype")(t.bits == nullptr ? t.name : t.bits);
    empty_ = numpy.attr("empty");
  }
  const nb::object extents = nb::steal(PyTuple_New(static_cast<Py_ssize_t>(rank)));
  if (!extents.is_valid()) throw nb::python_error();
  for (size_t d = 0; d < rank; ++d)
    PyTuple_SetItem(extents.ptr(), static_cast<Py_ssize_t>(d), PyLong_FromLongLong(shape[d]));
  NewArray made;
  made.array = empty_(extents, carrier_);
  Py_buffer buffer;
  if (PyObject_GetBuffer(made.array.ptr(), &buffer, PyBUF_WRITABLE) != 0) throw nb::python_error();
  made.data = buffer.buf;
  made.bytes = static_cast<size_t>(buffer.len);
  PyBuffer_Release(&buffer);
  if (!dtype_.is_none()) made.array = made.array.attr("view")(dtype_);
  return made;
}

nb::object copy_of(const tenon_tensor& tensor) {
  NewArray made = ArrayMaker(tensor.type).make(tensor.shape, static_cast<size_t>(tensor.rank));
  if (made.bytes != 0) std::memcpy(made.data, tensor.data, made.bytes);
  return made.array;
}

}  // namespace tenon_python
