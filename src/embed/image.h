// A model's tables as the image that the core reads (embed_core/image.h). Private to the library.
#pragma once

#include <cstddef>
#include <vector>

#include "artifact/model.h"
#include "embed/interface.h"
#include "embed_core/image.h"
#include "machine/machine.h"
#include "support/result.h"

namespace tenon::embed {

/// The constants one behind the other, each at a multiple of kAlignment.
struct Weights {
  std::vector<uint64_t> offsets;
  uint64_t bytes = 0;
};
[[nodiscard]] Weights place_weights(const artifact::Model& model);

/// The image, with Image::version and Image::weights 0. Refuses what write() does.
[[nodiscard]] Result<std::vector<std::byte>> image_of(const artifact::Model& model,
                                                      const Interface& face, const Weights& weights,
                                                      machine::Architecture architecture);
[[nodiscard]] Image& head_of(std::vector<std::byte>& image);

/// What the header tells of memory.
struct Sizes {
  uint64_t instance = 0;
  bool workspace_is_known = false;  // all extents are constant, and the model accepts them
  uint64_t workspace = 0;           // for one worker
  uint64_t worker = 0;              // for each further one
  bool grows = false;               // data decide: the amount for the extents is the least
};
[[nodiscard]] Sizes sizes_of(std::vector<std::byte>& image);

}  // namespace tenon::embed
