// What differs between targets: the core's objects, and numbers of ELF. Private to the library.
#pragma once

#include <cstdint>
#include <vector>

#include "machine/machine.h"
#include "target/target.h"

namespace tenon::embed {

struct Core {
  machine::Architecture architecture;
  std::vector<target::Object> objects;
  uint16_t elf_machine;
  uint32_t distance_relocation;  // of 8 bytes: from the place to a symbol
  uint64_t page;                 // the largest that its systems have
};
/// The row of the architecture; nullptr: models cannot be embedded there.
[[nodiscard]] const Core* find_core(machine::Architecture architecture);

}  // namespace tenon::embed
