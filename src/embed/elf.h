// What all ELF files of embedded models begin with.
#pragma once

#include <elf.h>

#include <cstdint>
#include <cstring>

namespace tenon::embed {

/// A header of 64 bits, little endian, without tables.
[[nodiscard]] inline Elf64_Ehdr elf_header(uint16_t type, uint16_t machine) {
  Elf64_Ehdr h{};
  std::memcpy(h.e_ident, ELFMAG, SELFMAG);
  h.e_ident[EI_CLASS] = ELFCLASS64;
  h.e_ident[EI_DATA] = ELFDATA2LSB;
  h.e_ident[EI_VERSION] = EV_CURRENT;
  h.e_type = type;
  h.e_machine = machine;
  h.e_version = EV_CURRENT;
  h.e_ehsize = sizeof h;
  h.e_shentsize = sizeof(Elf64_Shdr);
  return h;
}

}  // namespace tenon::embed
