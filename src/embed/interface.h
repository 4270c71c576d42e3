// The C side of a model: which members the caller's struct has, and at which word of it they lie.
// Private to the library.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "artifact/model.h"

namespace tenon::embed {

/// An extent that the caller says: of a symbol, or of one axis of an input.
struct ExtentMember {
  std::string member, text;       // "batch"
  std::vector<std::string> axes;  // "axis 0 of image", of the first few inputs that have it
  uint32_t word = 0;
};

struct TensorMember {
  std::string member;       // of the pointer
  std::string name;         // in the model
  std::string type, shape;  // "f32", "[batch, 3]"
  std::string c_type;       // of its elements
  uint32_t word = 0;
  bool is_written = false;   // an output, or an input that the run changes
  bool is_optional = false;  // NULL: its default, or not wanted
  int64_t count = -1;        // of elements, where that is constant
  uint32_t room = artifact::kNone, extents = artifact::kNone;  // words of NAME_bytes, NAME_shape
  uint32_t rank = 0;
};

struct Interface {
  std::vector<ExtentMember> extents;
  std::vector<std::vector<uint32_t>> words_of_dims;  // of each input's axes; kNone: constant
  std::vector<TensorMember> inputs, outputs;
  uint32_t words = 0;
};

/// True for a register that no size operation sets: its value is in the tables.
[[nodiscard]] std::vector<bool> constant_registers(const artifact::Model& model);

[[nodiscard]] Interface interface_of(const artifact::Model& model);

/// A name of C that is no word of C or C++: what is no letter, digit or _ becomes _.
[[nodiscard]] std::string c_name(std::string_view name);

}  // namespace tenon::embed
