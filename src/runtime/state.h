// The memory of one state of an instance: a dense tensor whose extents change from run to run.
// Private to the library.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "artifact/model.h"
#include "runtime/memory.h"
#include "runtime/tensor.h"
#include "support/result.h"

namespace tenon::runtime {

class State {
 public:
  explicit State(const Allocator* from = nullptr) : memory_(from) {}
  /// As an instance begins: the initial value, else no elements.
  [[nodiscard]] Status reset(const artifact::State& row, std::span<const artifact::Constant> all);
  /// Takes a value of any extents.
  [[nodiscard]] Status assign(const artifact::State& row, const TensorView& value);
  /// Elements at indices inside both shapes stay, new ones are 0. While only the leading extent
  /// grows (behind axes of extent 1), what is there stays where it is as long as the memory holds
  /// it. Refuses more than the state reserves ("run.state").
  [[nodiscard]] Status resize(const artifact::State& row, std::span<const int64_t> dims);

  [[nodiscard]] std::span<const int64_t> dims() const { return dims_; }
  [[nodiscard]] std::byte* data() const { return memory_.data(); }
  [[nodiscard]] uint64_t capacity() const { return memory_.capacity(); }

 private:
  [[nodiscard]] Status reserve(const artifact::State& row, std::span<const int64_t> dims,
                               uint64_t keep);
  [[nodiscard]] bool keeps_places(std::span<const int64_t> dims) const;
  [[nodiscard]] Status move_elements(const artifact::State& row, std::span<const int64_t> dims);

  Memory memory_;
  std::vector<int64_t> dims_;
};

}  // namespace tenon::runtime
