// One run of an instance. Private to the core.
#pragma once

#include "embed_core/instance.h"

namespace tenon::embed {

/// The code of the kernels and the image, which the linker puts beside the core.
extern "C" {
extern const Image tenon_embed_image __attribute__((visibility("hidden")));
extern const std::byte tenon_embed_code[] __attribute__((visibility("hidden")));
}

/// A word of the caller's struct.
union Word {
  int64_t number;
  void* pointer;
};

/// Tells the caller, and gives the code to return.
Outcome report(const Instance& m, Outcome outcome, const char* text);

class Run {
 public:
  Run(const Instance& m, Word* words) : m_(m), image_(m.image), words_(words) {}

  /// Lays the planned memory out in the workspace.
  [[nodiscard]] Outcome start(std::byte* workspace, uint64_t bytes);
  [[nodiscard]] Outcome steps();
  /// Copies the outputs that no kernel wrote in place, and fills in shapes.
  [[nodiscard]] Outcome finish();

 private:
  [[nodiscard]] std::byte* take(uint64_t bytes);
  [[nodiscard]] Outcome grow(Memory& memory, uint64_t bytes, uint64_t kept);
  [[nodiscard]] Outcome set_inputs();
  [[nodiscard]] Outcome stage(uint32_t index);
  [[nodiscard]] Outcome place(uint32_t stage);
  [[nodiscard]] Outcome room(const Output& out, uint64_t bytes);
  [[nodiscard]] Outcome other_step(const Step& step, uint32_t& next);
  [[nodiscard]] Outcome launch(const Step& step);
  [[nodiscard]] Outcome failure(const Step& step, int64_t result);
  [[nodiscard]] int64_t call(const Step& step, int64_t grid);
  [[nodiscard]] bool is_small(uint32_t kernel) const;
  [[nodiscard]] Outcome reserve(uint32_t dynamic, uint64_t bytes, uint64_t kept);
  [[nodiscard]] Outcome append(const Step& step);
  [[nodiscard]] int64_t reg(uint32_t r) const { return m_.registers[r]; }

  const Instance& m_;
  const Image& image_;
  Word* words_;
  std::byte* top_ = nullptr;  // of what is taken of the workspace
  std::byte* end_ = nullptr;
  std::byte* begin_ = nullptr;
  std::byte* scratch_ = nullptr;
  uint64_t scratch_bytes_ = 0;  // of each worker
};

}  // namespace tenon::embed
