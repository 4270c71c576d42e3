// A second device with memory of its own, which the host cannot touch: each page of it is closed
// but for the device's own launches and copies. Its kernels are the host's code, on its memory.
#include <sys/mman.h>

#include <map>

#include "compiler/package/testing.h"

namespace tenon::compiler {
namespace {

using namespace testing;  // NOLINT: the fixture of this file
using artifact::StepKind;
using ir::Op;

class ClosedDevice : public runtime::Device {
 public:
  ~ClosedDevice() override { EXPECT_TRUE(sizes_.empty()) << "memory that nobody released"; }
  std::string name() const override { return "closed"; }
  void* allocate(uint64_t bytes) override {
    const uint64_t size = (bytes + 4095) / 4096 * 4096 + 4096;
    void* at = mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return nullptr;
    sizes_[at] = size;
    return at;
  }
  void release(void* memory) override {
    EXPECT_EQ(munmap(memory, sizes_.at(memory)), 0);
    sizes_.erase(memory);
  }
  Status from_host(void* to, const void* from, uint64_t bytes) override {
    return move(to, from, bytes);
  }
  Status to_host(void* to, const void* from, uint64_t bytes) override {
    return move(to, from, bytes);
  }
  Status within(void* to, const void* from, uint64_t bytes) override {
    return move(to, from, bytes);
  }
  Result<int64_t> launch(KernelFn kernel, const Frame& frame, size_t buffers, int64_t grid,
                         uint64_t scratch_bytes) override {
    for (size_t i = 0; i < buffers; ++i)
      EXPECT_TRUE(sizes_.contains(frame.buffers[i])) << "a buffer of another device";
    const Open open(*this);
    std::vector<std::byte> scratch(scratch_bytes + 64);
    void* aligned = scratch.data() + (64 - reinterpret_cast<uintptr_t>(scratch.data()) % 64) % 64;
    ++launches;
    return kernel(&frame, 0, grid, aligned);
  }
  size_t launches = 0, copies = 0;
  bool broken = false;

 private:
  struct Open {
    explicit Open(ClosedDevice& d) : device(d) { device.protect(PROT_READ | PROT_WRITE); }
    ~Open() { device.protect(PROT_NONE); }
    Open(const Open&) = delete;
    Open& operator=(const Open&) = delete;
    ClosedDevice& device;
  };
  void protect(int how) {
    for (const auto& [at, size] : sizes_) EXPECT_EQ(mprotect(at, size, how), 0);
  }
  Status move(void* to, const void* from, uint64_t bytes) {
    if (broken) return fail("test.broken", "the device is broken");
    const Open open(*this);
    std::memcpy(to, from, bytes);
    ++copies;
    return {};
  }
  std::map<void*, uint64_t> sizes_;
};

/// x [n, 8] through products, reductions and constants; kernels take turns on two devices.
void mixed(Graph& g) {
  const Expr n = g.c.var("n");
  const Expr x = g.param("x", DType::f32, {n, g.n(8)});
  std::vector<double> values(48);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i % 7) - 3;
  const Expr w = g.b.constant(ops::testing::of(DType::f32, {8, 6}, values));
  const Expr h = g.b.matmul(g.b.relu(x), w);
  const Expr top = g.b.reduce("max", h, {0});
  const Expr back = g.b.matmul(h, g.b.transpose(w, {1, 0}));
  g.compile({back, top, h, g.b.exp(g.b.reduce("sum", back, {1})), x});
}

TEST(Device, kernels_of_two_devices_give_the_interpreters_values) {
  for (const size_t which : {0, 1, 2}) {
    const auto device = std::make_shared<ClosedDevice>();
    Graph g;
    g.around.devices = {device};
    g.device_of = [&](size_t kernel) { return which == 2 || kernel % 2 == which ? "closed" : ""; };
    mixed(g);
    EXPECT_EQ(g.tables.devices, (std::vector<std::string>{"closed"}));
    for (const int64_t n : {3, 1, 20, 2}) g.check({tensor(DType::f32, {n, 8}, n)});
    EXPECT_GT(device->launches, 0u);
    EXPECT_GT(device->copies, 0u);
    const auto on_host = [](const artifact::Step& s) {
      return s.kind == StepKind::launch && s.device == 0;
    };
    EXPECT_EQ(std::any_of(g.tables.steps.begin(), g.tables.steps.end(), on_host), which != 2);
  }
}

TEST(Device, loops_branches_and_states_of_the_host_read_its_results) {
  const auto device = std::make_shared<ClosedDevice>();
  Graph g;
  g.around.devices = {device};
  g.device_of = [](size_t) { return "closed"; };
  const Expr n = g.c.var("n");
  const Expr trips = g.param("trips", DType::i64, {});
  const Expr x = g.param("x", DType::f32, {n});
  const Expr s = g.param("s", DType::f32, {n}, ir::ParamRole::state);
  const Expr i = g.body_param("i", DType::i64, {});
  const Expr v = g.body_param("v", DType::f32, {n});
  const Expr yes = g.b.scalar(DType::boolean, 1.0);
  const Exprs operands{trips, yes, g.b.neg(x)};
  const Expr loop = g.c.make(Op::loop, g.c.tuple(std::vector<ir::Type>{x->type}), operands,
                             {{ir::Key::body, g.body({i, v}, {yes, g.b.mul(v, 0.5)})},
                              {ir::Key::carried, int64_t{1}},
                              {ir::Key::stacked, int64_t{0}}});
  const Expr last = g.c.make(Op::get, x->type, {loop}, {{ir::Key::index, int64_t{0}}});
  g.compile({g.b.add(last, s), g.b.add(s, x)}, 1, {"y", "s"});
  for (const int64_t t : {0, 1, 3}) g.step({scalar(DType::i64, t), tensor(DType::f32, {5}, t)});
  EXPECT_GT(device->launches, 0u);
}

TEST(Device, what_is_missing_or_fails_is_an_error) {
  const auto device = std::make_shared<ClosedDevice>();
  Graph g;
  g.around.devices = {device};
  g.device_of = [](size_t) { return "closed"; };
  mixed(g);
  const auto model = runtime::Model::from(g.tables);
  ASSERT_TRUE(model.has_value());
  const auto without = runtime::Executor::create(*model, runtime::Surroundings{});
  ASSERT_FALSE(without.has_value());
  EXPECT_EQ(without.error().diagnostics[0].code, "run.device");
  device->broken = true;
  const Tensor x = tensor(DType::f32, {2, 8});
  ASSERT_TRUE(g.executor->set_input(0, Graph::view_of(x)).has_value());
  const Status ran = g.executor->run();
  ASSERT_FALSE(ran.has_value());
  EXPECT_EQ(ran.error().diagnostics[0].code, "test.broken");
  device->broken = false;
  g.check({x});
}

}  // namespace
}  // namespace tenon::compiler
