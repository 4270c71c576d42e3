// Tensors of ONNX files: element types, and TensorProto with its raw, typed and external data,
// checked against its dims before anything is allocated.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "frontend/onnx/mapped_file.h"
#include "ir/dtype.h"
#include "ops/op.h"
#include "support/result.h"

namespace onnx {
class TensorProto;
}

namespace tenon::onnx_import {

/// The element type of a TensorProto.DataType value; empty for strings, complex and unknown values.
[[nodiscard]] std::optional<ir::DType> dtype_of(int data_type);
/// The value of TensorProto.DataType for the element type.
[[nodiscard]] int data_type_of(ir::DType type);
/// How ONNX calls the value: "FLOAT", "STRING", "data type 99".
[[nodiscard]] std::string data_type_name(int data_type);

/// Row-major elements in packed storage that `owner` keeps alive.
struct TensorBytes {
  ir::DType dtype = ir::DType::f32;
  std::vector<int64_t> shape;
  const std::byte* bytes = nullptr;
  uint64_t size = 0;
  std::shared_ptr<const void> owner;
};

/// Files beside a model that hold tensor data: each is mapped once. Refuses names that lead out of
/// the model's folder.
class ExternalFiles {
 public:
  explicit ExternalFiles(std::filesystem::path folder) : folder_(std::move(folder)) {}
  [[nodiscard]] Result<std::shared_ptr<const MappedFile>> open(const std::string& location);

 private:
  std::filesystem::path folder_;
  std::vector<std::pair<std::string, std::shared_ptr<const MappedFile>>> files_;
};

/// The tensor's data. Raw data is moved out of `tensor`, external data is referenced where its
/// alignment allows, typed fields are decoded and dropped. `files` may be null: external data is
/// then refused.
[[nodiscard]] Result<TensorBytes> take_tensor(onnx::TensorProto& tensor, ExternalFiles* files);

/// A tensor file of a conformance case (a serialized TensorProto). Refuses sequences and optionals.
[[nodiscard]] Result<ops::Tensor> read_tensor_file(const std::filesystem::path& path);

/// Product of extents, each at least 0; empty when one is negative or the product overflows.
[[nodiscard]] std::optional<int64_t> checked_count(std::span<const int64_t> shape);

}  // namespace tenon::onnx_import
