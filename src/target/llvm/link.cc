// Joins relocatable objects into one position-independent blob: code and constants side by side,
// every relocation resolved inside. Nothing may refer outside; memcpy and its kin are the linker's
// own.
#include <llvm/Object/ELFObjectFile.h>

#include <cstring>
#include <unordered_map>
#include <utility>

#include "target/target.h"

namespace tenon::target {
namespace {

using llvm::object::ELFObjectFile;
using llvm::object::SectionRef;
using ElfFile = ELFObjectFile<llvm::object::ELF64LE>;
namespace ELF = llvm::ELF;

struct Helper {
  std::string_view name;
  std::string_view code;
};
using namespace std::string_view_literals;
constexpr Helper kHelpers[] = {
    // mov rax,rdi; mov rcx,rdx; rep movsb; ret
    {"memcpy", "\x48\x89\xf8\x48\x89\xd1\xf3\xa4\xc3"sv},
    // mov r9,rdi; mov eax,esi; mov rcx,rdx; rep stosb; mov rax,r9; ret
    {"memset", "\x49\x89\xf9\x89\xf0\x48\x89\xd1\xf3\xaa\x4c\x89\xc8\xc3"sv},
    // mov rax,rdi; mov rcx,rdx; mov r8,rdi; sub r8,rsi; cmp r8,rdx; jae 1f;
    // lea rdi,[rdi+rdx-1]; lea rsi,[rsi+rdx-1]; std; rep movsb; cld; ret; 1: rep movsb; ret
    {"memmove",
     "\x48\x89\xf8\x48\x89\xd1\x49\x89\xf8\x49\x29\xf0\x49\x39\xd0\x73\x0f"
     "\x48\x8d\x7c\x17\xff\x48\x8d\x74\x16\xff\xfd\xf3\xa4\xfc\xc3\xf3\xa4\xc3"sv},
};

constexpr uint64_t kAlign = 64;

struct Linker {
  Blob blob;
  std::unordered_map<std::string, uint64_t> symbols;  // global, by name

  uint64_t append(const void* bytes, uint64_t size, uint64_t alignment) {
    const uint64_t at = (blob.bytes.size() + alignment - 1) / alignment * alignment;
    blob.bytes.resize(at + size);
    if (size != 0) std::memcpy(&blob.bytes[at], bytes, size);
    return at;
  }

