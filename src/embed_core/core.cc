// The functions of an embedded model; the object that holds them calls them NAME_open and so on.
// This folder needs no library: it is compiled for each target, linked with a model's image and
// kernels when the model is embedded, and refers to nothing else.
#include "embed_core/message.h"
#include "embed_core/run.h"
#if defined(__x86_64__)
#include "support/features_x86.h"
#elif defined(__aarch64__)
#include "support/features_aarch64.h"
#endif

namespace tenon::embed {
namespace {

#if defined(__x86_64__)
bool cpu_has(const Need& need) {
  return x86::offers({need.leaf, need.sub, static_cast<x86::Register>(need.reg),
                      static_cast<int>(need.bit), need.state});
}
#elif defined(__aarch64__)
long system_call(long number, long a, long b, long c) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
  return x0;
}

/// An entry of the auxiliary vector, which Linux shows as a file too; 0 where it does not.
uint64_t auxiliary(uint64_t type) {
  constexpr long kOpenAt = 56, kClose = 57, kRead = 63, kNoFolder = -100;
  const long file = system_call(kOpenAt, kNoFolder, reinterpret_cast<long>("/proc/self/auxv"), 0);
  if (file < 0) return 0;
  uint64_t value = 0;
  uint64_t entry[2];
  while (system_call(kRead, file, reinterpret_cast<long>(entry), sizeof entry) == sizeof entry)
    if (entry[0] == type) value = entry[1];
  (void)system_call(kClose, file, 0, 0);
  return value;
}
bool cpu_has(const Need& need) { return (auxiliary(need.leaf) >> need.bit & 1) != 0; }
#endif

bool is_aligned(const void* p, uint64_t alignment) {
  return reinterpret_cast<uintptr_t>(p) % alignment == 0;
}

Outcome check_cpu(const Instance& m) {
  Message lacks;
  bool any = false;
  for (uint32_t i = 0; i < m.image.needs.count; ++i) {
    const Need& need = m.image.at(m.image.needs)[i];
    if (cpu_has(need)) continue;
    lacks << (any ? ", " : "the CPU lacks instructions that the code was compiled for: ")
          << m.image.text(need.name);
    any = true;
  }
  return any ? report(m, Outcome::cpu, lacks.text()) : Outcome::ok;
}

Outcome take_hooks(const Instance& m, const Hooks* hooks) {
  InstanceHead& head = *m.head;
  head = {};
  if (hooks != nullptr) head.hooks = *hooks;
  if (head.hooks.parallel_for == nullptr || head.hooks.workers == 0) head.hooks.workers = 1;
  if (head.hooks.workers > kMostWorkers)
    return report(m, Outcome::argument, "hooks ask for more than 1024 workers; give fewer");
  head.weights = m.image.weights != 0
                     ? reinterpret_cast<const std::byte*>(&m.image.weights) + m.image.weights
                     : static_cast<const std::byte*>(head.hooks.weights);
  if (m.image.weights_bytes == 0 || m.image.weights != 0) return Outcome::ok;
  if (head.weights == nullptr || head.hooks.weights_bytes != m.image.weights_bytes)
    return report(m, Outcome::argument,
                  "hooks do not hold the weights of this model; give the bytes of its file");
  if (!is_aligned(head.weights, kAlignment))
    return report(m, Outcome::argument, "the weights do not lie at a multiple of 64 bytes");
  return Outcome::ok;
}

/// Extents of this run into the instance; sets `same` if they are those of the last plan.
Outcome take_extents(const Instance& m, const Word* words, bool& same) {
  constexpr int64_t kMostExtent = int64_t{1} << 40;
  same = m.head->sized != 0;
  for (uint32_t d = 0; d < m.image.dims.count; ++d) {
    const Dim& dim = m.image.at(m.image.dims)[d];
    const int64_t extent = dim.word == kNone ? dim.extent : words[dim.word].number;
    if (extent < 0 || extent > kMostExtent)
      return report(m, Outcome::argument, "an extent is negative or far too large");
    same = same && m.extents[d] == extent;
    m.extents[d] = extent;
  }
  return Outcome::ok;
}

Outcome check_instance(const void* memory, const void* words) {
  const Image& image = tenon_embed_image;
  if (memory == nullptr || words == nullptr || !is_aligned(memory, alignof(uint64_t)))
    return Outcome::argument;
  return static_cast<const InstanceHead*>(memory)->opened == image.version ? Outcome::ok
                                                                           : Outcome::argument;
}

Outcome prepare(const Instance& m, Word* words) {
  bool same = false;
  if (const Outcome o = take_extents(m, words, same); o != Outcome::ok) return o;
  if (same) return Outcome::ok;
  m.head->sized = 0;
  if (const Problem p = plan(m); p.outcome != Outcome::ok) return report(m, p.outcome, p.text);
  m.head->sized = 1;
  return Outcome::ok;
}

}  // namespace

