// The worker's side: calls kernels.
#include <algorithm>
#include <cstdlib>
#include <memory>

#include "artifact/frame.h"
#include "support/executable_memory.h"
#include "support/stopwatch.h"
#include "worker/protocol.h"

namespace tenon::worker {
namespace {

constexpr size_t kAlign = 64;

struct Free {
  void operator()(void* at) const { std::free(at); }
};
using Block = std::unique_ptr<std::byte, Free>;

/// Aligned as the runtime's buffers are.
Result<Block> allocate(size_t bytes) {
  const size_t rounded = (std::max<size_t>(bytes, 1) + kAlign - 1) / kAlign * kAlign;
  Block block(static_cast<std::byte*>(std::aligned_alloc(kAlign, rounded)));
  if (block == nullptr) return fail("run.memory", "no memory for the buffers of a kernel");
  return block;
}

}  // namespace

Result<Reply> carry_out(Request request) {
  TENON_TRY(const auto code, ExecutableMemory::of(request.code));
  std::vector<Block> blocks;
  std::vector<void*> pointers;
  for (const Bytes& b : request.buffers) {
    TENON_TRY(Block block, allocate(b.size()));
    std::copy(b.begin(), b.end(), block.get());
    pointers.push_back(block.get());
    blocks.push_back(std::move(block));
  }
  int64_t most = 0;
  for (const Call& c : request.calls) most = std::max(most, c.scratch_bytes);
  TENON_TRY(const Block scratch, allocate(static_cast<size_t>(most)));
  const Frame frame{pointers.data(), request.sizes.data()};
  Reply reply;
  for (uint32_t i = 0; i < request.repeat && reply.code == kKernelOk; ++i) {
    const Stopwatch start;
    for (const Call& c : request.calls) {
      reply.code = code->function<KernelFn>(c.offset)(&frame, c.begin, c.end, scratch.get());
      if (reply.code != kKernelOk) break;
    }
    reply.seconds.push_back(start.seconds());
  }
  for (size_t i = 0; i < blocks.size(); ++i) {
    Bytes& b = request.buffers[i];
    std::copy(blocks[i].get(), blocks[i].get() + b.size(), b.begin());
  }
  reply.buffers = std::move(request.buffers);
  return reply;
}

}  // namespace tenon::worker
