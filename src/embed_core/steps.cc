// The step list, and kernels on the caller's threads.
#include "artifact/frame.h"
#include "embed_core/message.h"
#include "embed_core/run.h"
#include "support/kernel_failure.h"

namespace tenon::embed {
namespace {

/// A launch in parts. Parts number themselves as they begin: a loop of the caller that makes too
/// many or too few calls does no harm.
struct Parts {
  KernelFn kernel;
  const Frame* frame;
  std::byte* scratch;
  uint64_t scratch_bytes;
  int64_t grid;
  int64_t count;
  int64_t next = 0;
  int64_t lock = 0;
  int64_t failed;  // the lowest part that refused
  int64_t result = kKernelOk;

  void run_next() {
    const int64_t part = __atomic_fetch_add(&next, 1, __ATOMIC_ACQ_REL);
    if (part >= count) return;
    const int64_t share = grid / count;
    const int64_t rest = grid % count;
    const int64_t begin = part * share + (part < rest ? part : rest);
    const int64_t end = begin + share + (part < rest ? 1 : 0);
    const int64_t r =
        kernel(frame, begin, end, scratch + scratch_bytes * static_cast<uint64_t>(part));
    if (r == kKernelOk) return;
    while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE) != 0) {
    }
    if (part < failed) {
      failed = part;
      result = r;
    }
    __atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
  }
};

void run_part(void* context, size_t) { static_cast<Parts*>(context)->run_next(); }

}  // namespace

bool Run::is_small(uint32_t kernel) const {
  const Kernel& k = image_.at(image_.kernels)[kernel];
  return k.flops != kNone && k.bytes != kNone &&
         artifact::is_small_kernel(reg(k.flops), reg(k.bytes));
}

int64_t Run::call(const Step& step, int64_t grid) {
  const artifact::Call& call = image_.at(image_.calls)[step.a];
  for (uint32_t i = 0; i < call.buffers; ++i)
    m_.buffers[i] = m_.slots[image_.at(image_.buffer_list)[call.first_buffer + i]];
  for (uint32_t i = 0; i < call.sizes; ++i)
    m_.sizes[i] = reg(image_.at(image_.register_list)[call.first_size + i]);
  const Frame frame{m_.buffers, m_.sizes};
  const std::byte* code = tenon_embed_code + image_.at(image_.entries)[step.b];
  const auto kernel = reinterpret_cast<KernelFn>(reinterpret_cast<uintptr_t>(code));
  const Hooks& hooks = m_.head->hooks;
  if (grid == 1 || hooks.workers == 1 || is_small(step.e)) return kernel(&frame, 0, grid, scratch_);
  const auto workers = static_cast<int64_t>(hooks.workers);
  Parts parts{.kernel = kernel,
              .frame = &frame,
              .scratch = scratch_,
              .scratch_bytes = scratch_bytes_,
              .grid = grid,
              .count = workers < grid ? workers : grid,
              .failed = workers};
  hooks.parallel_for(hooks.parallel_user, run_part, &parts, static_cast<size_t>(parts.count));
  while (__atomic_load_n(&parts.next, __ATOMIC_ACQUIRE) < parts.count) parts.run_next();
  return parts.result;
}

Outcome Run::launch(const Step& step) {
  const int64_t grid = reg(step.c);
  if (grid <= 0) return Outcome::ok;
  const int64_t scratch = reg(step.d);
  if (scratch > 0 && static_cast<uint64_t>(scratch) > scratch_bytes_) {
    const uint64_t each = round_up(static_cast<uint64_t>(scratch));
    Memory all{scratch_, scratch_bytes_ * m_.head->hooks.workers, 0};
    if (each > kMostMemory / kMostWorkers)
      return report(m_, Outcome::memory, "the scratch of a kernel is too large");
    if (const Outcome o = grow(all, each * m_.head->hooks.workers, 0); o != Outcome::ok) return o;
    scratch_ = all.data;
    scratch_bytes_ = each;
  }
  const int64_t result = call(step, grid);
  return result == kKernelOk ? Outcome::ok : failure(step, result);
}

Outcome Run::failure(const Step& step, int64_t result) {
  const auto [index, extent] = decode_failure(result);
  const uint32_t where = image_.at(image_.calls)[step.a].where;
  Message text;
  if (where != kNone) {
    text << "node '" << image_.text(image_.at(image_.messages)[where]) << "'";
  } else {
    text << "kernel '" << image_.text(image_.at(image_.kernels)[step.e].name) << "'";
  }
  text << ": index " << index << " does not lie in an axis of extent " << extent
       << "; give indices within it";
  return report(m_, Outcome::index, text.text());
}

Outcome Run::other_step(const Step& s, uint32_t& next) {
  switch (s.kind) {
    case StepKind::stage:
      return stage(s.a);
    case StepKind::jump:
      next = s.a;
      break;
    case StepKind::unless:
      if (reg(s.a) == 0) next = s.b;
      break;
    case StepKind::copy:
      if (reg(s.c) > 0)
        __builtin_memmove(m_.slots[s.a], m_.slots[s.b], static_cast<size_t>(reg(s.c)));
      break;
    case StepKind::bind:
      m_.slots[s.a] = m_.slots[s.b];
      break;
    case StepKind::write:
      for (uint32_t i = 0; i < s.c; ++i)
        static_cast<int64_t*>(m_.slots[s.a])[i] = reg(image_.at(image_.register_list)[s.b + i]);
      break;
    case StepKind::reserve:
      if (reg(s.b) < 0)
        return report(m_, Outcome::memory,
                      "an extent of a value carried by a loop is negative; give other shapes");
      return reserve(s.a, static_cast<uint64_t>(reg(s.b)), 0);
    case StepKind::swap: {
      const Memory a = m_.dynamics[s.a];
      m_.dynamics[s.a].data = m_.dynamics[s.b].data;
      m_.dynamics[s.a].bytes = m_.dynamics[s.b].bytes;
      m_.dynamics[s.b].data = a.data;
      m_.dynamics[s.b].bytes = a.bytes;
      m_.slots[image_.at(image_.dynamics)[s.a]] = m_.dynamics[s.a].data;
      m_.slots[image_.at(image_.dynamics)[s.b]] = m_.dynamics[s.b].data;
      break;
    }
    case StepKind::append:
      return append(s);
    default:  // states, devices and host functions, which are not embedded
      break;
  }
  return Outcome::ok;
}

Outcome Run::steps() {
  for (uint32_t at = 0; at < image_.steps.count;) {
    const Step& s = image_.at(image_.steps)[at++];
    const Outcome o = s.kind == StepKind::launch ? launch(s) : other_step(s, at);
    if (o != Outcome::ok) return o;
  }
  return Outcome::ok;
}

}  // namespace tenon::embed