Outcome report(const Instance& m, Outcome outcome, const char* text) {
  const Hooks& hooks = m.head->hooks;
  if (hooks.error != nullptr) {
    Message line;
    line << m.image.text(m.image.name) << ": " << text;
    hooks.error(hooks.error_user, static_cast<int>(outcome), line.text());
  }
  return outcome;
}

extern "C" __attribute__((visibility("default"))) int tenon_embed_open(void* memory,
                                                                       uint64_t version,
                                                                       const Hooks* hooks) {
  const Image& image = tenon_embed_image;
  if (version != image.version) return static_cast<int>(Outcome::version);
  if (memory == nullptr || !is_aligned(memory, alignof(uint64_t)))
    return static_cast<int>(Outcome::argument);
  const Instance m(image, memory);
  Outcome o = take_hooks(m, hooks);
  if (o == Outcome::ok) o = check_cpu(m);
  if (o != Outcome::ok) return static_cast<int>(o);
  for (uint32_t i = 0; i < image.registers.count; ++i)
    m.registers[i] = image.at(image.registers)[i];
  for (uint32_t i = 0; i < image.dims.count; ++i) m.extents[i] = -1;
  for (uint32_t i = 0; i < image.stages.count; ++i) m.arenas[i] = {};
  for (uint32_t i = 0; i < image.dynamics.count; ++i) m.dynamics[i] = {};
  for (uint32_t i = 0; i < image.slots.count; ++i) {
    const Slot& slot = image.at(image.slots)[i];
    // Kernels take writable pointers for all buffers and write through those of results only.
    m.slots[i] = slot.kind == SlotKind::constant ? const_cast<std::byte*>(m.head->weights) +
                                                       image.at(image.constants)[slot.index]
                                                 : nullptr;
  }
  m.head->opened = image.version;
  return 0;
}

extern "C" __attribute__((visibility("default"))) int tenon_embed_size(void* memory, Word* words,
                                                                       size_t* bytes) {
  const Image& image = tenon_embed_image;
  if (const Outcome o = check_instance(memory, words); o != Outcome::ok) return static_cast<int>(o);
  const Instance m(image, memory);
  if (const Outcome o = prepare(m, words); o != Outcome::ok) return static_cast<int>(o);
  for (uint32_t i = 0; i < image.outputs.count; ++i) {
    const Output& out = image.at(image.outputs)[i];
    if (out.shape == kNone) continue;
    for (uint32_t d = 0; d < out.dims; ++d) {
      const uint32_t reg = image.at(image.output_dims)[out.first_dim + d];
      words[out.shape + d].number = image.at(image.known)[reg] != 0 ? m.registers[reg] : -1;
    }
  }
  if (bytes != nullptr) *bytes = workspace_bytes(m, m.head->hooks.workers);
  return 0;
}

extern "C" __attribute__((visibility("default"))) int tenon_embed_run(void* memory, Word* words,
                                                                      void* workspace,
                                                                      size_t bytes) {
  if (const Outcome o = check_instance(memory, words); o != Outcome::ok) return static_cast<int>(o);
  const Instance m(tenon_embed_image, memory);
  Run run(m, words);
  Outcome o = prepare(m, words);
  if (o == Outcome::ok) o = run.start(static_cast<std::byte*>(workspace), bytes);
  if (o == Outcome::ok) o = run.steps();
  if (o == Outcome::ok) o = run.finish();
  return static_cast<int>(o);
}

extern "C" __attribute__((visibility("default"))) void tenon_embed_close(void* memory) {
  if (memory != nullptr) static_cast<InstanceHead*>(memory)->opened = 0;
}

}  // namespace tenon::embed
