#include "support/executable_memory.h"

#include <sys/mman.h>

#include <cstring>

#include "support/text.h"

namespace tenon {

Result<std::unique_ptr<const ExecutableMemory>> ExecutableMemory::of(
    std::span<const std::byte> code) {
  void* const at =
      mmap(nullptr, code.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED)
    return fail("run.memory", cat("no memory for ", code.size(), " bytes of code"));
  auto* const bytes = static_cast<std::byte*>(at);
  std::unique_ptr<const ExecutableMemory> memory(new ExecutableMemory(bytes, code.size()));
  std::memcpy(at, code.data(), code.size());
  // Caches of instructions may not see what was written as data.
  __builtin___clear_cache(reinterpret_cast<char*>(at),
                          reinterpret_cast<char*>(bytes + code.size()));
  if (mprotect(at, code.size(), PROT_READ | PROT_EXEC) != 0)
    return fail("run.memory", "this system does not let programs make memory executable");
  return memory;
}

ExecutableMemory::~ExecutableMemory() { munmap(at_, size_); }

}  // namespace tenon