  /// The address of one of the linker's own functions; added on first use.
  bool add_helper(const std::string& name) {
    for (const Helper& h : kHelpers) {
      if (h.name != name) continue;
      symbols[name] = append(h.code.data(), h.code.size(), 16);
      return true;
    }
    return false;
  }
};

struct Placed {
  std::unique_ptr<ElfFile> file;
  std::unordered_map<uint64_t, uint64_t> sections;  // section index to blob offset
};

std::string take(llvm::Error error) { return llvm::toString(std::move(error)); }

Status place(Linker& linker, const Object& object, Placed& placed) {
  const llvm::StringRef bytes(reinterpret_cast<const char*>(object.elf.data()), object.elf.size());
  auto file = ElfFile::create(llvm::MemoryBufferRef(bytes, "kernel"));
  if (!file) return fail("target.link", take(file.takeError()));
  placed.file = std::make_unique<ElfFile>(std::move(*file));
  for (const SectionRef& section : placed.file->sections()) {
    const llvm::object::ELFSectionRef elf(section);
    if ((elf.getFlags() & ELF::SHF_ALLOC) == 0 || section.getSize() == 0) continue;
    if (elf.getType() == ELF::SHT_X86_64_UNWIND) continue;  // nothing unwinds through kernels
    auto name = section.getName();
    const std::string text = name ? name->str() : take(name.takeError());
    if ((elf.getFlags() & ELF::SHF_WRITE) != 0 || elf.getType() != ELF::SHT_PROGBITS)
      return fail("target.link", "section " + text + " is neither code nor constants");
    auto contents = section.getContents();
    if (!contents) return fail("target.link", take(contents.takeError()));
    placed.sections[section.getIndex()] =
        linker.append(contents->data(), contents->size(),
                      std::max<uint64_t>(section.getAlignment().value(), kAlign));
  }
  for (const auto& symbol : placed.file->symbols()) {
    const llvm::object::ELFSymbolRef elf(symbol);
    const auto type = elf.getELFType();
    if (elf.getBinding() != ELF::STB_GLOBAL || (type != ELF::STT_FUNC && type != ELF::STT_OBJECT))
      continue;
    auto section = symbol.getSection();
    auto name = symbol.getName();
    auto value = symbol.getValue();
    if (!section || !name || !value) return fail("target.link", "unreadable symbol table");
    if (*section == placed.file->section_end()) continue;
    const uint64_t at = placed.sections[(*section)->getIndex()] + *value;
    if (!linker.symbols.emplace(name->str(), at).second)
      return fail("target.link", "symbol " + name->str() + " is defined twice");
    linker.blob.symbols.emplace_back(name->str(), at);
  }
  return {};
}

Result<uint64_t> target_of(Linker& linker, const Placed& placed,
                           const llvm::object::RelocationRef& relocation) {
  const auto symbol = relocation.getSymbol();
  if (symbol == placed.file->symbol_end())
    return fail("target.link", "a relocation without a symbol");
  auto section = symbol->getSection();
  auto name = symbol->getName();
  auto value = symbol->getValue();
  if (!section || !name || !value) return fail("target.link", "unreadable symbol table");
  if (*section != placed.file->section_end()) {
    const auto at = placed.sections.find((*section)->getIndex());
    if (at == placed.sections.end())
      return fail("target.link", "a relocation against a section that is not loaded");
    return at->second + *value;
  }
  const std::string text = name->str();
  if (!linker.symbols.contains(text) && !linker.add_helper(text))
    return fail("target.link",
                "internal error: compiled code refers to undefined symbol '" + text + "'");
  return linker.symbols[text];
}

Status relocate(Linker& linker, const Placed& placed) {
  for (const SectionRef& section : placed.file->sections()) {
    auto relocated = section.getRelocatedSection();
    if (!relocated) return fail("target.link", take(relocated.takeError()));
    if (*relocated == placed.file->section_end()) continue;
    const auto base = placed.sections.find((*relocated)->getIndex());
    if (base == placed.sections.end()) continue;
    for (const auto& relocation : section.relocations()) {
      TENON_TRY(const uint64_t target, target_of(linker, placed, relocation));
      auto addend = llvm::object::ELFRelocationRef(relocation).getAddend();
      if (!addend) return fail("target.link", take(addend.takeError()));
      const uint64_t place = base->second + relocation.getOffset();
      const auto distance = static_cast<int64_t>(target + static_cast<uint64_t>(*addend) - place);
      switch (relocation.getType()) {
        case ELF::R_X86_64_PC32:
        case ELF::R_X86_64_PLT32: {
          const auto narrow = static_cast<int32_t>(distance);
          if (narrow != distance)
            return fail("target.link", "internal error: the blob exceeds 2 GiB");
          std::memcpy(&linker.blob.bytes[place], &narrow, sizeof narrow);
          break;
        }
        case ELF::R_X86_64_PC64:
          std::memcpy(&linker.blob.bytes[place], &distance, sizeof distance);
          break;
        default: {
          llvm::SmallString<32> type;
          relocation.getTypeName(type);
          return fail("target.link", "internal error: compiled code has a relocation of type " +
                                         type.str().str() +
                                         ", which is not relative inside the blob");
        }
      }
    }
  }
  return {};
}

}  // namespace

Result<Blob> link(std::span<const Object> objects) {
  Linker linker;
  std::vector<Placed> placed(objects.size());
  for (size_t i = 0; i < objects.size(); ++i) TENON_TRY_VOID(place(linker, objects[i], placed[i]));
  for (const Placed& p : placed) TENON_TRY_VOID(relocate(linker, p));
  return std::move(linker.blob);
}

}  // namespace tenon::target
