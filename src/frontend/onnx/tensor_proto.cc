#include "frontend/onnx/tensor_proto.h"

#include <onnx-ml.pb.h>

#include <charconv>
#include <cstring>
#include <functional>

#include "ir/dtype.h"
#include "ir/packed.h"
#include "ops/tensor.h"
#include "ops/unpacked.h"
#include "support/check.h"

namespace tenon::onnx_import {
namespace {

using ir::DType;
using onnx::TensorProto;

struct DataTypeRow {
  int data_type;
  DType dtype;
};
constexpr DataTypeRow kDataTypes[] = {
    {TensorProto::FLOAT, DType::f32},
    {TensorProto::UINT8, DType::u8},
    {TensorProto::INT8, DType::i8},
    {TensorProto::UINT16, DType::u16},
    {TensorProto::INT16, DType::i16},
    {TensorProto::INT32, DType::i32},
    {TensorProto::INT64, DType::i64},
    {TensorProto::BOOL, DType::boolean},
    {TensorProto::FLOAT16, DType::f16},
    {TensorProto::DOUBLE, DType::f64},
    {TensorProto::UINT32, DType::u32},
    {TensorProto::UINT64, DType::u64},
    {TensorProto::BFLOAT16, DType::bf16},
    {TensorProto::FLOAT8E4M3FN, DType::f8e4m3fn},
    {TensorProto::FLOAT8E4M3FNUZ, DType::f8e4m3fnuz},
    {TensorProto::FLOAT8E5M2, DType::f8e5m2},
    {TensorProto::FLOAT8E5M2FNUZ, DType::f8e5m2fnuz},
    {TensorProto::UINT4, DType::u4},
    {TensorProto::INT4, DType::i4},
    {TensorProto::FLOAT4E2M1, DType::f4e2m1},
    {TensorProto::UINT2, DType::u2},
    {TensorProto::INT2, DType::i2},
};

using Buffer = std::vector<std::byte>;

/// Takes over a buffer as the bytes of `to`.
void own(TensorBytes& to, Buffer buffer) {
  auto kept = std::make_shared<const Buffer>(std::move(buffer));
  to.bytes = kept->data();
  to.size = kept->size();
  to.owner = std::move(kept);
}

/// Sets the bytes of `to` from file bytes that `owner` keeps alive, copying only where storage
/// differs.
void refer(TensorBytes& to, const std::byte* bytes, uint64_t count,
           std::shared_ptr<const void> owner) {
  const uint64_t size = ir::byte_size(to.dtype, count);
  const bool odd_bool =
      to.dtype == DType::boolean &&
      std::any_of(bytes, bytes + size, [](std::byte b) { return std::to_integer<int>(b) > 1; });
  const bool unaligned = reinterpret_cast<uintptr_t>(bytes) % ir::info(to.dtype).element_bytes != 0;
  if (!odd_bool && !unaligned) {
    to.bytes = bytes;
    to.size = size;
    to.owner = std::move(owner);
    return;
  }
  Buffer copy(size);
  if (size > 0) std::memcpy(copy.data(), bytes, size);
  if (odd_bool)
    for (std::byte& b : copy) b = static_cast<std::byte>(b != std::byte{0});
  own(to, std::move(copy));
}

std::string where(const TensorProto& tensor) { return "tensor '" + tensor.name() + "': "; }

Result<uint64_t> parse_number(const TensorProto& tensor, const std::string& key,
                              const std::string& text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    return fail("onnx.external_data", where(tensor) + "external data has " + key + " '" + text +
                                          "', not a count of bytes");
  return value;
}

Status read_external(TensorProto& tensor, ExternalFiles* files, uint64_t count, TensorBytes& out) {
  if (files == nullptr)
    return fail("onnx.external_data", where(tensor) + "external data is not possible here");
  std::string location;
  uint64_t offset = 0;
  const uint64_t wanted = ir::byte_size(out.dtype, count);
  uint64_t length = wanted;
  for (const auto& entry : tensor.external_data()) {
    if (entry.key() == "location") location = entry.value();
    if (entry.key() == "offset") {
      TENON_TRY(offset, parse_number(tensor, entry.key(), entry.value()));
    }
    if (entry.key() == "length") {
      TENON_TRY(length, parse_number(tensor, entry.key(), entry.value()));
    }
  }
  if (length != wanted)
    return fail("onnx.external_data", where(tensor) + "external data has " +
                                          std::to_string(length) + " bytes, its dims need " +
                                          std::to_string(wanted));
  auto file = files->open(location);
  if (!file) {
    for (Diagnostic& d : file.error().diagnostics) d.message = where(tensor) + d.message;
    return tl::make_unexpected(std::move(file).error());
  }
  const auto bytes = (*file)->bytes();
  if (offset > bytes.size() || length > bytes.size() - offset)
    return fail("onnx.external_data", where(tensor) + "external data at bytes " +
                                          std::to_string(offset) + " to " + std::to_string(offset) +
                                          "+" + std::to_string(length) + " of '" + location +
                                          "', which has " + std::to_string(bytes.size()));
  refer(out, bytes.data() + offset, count, *file);
  return {};
}

/// Stores the values of a typed field for `count` elements, each by `put(destination, index)`; a
/// value holds one byte of elements that share bytes.
template <class Field, class Put>
Status read_field(const TensorProto& tensor, const Field& field, uint64_t count, TensorBytes& out,
                  Put put) {
  const size_t width = ir::info(out.dtype).element_bytes;
  const uint64_t values = ir::byte_size(out.dtype, count) / width;
  if (static_cast<uint64_t>(field.size()) != values)
    return fail("onnx.tensor_size", where(tensor) + "dims need " + std::to_string(count) +
                                        " elements, data holds " + std::to_string(field.size()));
  Buffer bytes(values * width);
  for (uint64_t i = 0; i < values; ++i) put(bytes.data() + i * width, i);
  own(out, std::move(bytes));
  return {};
}

template <class Field>
Status read_plain(const TensorProto& tensor, const Field& field, uint64_t count, TensorBytes& out) {
  const size_t width = ir::info(out.dtype).element_bytes;
  return read_field(tensor, field, count, out, [&](std::byte* to, uint64_t i) {
    const auto value =
        field.Get(static_cast<int>(i));  // little endian: the low bytes are the value
    std::memcpy(to, &value, width);
  });
}

Status read_typed(const TensorProto& tensor, uint64_t count, TensorBytes& out) {
  switch (out.dtype) {
    case DType::f32:
      return read_plain(tensor, tensor.float_data(), count, out);
    case DType::f64:
      return read_plain(tensor, tensor.double_data(), count, out);
    case DType::i64:
      return read_plain(tensor, tensor.int64_data(), count, out);
    case DType::u32:
    case DType::u64:
      return read_plain(tensor, tensor.uint64_data(), count, out);
    default:
      break;
  }
  if (out.dtype == DType::boolean) {
    return read_field(tensor, tensor.int32_data(), count, out, [&](std::byte* to, uint64_t i) {
      *to = static_cast<std::byte>(tensor.int32_data(static_cast<int>(i)) != 0);
    });
  }
  return read_plain(tensor, tensor.int32_data(), count, out);
}

}  // namespace

std::optional<DType> dtype_of(int data_type) {
  for (const DataTypeRow& row : kDataTypes)
    if (row.data_type == data_type) return row.dtype;
  return std::nullopt;
}

int data_type_of(DType type) {
  for (const DataTypeRow& row : kDataTypes)
    if (row.dtype == type) return row.data_type;
  TENON_CHECK(false, "an element type that ONNX lacks");
  return 0;
}

std::string data_type_name(int data_type) {
  if (TensorProto::DataType_IsValid(data_type))
    return TensorProto::DataType_Name(static_cast<TensorProto::DataType>(data_type));
  return "data type " + std::to_string(data_type);
}

std::optional<int64_t> checked_count(std::span<const int64_t> shape) {
  int64_t count = 1;
  bool empty = false;
  for (int64_t extent : shape) {
    if (extent < 0) return std::nullopt;
    if (extent == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(count, extent, &count)) {
      return std::nullopt;
    }
  }
  return empty ? 0 : count;
}

Result<std::shared_ptr<const MappedFile>> ExternalFiles::open(const std::string& location) {
  for (const auto& [name, file] : files_)
    if (name == location) return file;
  const std::filesystem::path path(location);
  const auto refuse = [&](const std::string& why) {
    return fail("onnx.external_path", "external data file '" + location + "' " + why +
                                          "; it must be a file in the model's folder");
  };
  if (location.empty()) return refuse("has no name");
  if (location.find('\0') != std::string::npos) return refuse("has a zero byte in its name");
  if (path.is_absolute() || path.has_root_name()) return refuse("is an absolute path");
  for (const auto& part : path)
    if (part == "..") return refuse("leads out of the model's folder");
  std::error_code error;
  const auto folder =
      std::filesystem::canonical(folder_.empty() ? std::filesystem::path(".") : folder_, error);
  if (error) return fail("file.open", folder_.string() + ": " + error.message());
  const auto parent = std::filesystem::canonical((folder / path).parent_path(), error);
  if (error) return fail("file.open", (folder_ / path).string() + ": " + error.message());
  const auto inside = parent.lexically_relative(folder);
  if (inside.empty() || *inside.begin() == "..")
    return refuse("leads out of the model's folder through a link");
  auto file = MappedFile::open(parent / path.filename(), /*follow_links=*/false);
  if (file) files_.emplace_back(location, *file);
  return file;
}

Result<TensorBytes> take_tensor(TensorProto& tensor, ExternalFiles* files) {
  TensorBytes out;
  const auto dtype = dtype_of(tensor.data_type());
  if (!dtype)
    return fail("onnx.element_type", where(tensor) + "elements of type " +
                                         data_type_name(tensor.data_type()) + " are not supported");
  if (tensor.has_segment())
    return fail("onnx.tensor", where(tensor) + "is stored in segments, which is not supported");
  out.dtype = *dtype;
  out.shape.assign(tensor.dims().begin(), tensor.dims().end());
  const auto count = checked_count(out.shape);
  const auto limit = INT64_MAX / static_cast<int64_t>(ir::info(out.dtype).element_bytes) / 8;
  if (!count || *count > limit)
    return fail("onnx.tensor_size", where(tensor) + "dims are negative or their product overflows");
  const auto elements = static_cast<uint64_t>(*count);
  if (tensor.data_location() == TensorProto::EXTERNAL) {
    TENON_TRY_VOID(read_external(tensor, files, elements, out));
    return out;
  }
  if (tensor.has_raw_data()) {
    if (tensor.raw_data().size() != ir::byte_size(out.dtype, elements))
      return fail("onnx.tensor_size", where(tensor) + "dims need " +
                                          std::to_string(ir::byte_size(out.dtype, elements)) +
                                          " bytes, data holds " +
                                          std::to_string(tensor.raw_data().size()));
    const std::shared_ptr<const std::string> raw(tensor.release_raw_data());
    refer(out, reinterpret_cast<const std::byte*>(raw->data()), elements, raw);
    return out;
  }
  TENON_TRY_VOID(read_typed(tensor, elements, out));
  tensor.clear_float_data();
  tensor.clear_int32_data();
  tensor.clear_int64_data();
  tensor.clear_double_data();
  tensor.clear_uint64_data();
  return out;
}

Result<ops::Tensor> read_tensor_file(const std::filesystem::path& path) {
  TENON_TRY(const auto file, MappedFile::open(path, /*follow_links=*/true));
  TensorProto tensor;
  if (file->bytes().size() > INT32_MAX ||
      !tensor.ParseFromArray(file->bytes().data(), static_cast<int>(file->bytes().size())))
    return fail("onnx.tensor",
                path.string() + ": not a tensor (a sequence or optional, or damaged)");
  // A sequence or optional parses as a tensor with segments or without data.
  if (tensor.has_segment())
    return fail("onnx.tensor", path.string() + ": holds a sequence or optional, not a tensor");
  auto data = take_tensor(tensor, nullptr);
  if (!data) {
    for (Diagnostic& d : data.error().diagnostics) d.message = path.string() + ": " + d.message;
    return tl::make_unexpected(std::move(data).error());
  }
  return ops::unpacked(data->dtype, std::move(data->shape), data->bytes);
}

}  // namespace tenon::onnx_import
