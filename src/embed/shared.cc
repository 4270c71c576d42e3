// The shared object: text and constants as they are, a table of four symbols, and nothing that the
// loader has to relocate.
#include <elf.h>

#include <cstring>

#include "embed/elf.h"
#include "embed/module.h"

namespace tenon::embed {
namespace {

enum Section : uint16_t { none, symbols, strings, hash, text, weights, dynamic, names, count };
enum Segment : uint16_t { head, code, constants, writable, dynamic_table, stack, segments };

class SharedWriter {
 public:
  SharedWriter(const Module& m, const std::string& soname) : m_(m), text_(m.text) {
    symbols_.emplace_back();
    for (const Symbol& s : m.symbols) {
      if (!s.is_global) continue;
      Elf64_Sym row{};
      row.st_name = name(strings_, s.name);
      row.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
      row.st_shndx = Section::text;
      row.st_value = s.offset;
      row.st_size = s.size;
      symbols_.push_back(row);
    }
    const uint32_t own_name = name(strings_, soname);
    hash_ = hash_table();
    place_sections();
    for (size_t i = 1; i < symbols_.size(); ++i) symbols_[i].st_value += sections_[text].sh_addr;
    dynamic_ = {{DT_SONAME, {own_name}},
                {DT_HASH, {sections_[hash].sh_addr}},
                {DT_STRTAB, {sections_[strings].sh_addr}},
                {DT_SYMTAB, {sections_[symbols].sh_addr}},
                {DT_STRSZ, {strings_.size()}},
                {DT_SYMENT, {sizeof(Elf64_Sym)}},
                {DT_NULL, {0}}};
    if (m.holds_weights) {
      const uint64_t distance =
          sections_[weights].sh_addr - (sections_[text].sh_addr + m.weights_place);
      std::memcpy(&text_[m.weights_place], &distance, sizeof distance);
    }
  }

  [[nodiscard]] Status write(Sink& sink) {
    place_segments();
    TENON_TRY_VOID(sink.put(header()));
    TENON_TRY_VOID(sink.put(segments_));
    TENON_TRY_VOID(sink.pad_to(sections_[symbols].sh_offset));
    TENON_TRY_VOID(sink.put_all(symbols_));
    TENON_TRY_VOID(sink.write(std::as_bytes(std::span(strings_))));
    TENON_TRY_VOID(sink.pad_to(sections_[hash].sh_offset));
    TENON_TRY_VOID(sink.put_all(hash_));
    TENON_TRY_VOID(sink.pad_to(sections_[text].sh_offset));
    TENON_TRY_VOID(sink.write(text_));
    if (m_.holds_weights) {
      TENON_TRY_VOID(sink.pad_to(sections_[weights].sh_offset));
      TENON_TRY_VOID(write_weights(sink, m_));
    }
    TENON_TRY_VOID(sink.pad_to(sections_[dynamic].sh_offset));
    TENON_TRY_VOID(sink.put_all(dynamic_));
    TENON_TRY_VOID(sink.write(std::as_bytes(std::span(names_))));
    TENON_TRY_VOID(sink.pad_to(table_));
    return sink.put(sections_);
  }

 private:
  static uint32_t name(std::string& table, const std::string& text) {
    const auto at = static_cast<uint32_t>(table.size());
    table.append(text.c_str(), text.size() + 1);
    return at;
  }

  /// One chain of all symbols: there are four.
  [[nodiscard]] std::vector<uint32_t> hash_table() const {
    const auto symbols = static_cast<uint32_t>(symbols_.size());
    std::vector<uint32_t> table = {1, symbols, 1, 0};
    for (uint32_t i = 1; i < symbols; ++i) table.push_back(i + 1 < symbols ? i + 1 : 0);
    return table;
  }

  void place(Section index, const std::string& title, uint32_t type, uint64_t flags, uint64_t size,
             uint64_t alignment) {
    at_ = (at_ + alignment - 1) / alignment * alignment;
    sections_[index] = {name(names_, title),
                        type,
                        flags,
                        (flags & SHF_ALLOC) != 0 ? at_ : 0,
                        at_,
                        size,
                        0,
                        0,
                        std::min<uint64_t>(alignment, 4096),
                        0};
    at_ += size;
  }

