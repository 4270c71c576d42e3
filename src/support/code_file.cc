#include "support/code_file.h"

#include <link.h>

#include <cstdint>

namespace tenon {
namespace {

struct Search {
  uintptr_t address;
  std::string name;
};

/// Called for each loaded file; not 0 ends the search.
int holds(dl_phdr_info* file, size_t /*size*/, void* data) {
  auto& search = *static_cast<Search*>(data);
  for (size_t i = 0; i < file->dlpi_phnum; ++i) {
    const auto& segment = file->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD ||
        search.address - file->dlpi_addr - segment.p_vaddr >= segment.p_memsz)
      continue;
    search.name = file->dlpi_name;
    return 1;
  }
  return 0;
}

}  // namespace

std::string code_file() {
  Search search{reinterpret_cast<uintptr_t>(&holds), {}};
  dl_iterate_phdr(holds, &search);
  return search.name.empty() ? "/proc/self/exe" : search.name;  // the program's own name is ""
}

}  // namespace tenon
