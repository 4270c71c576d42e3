// Profiles by the C API: steps, their counts and times.
#include "c_api/testing.h"

namespace tenon::c_api {
namespace {

tenon_step step_of(tenon_instance* instance, size_t index) {
  auto step = sized<tenon_step>();
  EXPECT_OK(tenon_instance_step(instance, index, &step));
  return step;
}

TEST(Profile, counts_steps_while_it_is_on) {
  const ModelHandle model = model_of(runtime::two_kernels());
  const InstanceHandle instance = instance_of(model.get());
  Floats x({2, 3}, 1);
  const tenon_tensor t = x.tensor();
  ASSERT_OK(tenon_bind_input(instance.get(), 0, &t));
  ASSERT_OK(tenon_run(instance.get()));
  size_t count = 0;
  ASSERT_OK(tenon_instance_step_count(instance.get(), &count));
  ASSERT_EQ(count, model->model->tables().steps.size());
  for (size_t i = 0; i < count; ++i) EXPECT_EQ(step_of(instance.get(), i).count, 0U);
  ASSERT_OK(tenon_instance_profile(instance.get(), 1));
  for (int i = 0; i < 3; ++i) ASSERT_OK(tenon_run(instance.get()));
  ASSERT_OK(tenon_instance_profile(instance.get(), 0));
  ASSERT_OK(tenon_run(instance.get()));
  size_t launches = 0;
  for (size_t i = 0; i < count; ++i) {
    const tenon_step step = step_of(instance.get(), i);
    EXPECT_EQ(step.count, 3U);
    const bool launch = std::string(step.kind) == "launch";
    EXPECT_EQ(step.call >= 0, launch);
    EXPECT_EQ(std::string(step.kernel).empty(), !launch);
    if (launch) EXPECT_GT(step.nanoseconds, 0U);
    launches += launch ? 1 : 0;
  }
  EXPECT_EQ(launches, 2U);
  ASSERT_OK(tenon_instance_profile(instance.get(), 1));
  EXPECT_EQ(step_of(instance.get(), 0).count, 0U);
}

TEST(Profile, refuses_what_is_not_there) {
  const ModelHandle model = model_of(runtime::two_kernels());
  const InstanceHandle instance = instance_of(model.get());
  auto step = sized<tenon_step>();
  size_t count = 0;
  ASSERT_OK(tenon_instance_step_count(instance.get(), &count));
  EXPECT_EQ(code_of(tenon_instance_step(instance.get(), count, &step)), "api.index");
  EXPECT_EQ(code_of(tenon_instance_step(instance.get(), 0, nullptr)), "api.null");
  EXPECT_EQ(code_of(tenon_instance_step(nullptr, 0, &step)), "api.null");
  EXPECT_EQ(code_of(tenon_instance_step_count(instance.get(), nullptr)), "api.null");
  EXPECT_EQ(code_of(tenon_instance_step_count(nullptr, &count)), "api.null");
  EXPECT_EQ(code_of(tenon_instance_profile(nullptr, 1)), "api.null");
  EXPECT_EQ(code_of(tenon_instance_profile(instance.get(), 2)), "api.value");
  step.struct_size = 8;
  EXPECT_EQ(code_of(tenon_instance_step(instance.get(), 0, &step)), "api.struct_size");
}

}  // namespace
}  // namespace tenon::c_api
