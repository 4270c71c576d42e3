// Tensors of C to those of the runtime and back.
#include "runtime/tensor.h"

#include "c_api/objects.h"

namespace tenon::c_api {
namespace {

/// Of inputs and outputs that ONNX has; more is a mistake, not memory to read.
constexpr int32_t kMostAxes = 64;

}  // namespace

Result<Tensor> read_tensor(const tenon_tensor* given) {
  TENON_TRY_VOID(require(given, "tensor"));
  TENON_TRY(const tenon_tensor t, read_struct(given));
  if (t.type < 0 || t.type >= kDTypeCount)
    return fail("api.type", cat("element type ", t.type, " is none of tenon_type; take one"));
  if (t.rank < 0 || t.rank > kMostAxes)
    return fail("api.rank", cat("a tensor has 0 to ", kMostAxes, " axes, not ", t.rank));
  if (t.rank > 0) TENON_TRY_VOID(require(t.shape, "tensor->shape"));
  const auto rank = static_cast<size_t>(t.rank);
  Tensor out{static_cast<runtime::DType>(t.type),
             {t.shape, rank},
             {},
             {},
             static_cast<std::byte*>(t.data)};
  if (t.strides != nullptr) out.strides = {t.strides, rank};
  if (t.bytes != 0) out.memory = {out.data, t.bytes};
  const int64_t bytes = runtime::tensor_bytes(out.dtype, out.dims);
  if (bytes < 0)
    return fail("api.extent", cat("a tensor cannot have shape ", shape_text(out.dims),
                                  ": extents are not negative, and their product fits 63 bits"));
  if (bytes > 0) TENON_TRY_VOID(require(t.data, "tensor->data"));
  const size_t width = info(out.dtype).element_bytes;
  if (reinterpret_cast<uintptr_t>(t.data) % width != 0)
    return fail("api.alignment", cat("the data is not aligned to its elements of ", width,
                                     " bytes; align or copy it"));
  return out;
}

Result<Tensor> read_dense(const tenon_tensor* given) {
  TENON_TRY(const Tensor t, read_tensor(given));
  if (t.strides.data() != nullptr &&
      !runtime::is_dense({t.dtype, t.dims, t.strides, t.data, t.memory}))
    return fail("api.strides", "the tensor has to be dense and row-major here; copy it");
  const auto bytes = static_cast<uint64_t>(runtime::tensor_bytes(t.dtype, t.dims));
  if (!t.memory.empty() && t.memory.size() < bytes)
    return fail("api.bytes", cat("a tensor of shape ", shape_text(t.dims), " takes ", bytes,
                                 " bytes, and ", t.memory.size(), " are given; give all of them"));
  return t;
}

Status write_tensor(tenon_tensor* to, const runtime::TensorView& view) {
  tenon_tensor t{};
  t.type = static_cast<tenon_type>(view.dtype);
  t.rank = static_cast<int32_t>(view.dims.size());
  t.shape = view.dims.data();
  t.data = const_cast<void*>(view.data);
  t.bytes = view.bytes();
  return write_struct(to, t);
}

}  // namespace tenon::c_api
