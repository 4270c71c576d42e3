// Kernels in a worker do what they do in this process; what crashes takes nothing with it.
#include <gtest/gtest.h>

#include <array>

#include "ir/text.h"
#include "target/llvm/testing.h"

namespace tenon::target {
namespace {

using ir::DType;
using ir::Expr;

/// out[i] = 3 * x[i], which fails with 5 at an element of 7.
ir::Kernel triple() {
  ir::Kernel kernel;
  kernel.name = "triple";
  kernel.context = std::make_shared<ir::Context>();
  ir::Context& c = *kernel.context;
  const Expr n = c.var("n"), i = c.var("i");
  kernel.sizes = {n};
  const Expr x = c.buffer("x", c.tensor(DType::i64, std::vector{n}));
  const Expr out = c.buffer("out", c.tensor(DType::i64, std::vector{n}));
  kernel.params = {{x, ir::ParamRole::in, {}}, {out, ir::ParamRole::out, {}}};
  const Expr v = ir::load(c, x, std::vector{i});
  const Expr check = ir::if_then(c, ir::binary(c, ir::Op::eq, v, c.i64(7)),
                                 c.make(ir::Op::fail_, c.void_type(), {c.i64(5)}));
  const Expr store = ir::store(c, out, ir::mul(c, v, c.i64(3)), std::vector{i});
  kernel.body = ir::for_loop(c, i, n, ir::seq(c, std::vector{check, store}), "parallel");
  return kernel;
}

worker::Worker start() {
  auto started = worker::Worker::start({std::string(TENON_BINARY_DIR) + "/bin/tenon-worker"});
  EXPECT_TRUE(started);
  return *std::move(started);
}

/// A request for the triple of one element.
struct OneElement {
  ir::Kernel kernel = triple();
  testing::Compiled compiled{kernel, testing::machine()};
  int64_t x[1] = {4}, out[1] = {0};
  void* buffers[2] = {x, out};
  worker::Request request = compiled.request(buffers, std::array<int64_t, 1>{1});
};

TEST(KernelsInWorker, give_results_and_failures) {
  const ir::Kernel kernel = triple();
  const testing::Compiled compiled(kernel, testing::machine());
  worker::Worker w = start();
  std::vector<int64_t> x{1, 2, 5}, out(3);
  void* buffers[] = {x.data(), out.data()};
  const int64_t sizes[] = {3};
  EXPECT_EQ(compiled.run_in(w, buffers, sizes), 0);
  EXPECT_EQ(out, (std::vector<int64_t>{3, 6, 15}));
  x[1] = 7;
  EXPECT_EQ(compiled.run_in(w, buffers, sizes), 5);
}

TEST(KernelsInWorker, are_made_and_timed_several_times) {
  worker::Worker w = start();
  OneElement one;
  one.request.repeat = 4;
  const auto reply = w.run(one.request);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->seconds.size(), 4U);
}

TEST(KernelsInWorker, that_crash_end_the_worker_alone) {
  worker::Worker w = start();
  OneElement one;
  worker::Request request = one.request;
  request.calls[0].end = int64_t{1} << 40;  // far beyond both buffers
  const auto reply = w.run(request);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().diagnostics[0].code, "worker.gone");
  // By a signal, which a sanitizer turns into an exit status.
  EXPECT_NE(reply.error().text().find("ended"), std::string::npos) << reply.error().text();
  EXPECT_FALSE(w.run(one.request));
}

}  // namespace
}  // namespace tenon::target
