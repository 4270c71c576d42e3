#include "target/x86/backend.h"

#include <llvm/BinaryFormat/ELF.h>
#include <llvm/Support/TargetSelect.h>

namespace tenon::target::x86 {
namespace {

using via_llvm::LibraryFunction;
using via_llvm::Relocated;
using via_llvm::Relocation;
using namespace std::string_view_literals;

constexpr LibraryFunction kLibrary[] = {
    // mov rax,rdi; mov rcx,rdx; rep movsb; ret
    {"memcpy", "\x48\x89\xf8\x48\x89\xd1\xf3\xa4\xc3"sv},
    // mov r9,rdi; mov eax,esi; mov rcx,rdx; rep stosb; mov rax,r9; ret
    {"memset", "\x49\x89\xf9\x89\xf0\x48\x89\xd1\xf3\xaa\x4c\x89\xc8\xc3"sv},
    // mov rax,rdi; mov rcx,rdx; mov r8,rdi; sub r8,rsi; cmp r8,rdx; jae 1f;
    // lea rdi,[rdi+rdx-1]; lea rsi,[rsi+rdx-1]; std; rep movsb; cld; ret; 1: rep movsb; ret
    {"memmove",
     "\x48\x89\xf8\x48\x89\xd1\x49\x89\xf8\x49\x29\xf0\x49\x39\xd0\x73\x0f"
     "\x48\x8d\x7c\x17\xff\x48\x8d\x74\x16\xff\xfd\xf3\xa4\xfc\xc3\xf3\xa4\xc3"sv},
    // LLVM makes a choice between halves by a comparison the smaller or larger of floats, and calls
    // these: vminss xmm2,xmm0,xmm1 (or vmaxss); vcmpunordss xmm1,xmm1,xmm1;
    // vblendvps xmm0,xmm2,xmm0,xmm1; ret
    {"fminf", "\xc5\xfa\x5d\xd1\xc5\xf2\xc2\xc9\x03\xc4\xe3\x69\x4a\xc0\x10\xc3"sv},
    {"fmaxf", "\xc5\xfa\x5f\xd1\xc5\xf2\xc2\xc9\x03\xc4\xe3\x69\x4a\xc0\x10\xc3"sv},
};

Relocated relocate(std::span<std::byte> blob, const Relocation& r) {
  const auto distance = static_cast<int64_t>(r.target - r.place);
  switch (r.type) {
    case llvm::ELF::R_X86_64_PC32:
    case llvm::ELF::R_X86_64_PLT32: {
      const auto narrow = static_cast<int32_t>(distance);
      if (narrow != distance) return Relocated::out_of_range;
      via_llvm::put(blob, r.place, narrow);
      return Relocated::done;
    }
    case llvm::ELF::R_X86_64_PC64:
      via_llvm::put(blob, r.place, distance);
      return Relocated::done;
    default:
      return Relocated::unknown_type;
  }
}

void register_with_llvm() {
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86Target();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86AsmPrinter();
}

void decorate(llvm::Function& f, const machine::Machine& machine) {
  if (machine.vector_bytes != 64) return;
  f.addFnAttr("prefer-vector-width", "512");
  f.addFnAttr("min-legal-vector-width", "512");
}

}  // namespace

const via_llvm::Backend& backend() {
  static const via_llvm::Backend row{
      .triple = "x86_64-unknown-linux-gnu",
      .cpu = "x86-64",
      .register_with_llvm = register_with_llvm,
      .decorate = decorate,
      .instructions = instructions(),
      .mathematics = {.scale = scale},
      .library = kLibrary,
      .relocate = relocate,
  };
  return row;
}

}  // namespace tenon::target::x86
