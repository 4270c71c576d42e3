// The C header of an embedded model. Private to the library.
#pragma once

#include <cstdint>
#include <string>

#include "embed/image.h"
#include "embed/interface.h"

namespace tenon::embed {

struct HeaderFacts {
  std::string name, model, producer, target;
  Sizes sizes;
  uint64_t weights_bytes = 0;  // of the file beside the object; 0: there is none
};

/// The text; `version` stands in it as NAME_VERSION. With version 0 it is what versions are made
/// of.
[[nodiscard]] std::string header_text(const HeaderFacts& facts, const Interface& face,
                                      uint64_t version);

}  // namespace tenon::embed
