// Messages of workers, and workers that are none. Kernels in a worker:
// src/target/llvm/worker_test.cc.
#include "worker/worker.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

namespace tenon::worker {
namespace {

const std::string kProgram = std::string(TENON_BINARY_DIR) + "/bin/tenon-worker";

Bytes bytes(std::initializer_list<int> values) {
  Bytes out;
  for (const int v : values) out.push_back(static_cast<std::byte>(v));
  return out;
}

Request some_request() {
  Request r;
  r.code = bytes({1, 2, 3, 4});
  r.calls = {{2, 0, 5, 64}};
  r.sizes = {7, 8};
  r.buffers = {bytes({9}), {}, bytes({1, 1})};
  r.repeat = 3;
  return r;
}

std::string code_of(const auto& result) { return result.error().diagnostics[0].code; }

TEST(Worker, messages_read_back) {
  const auto request = decode_request(encode(some_request()));
  ASSERT_TRUE(request);
  EXPECT_EQ(request->code, some_request().code);
  ASSERT_EQ(request->calls.size(), 1U);
  EXPECT_EQ(request->calls[0].end, 5);
  EXPECT_EQ(request->sizes, some_request().sizes);
  EXPECT_EQ(request->buffers, some_request().buffers);
  EXPECT_EQ(request->repeat, 3U);
  const auto reply = decode_reply(encode(Reply{-3, {0.5}, {bytes({4, 5})}}));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->code, -3);
  EXPECT_EQ(reply->seconds, std::vector{0.5});
  EXPECT_EQ(reply->buffers, std::vector<Bytes>{bytes({4, 5})});
}

TEST(Worker, messages_cut_short_are_refused) {
  const Bytes whole = encode(some_request());
  for (size_t n = 0; n < whole.size(); ++n) {
    const auto request = decode_request(std::span(whole).first(n));
    ASSERT_FALSE(request) << n;
    EXPECT_EQ(code_of(request), "worker.message");
  }
  Request outside = some_request();
  outside.calls[0].offset = outside.code.size();
  EXPECT_FALSE(decode_request(encode(outside)));
}

TEST(Worker, a_channel_carries_messages_until_its_end) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const Bytes large(size_t{3} << 20, std::byte{5});
  std::thread writer([&] {
    EXPECT_TRUE(worker::send(ends[0], large));
    EXPECT_TRUE(worker::send(ends[0], bytes({1})));
    close(ends[0]);
  });
  EXPECT_EQ(receive(ends[1]).value_or(Bytes{}), large);
  EXPECT_EQ(receive(ends[1]).value_or(Bytes{}), bytes({1}));
  writer.join();
  EXPECT_EQ(receive(ends[1]).value_or(bytes({7})), Bytes{});
  EXPECT_EQ(code_of(worker::send(ends[1], bytes({1}))), "worker.gone");
  close(ends[1]);
}

TEST(Worker, what_is_no_worker_is_an_error) {
  const auto none = Worker::start({"/nonexistent/tenon-worker"});
  ASSERT_FALSE(none);
  EXPECT_EQ(code_of(none), "process.start");
  auto other = Worker::start({"false"});
  ASSERT_TRUE(other);
  const auto reply = other->run(some_request());
  ASSERT_FALSE(reply);
  EXPECT_EQ(code_of(reply), "worker.gone");
  EXPECT_NE(reply.error().text().find("status 1"), std::string::npos) << reply.error().text();
}

TEST(Worker, a_worker_refuses_what_it_does_not_understand) {
  auto process = Process::start({kProgram}, true);
  ASSERT_TRUE(process);
  ASSERT_TRUE(send(process->channel(), bytes({1, 2, 3})));
  EXPECT_EQ(receive(process->channel()).value_or(bytes({1})), Bytes{});
  const Status end = process->wait();
  ASSERT_FALSE(end);
  EXPECT_EQ(code_of(end), "process.failed");
}

}  // namespace
}  // namespace tenon::worker
