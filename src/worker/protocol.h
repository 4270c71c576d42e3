// What a worker is asked and answers: kernels run in a process of their own, on this CPU or under
// an emulator. A message is its size (8 bytes) and its body.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "artifact/codec.h"
#include "support/result.h"

namespace tenon::worker {

using Bytes = std::vector<std::byte>;

/// Iterations begin..end of one launch (artifact/frame.h).
struct Call {
  uint64_t offset;  // of the function in the code
  int64_t begin, end;
  int64_t scratch_bytes;
};

struct Request {
  Bytes code;  // position independent
  std::vector<Call> calls;
  std::vector<int64_t> sizes;  // the frame's
  std::vector<Bytes> buffers;
  uint32_t repeat = 1;  // how often all calls are made
};

struct Reply {
  int64_t code = 0;             // of the first call that failed; the calls after it were not made
  std::vector<double> seconds;  // of each repetition
  std::vector<Bytes> buffers;   // as the calls left them
};

[[nodiscard]] Bytes encode(const Request& request);
[[nodiscard]] Bytes encode(const Reply& reply);
/// Refuse what is no such message ("worker.message").
[[nodiscard]] Result<Request> decode_request(std::span<const std::byte> bytes);
[[nodiscard]] Result<Reply> decode_reply(std::span<const std::byte> bytes);

/// Sends a message through a socket or pipe; refuses when the other end is gone ("worker.gone").
[[nodiscard]] Status send(int fd, std::span<const std::byte> body);
/// The next message; empty at the end of all messages.
[[nodiscard]] Result<Bytes> receive(int fd);

/// Makes the calls.
[[nodiscard]] Result<Reply> carry_out(Request request);

}  // namespace tenon::worker
