#include "worker/protocol.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "support/text.h"

namespace tenon::worker {
namespace {

void put_buffers(artifact::Encoder& e, const std::vector<Bytes>& buffers) {
  e.value(static_cast<uint64_t>(buffers.size()));
  for (const Bytes& b : buffers) e.table(b);
}

void take_buffers(artifact::Decoder& d, std::vector<Bytes>& buffers) {
  buffers.resize(d.count(sizeof(uint64_t)));
  for (Bytes& b : buffers) d.table(b);
}

tl::unexpected<Error> damaged() {
  return fail("worker.message",
              "a message between a worker and its client is damaged; both have "
              "to be of one version of Tenon");
}

/// Writes to a socket without a signal where nobody listens; to a pipe as ever.
ssize_t write_some(int fd, const std::byte* at, size_t size) {
  const ssize_t n = ::send(fd, at, size, MSG_NOSIGNAL);
  return n < 0 && errno == ENOTSOCK ? write(fd, at, size) : n;
}

Status write_all(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write_some(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0)
      return fail("worker.gone", cat("the worker does not listen: ", std::strerror(errno)));
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return {};
}

/// How many bytes came before the end.
size_t read_all(int fd, std::span<std::byte> bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = read(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<size_t>(n);
  }
  return done;
}

}  // namespace

Bytes encode(const Request& request) {
  artifact::Encoder e;
  e.table(request.code);
  e.table(request.calls);
  e.table(request.sizes);
  put_buffers(e, request.buffers);
  e.value(request.repeat);
  return e.bytes();
}

Bytes encode(const Reply& reply) {
  artifact::Encoder e;
  e.value(reply.code);
  e.table(reply.seconds);
  put_buffers(e, reply.buffers);
  return e.bytes();
}

Result<Request> decode_request(std::span<const std::byte> bytes) {
  artifact::Decoder d(bytes);
  Request request;
  d.table(request.code);
  d.table(request.calls);
  d.table(request.sizes);
  take_buffers(d, request.buffers);
  d.value(request.repeat);
  if (!d.at_end()) return damaged();
  for (const Call& c : request.calls)
    if (c.offset >= request.code.size() || c.scratch_bytes < 0) return damaged();
  return request;
}

Result<Reply> decode_reply(std::span<const std::byte> bytes) {
  artifact::Decoder d(bytes);
  Reply reply;
  d.value(reply.code);
  d.table(reply.seconds);
  take_buffers(d, reply.buffers);
  if (!d.at_end()) return damaged();
  return reply;
}

Status send(int fd, std::span<const std::byte> body) {
  const uint64_t size = body.size();
  TENON_TRY_VOID(write_all(fd, std::as_bytes(std::span(&size, 1))));
  return write_all(fd, body);
}

Result<Bytes> receive(int fd) {
  constexpr uint64_t kMost = uint64_t{1} << 40;
  constexpr uint64_t kPiece = uint64_t{64} << 20;  // memory grows with what has really come
  uint64_t size = 0;
  const size_t head = read_all(fd, std::as_writable_bytes(std::span(&size, 1)));
  if (head == 0) return Bytes{};
  if (head != sizeof size || size == 0 || size > kMost) return damaged();
  Bytes body;
  while (body.size() < size) {
    const uint64_t before = body.size();
    body.resize(std::min(size, before + kPiece));
    if (read_all(fd, std::span(body).subspan(before)) != body.size() - before) return damaged();
  }
  return body;
}

}  // namespace tenon::worker
