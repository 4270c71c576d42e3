// The relocatable object: text, constants, and one relocation between them.
#include <elf.h>

#include <cstring>

#include "embed/elf.h"
#include "embed/module.h"

namespace tenon::embed {
namespace {

/// A table of zero-ended names, which starts with the empty one.
struct Names {
  std::string bytes = std::string(1, '\0');
  uint32_t add(const std::string& name) {
    const auto at = static_cast<uint32_t>(bytes.size());
    bytes.append(name.c_str(), name.size() + 1);
    return at;
  }
};

enum Section : uint16_t { none, text, relocations, weights, stack, symbols, strings, names, count };

/// Where everything lies, before the first byte is written.
class Layout {
 public:
  explicit Layout(const Module& m) : m_(m) {
    add_symbol("", 0, 0, STB_LOCAL, STT_NOTYPE, SHN_UNDEF);
    add_symbol("", 0, 0, STB_LOCAL, STT_SECTION, weights);
    for (const Symbol& s : m.symbols)
      if (!s.is_global) add_symbol(s.name, s.offset, s.size, STB_LOCAL, STT_FUNC, text);
    locals_ = static_cast<uint32_t>(symbols_.size());
    for (const Symbol& s : m.symbols)
      if (s.is_global) add_symbol(s.name, s.offset, s.size, STB_GLOBAL, STT_FUNC, text);
    if (m.holds_weights)
      relocation_ = {m.weights_place, ELF64_R_INFO(uint64_t{1}, m.core->distance_relocation), 0};
    at_ = sizeof(Elf64_Ehdr);
    place(text, ".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, m.text.size(), 4096);
    place(relocations, ".rela.text", SHT_RELA, SHF_INFO_LINK,
          m.holds_weights ? sizeof relocation_ : 0, 8);
    place(weights, ".rodata", SHT_PROGBITS, SHF_ALLOC, m.holds_weights ? m.weights.bytes : 0,
          kAlignment);
    place(stack, ".note.GNU-stack", SHT_PROGBITS, 0, 0, 1);
    place(symbols, ".symtab", SHT_SYMTAB, 0, symbols_.size() * sizeof(Elf64_Sym), 8);
    place(strings, ".strtab", SHT_STRTAB, 0, strings_.bytes.size(), 1);
    const uint32_t own = names_.add(".shstrtab");
    place(names, "", SHT_STRTAB, 0, names_.bytes.size(), 1);
    sections_[names].sh_name = own;
    sections_[relocations].sh_entsize = sizeof relocation_;
    sections_[relocations].sh_link = symbols;
    sections_[relocations].sh_info = text;
    sections_[symbols].sh_entsize = sizeof(Elf64_Sym);
    sections_[symbols].sh_link = strings;
    sections_[symbols].sh_info = locals_;
    table_ = (at_ + 7) / 8 * 8;
  }

  [[nodiscard]] uint64_t bytes() const { return table_ + sizeof sections_; }

  [[nodiscard]] Status write(Sink& sink) const {
    TENON_TRY_VOID(sink.put(header()));
    TENON_TRY_VOID(sink.pad_to(sections_[text].sh_offset));
    TENON_TRY_VOID(sink.write(m_.text));
    if (m_.holds_weights) {
      TENON_TRY_VOID(sink.pad_to(sections_[relocations].sh_offset));
      TENON_TRY_VOID(sink.put(relocation_));
      TENON_TRY_VOID(sink.pad_to(sections_[weights].sh_offset));
      TENON_TRY_VOID(write_weights(sink, m_));
    }
    TENON_TRY_VOID(sink.pad_to(sections_[symbols].sh_offset));
    TENON_TRY_VOID(sink.put_all(symbols_));
    TENON_TRY_VOID(sink.write(std::as_bytes(std::span(strings_.bytes))));
    TENON_TRY_VOID(sink.write(std::as_bytes(std::span(names_.bytes))));
    TENON_TRY_VOID(sink.pad_to(table_));
    return sink.put(sections_);
  }

 private:
  void add_symbol(const std::string& name, uint64_t value, uint64_t size, unsigned char binding,
                  unsigned char type, uint16_t section) {
    Elf64_Sym s{};
    s.st_name = name.empty() ? 0 : strings_.add(name);
    s.st_info = static_cast<unsigned char>(ELF64_ST_INFO(binding, type));
    s.st_shndx = section;
    s.st_value = value;
    s.st_size = size;
    symbols_.push_back(s);
  }

  void place(Section index, const std::string& name, uint32_t type, uint64_t flags, uint64_t size,
             uint64_t alignment) {
    at_ = (at_ + alignment - 1) / alignment * alignment;
    Elf64_Shdr& s = sections_[index];
    s.sh_name = name.empty() ? 0 : names_.add(name);
    s.sh_type = type;
    s.sh_flags = flags;
    s.sh_offset = at_;
    s.sh_size = size;
    s.sh_addralign = alignment;
    at_ += size;
  }

  [[nodiscard]] Elf64_Ehdr header() const {
    Elf64_Ehdr h = elf_header(ET_REL, m_.core->elf_machine);
    h.e_shoff = table_;
    h.e_shnum = Section::count;
    h.e_shstrndx = Section::names;
    return h;
  }

  const Module& m_;
  Names strings_, names_;
  std::vector<Elf64_Sym> symbols_;
  Elf64_Rela relocation_{};
  Elf64_Shdr sections_[Section::count] = {};
  uint32_t locals_ = 0;
  uint64_t at_ = 0, table_ = 0;
};

}  // namespace

uint64_t object_bytes(const Module& module) { return Layout(module).bytes(); }

Status write_object(Sink& sink, const Module& module) { return Layout(module).write(sink); }

}  // namespace tenon::embed
