// Joins relocatable objects into one position-independent blob: code and constants side by side,
// every relocation resolved inside. Nothing may refer outside; memcpy and its kin are the target's
// own, and callers may give more.
#include <llvm/Object/ELFObjectFile.h>

#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <utility>

#include "target/llvm/backend.h"

namespace tenon::target::via_llvm {
namespace {

using llvm::object::ELFObjectFile;
using llvm::object::SectionRef;
using ElfFile = ELFObjectFile<llvm::object::ELF64LE>;
namespace ELF = llvm::ELF;

constexpr uint64_t kAlign = 64;

struct Linker {
  const Backend& backend;
  Blob blob;
  std::unordered_map<std::string, uint64_t> symbols;  // global, by name

  uint64_t append(const void* bytes, uint64_t size, uint64_t alignment) {
    const uint64_t at = (blob.bytes.size() + alignment - 1) / alignment * alignment;
    blob.bytes.resize(at + size);
    if (size != 0) std::memcpy(&blob.bytes[at], bytes, size);
    return at;
  }

  /// Adds a function of the target's own library, on its first use; false if there is none.
  bool add_library_function(const std::string& name) {
    const auto found = std::ranges::find(backend.library, name, &LibraryFunction::name);
    if (found == backend.library.end()) return false;
    symbols[name] = append(found->code.data(), found->code.size(), 16);
    return true;
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
    auto name = section.getName();
    const std::string text = name ? name->str() : take(name.takeError());
    if (text == ".eh_frame") continue;  // nothing unwinds through kernels
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
  if (!linker.symbols.contains(text) && !linker.add_library_function(text))
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
      switch (linker.backend.relocate(linker.blob.bytes,
                                      {static_cast<uint32_t>(relocation.getType()), place,
                                       target + static_cast<uint64_t>(*addend)})) {
        case Relocated::done:
          break;
        case Relocated::out_of_range:
          return fail("target.link", "internal error: the blob is too large for its code's reach");
        case Relocated::unknown_type: {
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

Result<Blob> link(const Target& target, std::span<const Object> objects,
                  std::span<const Given> given) {
  Linker linker{*target.backend, {}, {}};
  for (const Given& g : given) {
    const uint64_t at = linker.append(g.bytes.data(), g.bytes.size(), g.alignment);
    const std::string name(g.symbol);
    if (!linker.symbols.emplace(name, at).second)
      return fail("target.link", "symbol " + name + " is given twice");
    linker.blob.symbols.emplace_back(name, at);
  }
  std::vector<Placed> placed(objects.size());
  for (size_t i = 0; i < objects.size(); ++i) TENON_TRY_VOID(place(linker, objects[i], placed[i]));
  for (const Placed& p : placed) TENON_TRY_VOID(relocate(linker, p));
  return std::move(linker.blob);
}

}  // namespace tenon::target::via_llvm
