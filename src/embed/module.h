// An embedded model before it is a file: its text, its constants and its symbols. Private to the
// library; object.cc, shared.cc and archive.cc write it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "artifact/model.h"
#include "embed/cores.h"
#include "embed/image.h"
#include "support/file.h"
#include "support/result.h"

namespace tenon::embed {

struct Symbol {
  std::string name;
  uint64_t offset = 0, size = 0;  // in the text
  bool is_global = false;
};

struct Module {
  const Core* core = nullptr;
  std::vector<std::byte> text;  // core, image and kernels; to lie at a page's start
  uint64_t weights_place = 0;   // in the text: 8 bytes for the distance from there to the weights
  const artifact::Model* model = nullptr;
  Weights weights;
  bool holds_weights = false;  // else a file beside the object does
  std::vector<Symbol> symbols;
};

/// Bytes of one file in order, which know where they are.
class Sink {
 public:
  [[nodiscard]] virtual Status write(std::span<const std::byte> bytes) = 0;
  virtual ~Sink() = default;
  template <class T>
  [[nodiscard]] Status put(const T& record) {
    return write(std::as_bytes(std::span(&record, 1)));
  }
  template <class T>
  [[nodiscard]] Status put_all(const std::vector<T>& records) {
    return write(std::as_bytes(std::span(records)));
  }
  /// Zeros up to `offset` behind the start.
  [[nodiscard]] Status pad_to(uint64_t offset);
  [[nodiscard]] uint64_t at() const { return at_; }

 protected:
  uint64_t at_ = 0;
};

/// The constants, each at its place.
[[nodiscard]] Status write_weights(Sink& sink, const Module& module);
/// A relocatable object.
[[nodiscard]] Status write_object(Sink& sink, const Module& module);
/// Bytes of the object that write_object writes.
[[nodiscard]] uint64_t object_bytes(const Module& module);
/// An archive of one member, the object, by that name.
[[nodiscard]] Status write_archive(Sink& sink, const Module& module, const std::string& member);
/// A shared object of that name.
[[nodiscard]] Status write_shared(Sink& sink, const Module& module, const std::string& soname);

}  // namespace tenon::embed
