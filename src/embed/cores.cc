#include "embed/cores.h"

#include <elf.h>

namespace tenon::embed {
namespace {

// The objects as the build made them of src/embed_core.
constexpr uint8_t kCoreX86[] = {
#include "embed_core/core_x86_64.inc"
};
constexpr uint8_t kRunX86[] = {
#include "embed_core/run_x86_64.inc"
};
constexpr uint8_t kStepsX86[] = {
#include "embed_core/steps_x86_64.inc"
};
constexpr uint8_t kCoreArm[] = {
#include "embed_core/core_aarch64.inc"
};
constexpr uint8_t kRunArm[] = {
#include "embed_core/run_aarch64.inc"
};
constexpr uint8_t kStepsArm[] = {
#include "embed_core/steps_aarch64.inc"
};

target::Object object(std::span<const uint8_t> bytes) {
  const auto* first = reinterpret_cast<const std::byte*>(bytes.data());
  return {{first, first + bytes.size()}, {}};
}

}  // namespace

const Core* find_core(machine::Architecture architecture) {
  using machine::Architecture;
  static const Core kRows[] = {
      {Architecture::x86_64,
       {object(kCoreX86), object(kRunX86), object(kStepsX86)},
       EM_X86_64,
       R_X86_64_PC64,
       0x1000},
      {Architecture::aarch64,
       {object(kCoreArm), object(kRunArm), object(kStepsArm)},
       EM_AARCH64,
       R_AARCH64_PREL64,
       0x10000},
  };
  for (const Core& row : kRows)
    if (row.architecture == architecture) return &row;
  return nullptr;
}

}  // namespace tenon::embed
