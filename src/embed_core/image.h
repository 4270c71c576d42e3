// What an embedded model is made of beside its kernels: one image of plain records without
// pointers, which src/embed writes and the core reads. A table is a place in the image and a number
// of rows.
#pragma once

#include <cstddef>
#include <cstdint>

#include "artifact/tables.h"

namespace tenon::embed {

using artifact::kNone;

/// Rows of T, `first` bytes behind the start of the image.
template <class T>
struct Table {
  uint32_t first = 0, count = 0;
};

/// Zero-ended text, in bytes behind the start of the image's texts.
using Text = uint32_t;

/// A feature of CPUs that the kernels use, and where its bit is: support/features_*.h.
struct Need {
  Text name = 0;
  uint32_t leaf = 0, sub = 0, reg = 0, bit = 0, unused = 0;
  uint64_t state = 0;
};

/// The caller gives tensors and extents in a struct whose members all take one word of 8 bytes; a
/// row names its members by their word.
struct Dim {
  int64_t extent = 0;     // where it is constant
  uint32_t word = kNone;  // else
  uint32_t unused = 0;
};
struct Input {
  Text name = 0;
  uint32_t word = 0;
  uint32_t first_dim = 0, dims = 0;
  uint32_t constant = kNone;  // in place of NULL
  uint32_t alignment = 1;
};
struct Output {
  Text name = 0;
  uint32_t word = 0;
  uint32_t room = kNone, shape = kNone;  // of outputs whose extents are not all constant
  uint32_t first_dim = 0, dims = 0;      // registers, in output_dims
  uint32_t slot = 0;
  uint32_t bytes = kNone;  // register; kNone: copied behind the last step
  uint32_t stage = 0;      // that sets `bytes`
  uint32_t element_bytes = 1;
};

/// A launch is small where it finishes before a second thread has woken.
struct Kernel {
  Text name = 0;
  uint32_t flops = kNone, bytes = kNone;
};

struct Image {
  uint64_t version = 0;  // of the header that the caller has compiled with
  int64_t weights = 0;   // from this member to the constants; 0: the caller gives them
  uint64_t weights_bytes = 0;
  uint32_t texts = 0;  // in bytes behind the start of the image
  Text name = 0;
  uint32_t most_buffers = 0, most_sizes = 0;  // of any call
  uint32_t words = 0;                         // of the caller's struct
  Table<Need> needs;
  Table<Dim> dims;
  Table<Input> inputs;
  Table<uint32_t> output_dims;
  Table<Output> outputs;
  Table<Kernel> kernels;
  Table<uint64_t> entries;  // offsets in the kernels' code
  Table<int64_t> registers;
  Table<uint8_t> known;              // 1: no stage behind the first sets the register
  Table<artifact::SizeOp> size_ops;  // `unused` of an `element` is the size of the element
  Table<artifact::Stage> stages;
  Table<uint32_t> blocks;
  Table<uint32_t> first_slots, stage_slots;  // arena slots by stage
  Table<artifact::Slot> slots;
  Table<uint32_t> dynamics;
  Table<artifact::Call> calls;
  Table<uint32_t> buffer_list, register_list;
  Table<artifact::Step> steps;
  Table<uint64_t> constants;  // offsets in the weights
  Table<Text> messages;
  uint32_t unused = 0;

  template <class T>
  [[nodiscard]] const T* at(const Table<T>& table) const {
    return reinterpret_cast<const T*>(reinterpret_cast<const std::byte*>(this) + table.first);
  }
  [[nodiscard]] const char* text(Text t) const {
    return reinterpret_cast<const char*>(this) + texts + t;
  }
};

/// What the C functions return; 0 is success. The generated header spells them NAME_ERROR_CPU and
/// so on.
enum class Outcome : int {
  ok = 0,
  version,   // header and object are of different compilations
  cpu,       // the CPU lacks features
  argument,  // a null or misaligned pointer, an extent out of range
  memory,    // the workspace or the room of an output is too small
  check,     // the model refuses these extents or values
  index,     // an index lies outside its axis
};

/// The functions of the caller, as the generated header declares them.
struct Hooks {
  void (*error)(void* user, int code, const char* text);
  void* error_user;
  void (*parallel_for)(void* user, void (*part)(void* context, size_t i), void* context,
                       size_t count);
  void* parallel_user;
  size_t workers;
  const void* weights;
  size_t weights_bytes;
};

inline constexpr size_t kMostWorkers = 1024;
inline constexpr uint64_t kAlignment = 64;

}  // namespace tenon::embed
