// Arrays of Python as tensors of the C API, and new arrays for results.
#pragma once

#include <nanobind/ndarray.h>

#include <string>
#include <vector>

#include "handles.h"

namespace tenon_python {

/// Name, element type and shape of an input, output or state; what `Model.inputs` gives.
struct Value {
  explicit Value(const tenon_value& value);

  std::string name;
  tenon_type type;
  std::vector<int64_t> extents;  // -1 where runs may differ in it
  std::vector<std::string> axes;
  int32_t role;
  bool optional;

  [[nodiscard]] nb::tuple shape() const;
  /// The numpy dtype of its arrays; without ml_dtypes, of those that hold the bits.
  [[nodiscard]] nb::object dtype() const;
  [[nodiscard]] std::string text() const;
};

/// The memory of a Python object that has the buffer protocol or __dlpack__, as long as this lives.
class Array {
 public:
  enum class Use { read, write };

  Array() = default;
  /// Throws TypeError for what is no array, has no element type that Tenon knows, or is read-only
  /// where it is to be written; `what` names it in messages, such as "input 'x'".
  Array(nb::handle object, const std::string& what, Use use);
  Array(Array&& other) noexcept;
  Array& operator=(Array&&) = delete;
  ~Array();

  [[nodiscard]] const tenon_tensor& tensor() const { return tensor_; }
  /// Reads the object's elements anew where they are no part of its own memory: the negative ones
  /// of int4 and int2, which ml_dtypes keeps without the upper bits of their byte.
  void refresh();
  /// Takes plain bits for elements of that type where this Python has no dtype for it.
  void read_bits_as(tenon_type type);
  [[nodiscard]] nb::handle object() const { return object_; }
  [[nodiscard]] size_t bytes() const;
  [[nodiscard]] nb::tuple shape() const;

 private:
  void read_buffer(const std::string& what);
  void read_dlpack(nb::handle object, const std::string& what, Use use);
  void set_strides(const int64_t* strides, int64_t unit, const std::string& what);

  nb::object object_;             // as it was given
  nb::ndarray<nb::ro> imported_;  // the owner of memory that came by DLPack
  nb::object extended_;           // int8 with the elements of int4 or int2
  Py_buffer buffer_{};            // obj is null where there is none
  tenon_tensor tensor_{};
  std::vector<int64_t> shape_, strides_;
};

/// A new array of numpy and where its elements lie.
struct NewArray {
  nb::object array;
  void* data;
  size_t bytes;
};
/// Makes arrays of one type; imports numpy at the first one.
class ArrayMaker {
 public:
  explicit ArrayMaker(tenon_type type) : type_(type) {}
  [[nodiscard]] NewArray make(const int64_t* shape, size_t rank);

 private:
  tenon_type type_;
  nb::object empty_, carrier_, dtype_;  // dtype_: none where the carrier is the type itself
};

/// A new array with the elements of a dense tensor.
nb::object copy_of(const tenon_tensor& tensor);

}  // namespace tenon_python
