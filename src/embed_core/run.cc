// Memory of a run: what is planned, what grows as data decides, inputs and outputs.
#include "embed_core/run.h"

#include "embed_core/message.h"

namespace tenon::embed {

std::byte* Run::take(uint64_t bytes) {
  if (bytes > static_cast<uint64_t>(end_ - top_)) return nullptr;
  std::byte* at = top_;
  top_ += bytes;
  return at;
}

Outcome Run::start(std::byte* workspace, uint64_t bytes) {
  const uint64_t workers = m_.head->hooks.workers;
  const uint64_t needed = workspace_bytes(m_, workers);
  if (needed > kAlignment - 1 && (workspace == nullptr || bytes < needed)) {
    Message text;
    text << "the workspace has " << static_cast<int64_t>(bytes) << " bytes, a run needs "
         << static_cast<int64_t>(needed) << "; give more";
    return report(m_, Outcome::memory, text.text());
  }
  begin_ = workspace;
  end_ = workspace + bytes;
  const uint64_t past = reinterpret_cast<uintptr_t>(workspace) % kAlignment;
  top_ = workspace + (past == 0 ? 0 : kAlignment - past);
  if (top_ > end_) top_ = end_;
  for (uint32_t s = 0; s < image_.stages.count; ++s)
    m_.arenas[s].data = take(m_.arenas[s].bytes = m_.arenas[s].planned);
  for (uint32_t d = 0; d < image_.dynamics.count; ++d) {
    m_.dynamics[d].data = take(m_.dynamics[d].bytes = m_.dynamics[d].planned);
    m_.slots[image_.at(image_.dynamics)[d]] = m_.dynamics[d].data;
  }
  scratch_bytes_ = m_.head->scratch;
  scratch_ = take(scratch_bytes_ * workers);
  if (const Outcome o = set_inputs(); o != Outcome::ok) return o;
  return place(0);
}

/// More of the workspace, behind all that is taken; in place where the memory is the last.
Outcome Run::grow(Memory& memory, uint64_t bytes, uint64_t kept) {
  if (bytes <= memory.bytes) return Outcome::ok;
  const uint64_t rounded = round_up(bytes);
  const bool last = memory.bytes != 0 && memory.data + memory.bytes == top_;
  if (last) top_ = memory.data;
  std::byte* at = take(rounded);
  if (at == nullptr) {
    if (last) top_ = memory.data + memory.bytes;
    Message text;
    text << "the workspace has " << static_cast<int64_t>(end_ - begin_)
         << " bytes; for these data the run needs at least "
         << static_cast<int64_t>(add_bounded(static_cast<uint64_t>(top_ - begin_), rounded));
    return report(m_, Outcome::memory, text.text());
  }
  if (kept > 0 && at != memory.data) __builtin_memcpy(at, memory.data, kept);
  memory.data = at;
  memory.bytes = rounded;
  return Outcome::ok;
}

Outcome Run::set_inputs() {
  for (uint32_t i = 0; i < image_.slots.count; ++i) {
    const Slot& slot = image_.at(image_.slots)[i];
    if (slot.kind != SlotKind::input) continue;
    const Input& in = image_.at(image_.inputs)[slot.index];
    void* data = words_[in.word].pointer;
    if (data == nullptr && in.constant != kNone)
      data = const_cast<std::byte*>(m_.head->weights) + image_.at(image_.constants)[in.constant];
    bool empty = false;
    for (uint32_t d = 0; d < in.dims; ++d) empty = empty || m_.extents[in.first_dim + d] == 0;
    if ((data == nullptr && !empty) || reinterpret_cast<uintptr_t>(data) % in.alignment != 0) {
      Message text;
      text << "input '" << image_.text(in.name) << "' is "
           << (data == nullptr ? "NULL" : "not aligned to its elements") << "; give its values";
      return report(m_, Outcome::argument, text.text());
    }
    m_.slots[i] = data;
  }
  return Outcome::ok;
}

Outcome Run::room(const Output& out, uint64_t bytes) {
  const uint64_t alignment = out.element_bytes;
  const bool aligned = reinterpret_cast<uintptr_t>(words_[out.word].pointer) % alignment == 0;
  if (aligned && (out.room == kNone || bytes <= static_cast<uint64_t>(words_[out.room].number)))
    return Outcome::ok;
  Message text;
  text << "the memory for output '" << image_.text(out.name) << "' ";
  if (!aligned) {
    text << "is not aligned to its elements";
  } else {
    text << "has " << words_[out.room].number << " bytes, it takes " << static_cast<int64_t>(bytes)
         << "; give more";
  }
  return report(m_, aligned ? Outcome::memory : Outcome::argument, text.text());
}

/// The memory of a stage and the slots in it; outputs go where the caller wants them.
Outcome Run::place(uint32_t index) {
  const Stage& stage = image_.at(image_.stages)[index];
  uint64_t total = 0;
  if (const Problem p = place_blocks(m_, stage, total); p.outcome != Outcome::ok)
    return report(m_, p.outcome, p.text);
  Memory& arena = m_.arenas[index];
  if (const Outcome o = grow(arena, total, 0); o != Outcome::ok) return o;
  const uint32_t* first = image_.at(image_.first_slots);
  for (uint32_t i = first[index]; i < first[index + 1]; ++i) {
    const uint32_t s = image_.at(image_.stage_slots)[i];
    const Slot& slot = image_.at(image_.slots)[s];
    m_.slots[s] = arena.data + m_.block_offsets[slot.index] + reg(slot.offset);
  }
  for (uint32_t i = 0; i < image_.outputs.count; ++i) {
    const Output& out = image_.at(image_.outputs)[i];
    void* to = words_[out.word].pointer;
    if (out.bytes == kNone || out.stage != index || to == nullptr) continue;
    if (const Outcome o = room(out, static_cast<uint64_t>(reg(out.bytes))); o != Outcome::ok)
      return o;
    m_.slots[out.slot] = to;
  }
  return Outcome::ok;
}

Outcome Run::stage(uint32_t index) {
  if (index == 0) return Outcome::ok;  // planned and placed before the first step
  if (const Problem p = run_size_ops(m_, image_.at(image_.stages)[index]); p.outcome != Outcome::ok)
    return report(m_, p.outcome, p.text);
  return place(index);
}

Outcome Run::reserve(uint32_t dynamic, uint64_t bytes, uint64_t kept) {
  Memory& memory = m_.dynamics[dynamic];
  const Outcome o = grow(memory, bytes, kept);
  m_.slots[image_.at(image_.dynamics)[dynamic]] = memory.data;
  return o;
}

Outcome Run::append(const Step& step) {
  const auto bytes = static_cast<uint64_t>(reg(step.c));
  const auto at = static_cast<uint64_t>(reg(step.d));
  const Memory& memory = m_.dynamics[step.a];
  uint64_t end = 0;
  if (__builtin_mul_overflow(at + 1, bytes, &end) || end > kMostMemory)
    return report(m_, Outcome::memory, "a loop's stacked result is too large");
  if (end > memory.bytes) {
    // Twice as much where there is room, so that few of the growing buffers' bytes are copied.
    const uint64_t twice = round_up(2 * memory.bytes);
    const bool fits = twice > end && twice <= static_cast<uint64_t>(end_ - top_);
    if (const Outcome o = reserve(step.a, fits ? twice : end, at * bytes); o != Outcome::ok)
      return o;
  }
  if (bytes > 0) __builtin_memcpy(memory.data + at * bytes, m_.slots[step.b], bytes);
  return Outcome::ok;
}

Outcome Run::finish() {
  for (uint32_t i = 0; i < image_.outputs.count; ++i) {
    const Output& out = image_.at(image_.outputs)[i];
    uint64_t bytes = out.element_bytes;
    for (uint32_t d = 0; d < out.dims; ++d) {
      const int64_t extent = reg(image_.at(image_.output_dims)[out.first_dim + d]);
      if (out.shape != kNone) words_[out.shape + d].number = extent;
      if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(extent), &bytes))
        return report(m_, Outcome::memory, "an output is too large");
    }
    void* to = words_[out.word].pointer;
    const void* from = m_.slots[out.slot];
    if (to == nullptr || to == from || bytes == 0) continue;
    if (const Outcome o = room(out, bytes); o != Outcome::ok) return o;
    __builtin_memcpy(to, from, bytes);
  }
  return Outcome::ok;
}

}  // namespace tenon::embed
