// What the tests of the C API share: outcomes as codes, handles that release themselves, models
// made by hand.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "c_api/objects.h"
#include "runtime/testing.h"

namespace tenon::c_api {

/// The code of a refusal, which is released; "" for success.
inline std::string code_of(tenon_error* error) {
  std::string code = tenon_error_code(error, 0);
  tenon_error_release(error);
  return code;
}
inline std::string text_of(tenon_error* error) {
  std::string text = tenon_error_text(error);
  tenon_error_release(error);
  return text;
}
#define EXPECT_OK(call) EXPECT_EQ(::tenon::c_api::text_of(call), "")
#define ASSERT_OK(call) ASSERT_EQ(::tenon::c_api::text_of(call), "")

struct Releaser {
  void operator()(tenon_model* m) const { tenon_model_release(m); }
  void operator()(tenon_pool* p) const { tenon_pool_release(p); }
  void operator()(tenon_instance* i) const { tenon_instance_release(i); }
};
using ModelHandle = std::unique_ptr<tenon_model, Releaser>;
using PoolHandle = std::unique_ptr<tenon_pool, Releaser>;
using InstanceHandle = std::unique_ptr<tenon_instance, Releaser>;

/// A struct of C with its size set.
template <class T>
T sized() {
  T t{};
  t.struct_size = sizeof t;
  return t;
}

inline ModelHandle model_of(artifact::Model tables) {
  auto model = runtime::Model::from(std::move(tables), /*check_cpu=*/false);
  EXPECT_TRUE(model.has_value());
  return ModelHandle(make_model(*model, "made"));
}
inline PoolHandle pool_of(int32_t threads) {
  auto options = sized<tenon_pool_options>();
  options.threads = threads;
  tenon_pool* pool = nullptr;
  EXPECT_OK(tenon_pool_create(&options, &pool));
  return PoolHandle(pool);
}
inline InstanceHandle instance_of(const tenon_model* model, const tenon_pool* pool = nullptr,
                                  const tenon_allocator* allocator = nullptr) {
  auto options = sized<tenon_instance_options>();
  options.pool = pool;
  options.threads = pool == nullptr ? 1 : 0;
  options.allocator = allocator;
  tenon_instance* instance = nullptr;
  EXPECT_OK(tenon_instance_create(model, &options, &instance));
  return InstanceHandle(instance);
}

/// A dense tensor of floats with its memory.
struct Floats {
  std::vector<int64_t> shape;
  std::vector<float> values;
  Floats(std::vector<int64_t> s, float value) : shape(std::move(s)) {
    size_t n = 1;
    for (const int64_t d : shape) n *= static_cast<size_t>(d);
    values.assign(n, value);
  }
  [[nodiscard]] tenon_tensor tensor() {
    auto t = sized<tenon_tensor>();
    t.type = TENON_F32;
    t.rank = static_cast<int32_t>(shape.size());
    t.shape = shape.data();
    t.data = values.data();
    t.bytes = values.size() * sizeof(float);
    return t;
  }
};

/// Hands x of [n, 2] on as y; no code, so that it can be written to a file.
inline artifact::Model passing_model() {
  runtime::ModelMaker k;
  const uint32_t x = k.input("x", {k.symbol("n"), runtime::ModelMaker::extent(2)});
  const uint32_t n = k.op(artifact::SizeOpCode::input_extent, 0, 0);
  const uint32_t two = k.reg(2);
  k.stage();
  k.m.outputs = {{"y", artifact::DType::f32, {{"n", n}, {"2", two}}, x}};
  return k.m;
}

}  // namespace tenon::c_api