  void place_sections() {
    at_ = sizeof(Elf64_Ehdr) + sizeof segments_;
    place(symbols, ".dynsym", SHT_DYNSYM, SHF_ALLOC, symbols_.size() * sizeof(Elf64_Sym), 8);
    place(strings, ".dynstr", SHT_STRTAB, SHF_ALLOC, strings_.size(), 1);
    place(hash, ".hash", SHT_HASH, SHF_ALLOC, hash_.size() * sizeof(uint32_t), 8);
    place(text, ".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, text_.size(), m_.core->page);
    place(weights, ".rodata", SHT_PROGBITS, SHF_ALLOC, m_.holds_weights ? m_.weights.bytes : 0,
          m_.core->page);
    place(dynamic, ".dynamic", SHT_DYNAMIC, SHF_ALLOC | SHF_WRITE, kDynamicRows * sizeof(Elf64_Dyn),
          m_.core->page);
    const uint32_t own = name(names_, ".shstrtab");
    place(names, "", SHT_STRTAB, 0, names_.size() + 1, 1);
    names_.resize(sections_[names].sh_size);
    sections_[names].sh_name = own;
    sections_[symbols].sh_link = sections_[dynamic].sh_link = strings;
    sections_[symbols].sh_info = 1;
    sections_[symbols].sh_entsize = sizeof(Elf64_Sym);
    sections_[hash].sh_link = symbols;
    sections_[hash].sh_entsize = sizeof(uint32_t);
    sections_[dynamic].sh_entsize = sizeof(Elf64_Dyn);
    table_ = (at_ + 7) / 8 * 8;
  }

  void load(Segment index, uint64_t from, uint64_t to, uint32_t flags) {
    segments_[index] = {PT_LOAD, flags, from, from, from, to - from, to - from, m_.core->page};
  }

  void place_segments() {
    const auto end = [&](Section s) { return sections_[s].sh_offset + sections_[s].sh_size; };
    load(head, 0, end(hash), PF_R);
    load(code, sections_[text].sh_offset, end(text), PF_R | PF_X);
    load(constants, sections_[weights].sh_offset, end(weights), PF_R);
    if (sections_[weights].sh_size == 0) segments_[constants].p_type = PT_NULL;
    load(writable, sections_[dynamic].sh_offset, end(dynamic), PF_R | PF_W);
    segments_[dynamic_table] = segments_[writable];
    segments_[dynamic_table].p_type = PT_DYNAMIC;
    segments_[dynamic_table].p_align = 8;
    segments_[stack] = {};
    segments_[stack].p_type = PT_GNU_STACK;
    segments_[stack].p_flags = PF_R | PF_W;
  }

  [[nodiscard]] Elf64_Ehdr header() const {
    Elf64_Ehdr h = elf_header(ET_DYN, m_.core->elf_machine);
    h.e_phoff = sizeof h;
    h.e_shoff = table_;
    h.e_phentsize = sizeof(Elf64_Phdr);
    h.e_phnum = Segment::segments;
    h.e_shnum = Section::count;
    h.e_shstrndx = Section::names;
    return h;
  }

  static constexpr size_t kDynamicRows = 7;
  const Module& m_;
  std::vector<std::byte> text_;
  std::vector<Elf64_Sym> symbols_;
  std::string strings_ = std::string(1, '\0'), names_ = std::string(1, '\0');
  std::vector<uint32_t> hash_;
  std::vector<Elf64_Dyn> dynamic_;
  Elf64_Shdr sections_[Section::count] = {};
  Elf64_Phdr segments_[Segment::segments] = {};
  uint64_t at_ = 0, table_ = 0;
};

}  // namespace

Status write_shared(Sink& sink, const Module& module, const std::string& soname) {
  return SharedWriter(module, soname).write(sink);
}

}  // namespace tenon::embed
