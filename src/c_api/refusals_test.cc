// What the C API refuses about its arguments, and what an error object says.
#include <array>
#include <cstring>
#include <limits>

#include "c_api/call.h"
#include "c_api/testing.h"

namespace tenon::c_api {
namespace {

using runtime::two_kernels;

TEST(Refusals, null_arguments_are_errors) {
  const ModelHandle model = model_of(two_kernels());
  const InstanceHandle instance = instance_of(model.get());
  tenon_model* m = nullptr;
  tenon_instance* i = nullptr;
  size_t n = 0;
  uint64_t bytes = 0;
  auto value = sized<tenon_value>();
  auto info = sized<tenon_model_info>();
  auto memory = sized<tenon_memory>();
  auto tensor = sized<tenon_tensor>();
  const auto reader = [](void*, void*, size_t) -> int64_t { return 0; };
  const std::vector<tenon_error*> refused{
      tenon_load(nullptr, nullptr, &m),
      tenon_load("x.tenon", nullptr, nullptr),
      tenon_load_memory(nullptr, 0, nullptr, &m),
      tenon_load_memory("x", 1, nullptr, nullptr),
      tenon_load_reader(nullptr, nullptr, nullptr, &m),
      tenon_load_reader(reader, nullptr, nullptr, nullptr),
      tenon_save(nullptr, "x"),
      tenon_save(model.get(), nullptr),
      tenon_model_describe(nullptr, &info),
      tenon_model_describe(model.get(), nullptr),
      tenon_model_input(nullptr, 0, &value),
      tenon_model_input(model.get(), 0, nullptr),
      tenon_model_output(nullptr, 0, &value),
      tenon_model_state(nullptr, 0, &value),
      tenon_find_input(nullptr, "x", &n),
      tenon_find_input(model.get(), nullptr, &n),
      tenon_find_input(model.get(), "x", nullptr),
      tenon_find_output(nullptr, "x", &n),
      tenon_find_state(nullptr, "x", &n),
      tenon_model_memory(nullptr, nullptr, 0, &memory),
      tenon_model_memory(model.get(), nullptr, 2, &memory),
      tenon_pool_create(nullptr, nullptr),
      tenon_instance_create(nullptr, nullptr, &i),
      tenon_instance_create(model.get(), nullptr, nullptr),
      tenon_instance_fork(nullptr, &i),
      tenon_instance_fork(instance.get(), nullptr),
      tenon_instance_memory(nullptr, &bytes),
      tenon_instance_memory(instance.get(), nullptr),
      tenon_bind_input(nullptr, 0, &tensor),
      tenon_bind_input(instance.get(), 0, nullptr),
      tenon_bind_inout(nullptr, 0, &tensor),
      tenon_bind_inout(instance.get(), 0, nullptr),
      tenon_bind_output(nullptr, 0, nullptr, 0),
      tenon_output_shape(nullptr, 0, nullptr, 0, nullptr),
      tenon_output_shape(instance.get(), 0, nullptr, 0, nullptr),
      tenon_output(nullptr, 0, &tensor),
      tenon_run(nullptr),
      tenon_warmup(nullptr, 1),
      tenon_run_async(nullptr, nullptr, nullptr),
      tenon_wait(nullptr),
      tenon_cancel(nullptr),
      tenon_set_deadline(nullptr, 0),
      tenon_state(nullptr, 0, &tensor),
      tenon_set_state(nullptr, 0, &tensor),
      tenon_set_state(instance.get(), 0, nullptr),
      tenon_reset_states(nullptr),
  };
  for (size_t k = 0; k < refused.size(); ++k) {
    EXPECT_EQ(std::string(tenon_error_code(refused[k], 0)), "api.null") << k;
    EXPECT_EQ(std::string(tenon_error_location(refused[k])).substr(0, 6), "tenon_") << k;
    tenon_error_release(refused[k]);
  }
  tenon_model_release(nullptr);
  tenon_pool_release(nullptr);
  tenon_instance_release(nullptr);
  tenon_error_release(nullptr);
  EXPECT_EQ(tenon_pool_threads(nullptr), 0);
}

TEST(Refusals, an_error_has_code_message_and_location) {
  tenon_model* m = nullptr;
  tenon_error* e = tenon_load("/no/such.tenon", nullptr, &m);
  ASSERT_NE(e, nullptr);
  EXPECT_EQ(tenon_error_count(e), 1U);
  EXPECT_STREQ(tenon_error_code(e, 0), "file.open");
  EXPECT_STREQ(tenon_error_location(e), "/no/such.tenon");
  EXPECT_EQ(std::string(tenon_error_text(e)),
            std::string(tenon_error_message(e, 0)) + " [file.open]");
  EXPECT_STREQ(tenon_error_code(e, 1), "");
  EXPECT_STREQ(tenon_error_message(e, 1), "");
  tenon_error_release(e);
  EXPECT_EQ(tenon_error_count(nullptr), 0U);
  EXPECT_STREQ(tenon_error_code(nullptr, 0), "");
  EXPECT_STREQ(tenon_error_text(nullptr), "");
  EXPECT_STREQ(tenon_error_location(nullptr), "");
}

TEST(Refusals, the_error_of_lacking_memory_takes_none) {
  tenon_error* e = call({"test"}, []() -> Status { throw std::bad_alloc(); });
  EXPECT_EQ(tenon_error_count(e), 1U);
  EXPECT_STREQ(tenon_error_code(e, 0), "run.memory");
  EXPECT_STREQ(tenon_error_code(e, 1), "");
  EXPECT_NE(std::string(tenon_error_text(e)).find(tenon_error_message(e, 0)), std::string::npos);
  tenon_error_release(e);
  tenon_error_release(e);  // it is everybody's
}

TEST(Refusals, a_broken_invariant_is_an_error) {
  EXPECT_EQ(code_of(call({"test"}, []() -> Status { TENON_UNREACHABLE("here"); })),
            "internal.invariant");
}

TEST(Refusals, sizes_of_structs_are_checked) {
  const ModelHandle model = model_of(two_kernels());
  for (const size_t size : {size_t{0}, sizeof(tenon_value) - 1, size_t{1} << 40}) {
    auto value = sized<tenon_value>();
    value.struct_size = size;
    EXPECT_EQ(code_of(tenon_model_input(model.get(), 0, &value)), "api.struct_size");
    tenon_pool_options options{};
    options.struct_size = size;
    tenon_pool* pool = nullptr;
    EXPECT_EQ(code_of(tenon_pool_create(&options, &pool)), "api.struct_size");
  }
}

TEST(Refusals, fields_of_a_newer_version_are_refused_unless_zero) {
  struct Newer {
    tenon_pool_options known;
    uint64_t field;
  } options{};
  options.known.struct_size = sizeof options;
  options.known.threads = 1;
  tenon_pool* pool = nullptr;
  ASSERT_OK(tenon_pool_create(&options.known, &pool));
  tenon_pool_release(pool);
  options.field = 1;
  EXPECT_EQ(code_of(tenon_pool_create(&options.known, &pool)), "api.newer");
  EXPECT_EQ(pool, nullptr);
  struct Larger {
    tenon_value known;
    uint64_t field = 7;
  } value{};
  value.known.struct_size = sizeof value;
  const ModelHandle model = model_of(two_kernels());
  ASSERT_OK(tenon_model_input(model.get(), 0, &value.known));
  EXPECT_STREQ(value.known.name, "x");
  EXPECT_EQ(value.known.struct_size, sizeof value);
  EXPECT_EQ(value.field, 7U);
}

TEST(Refusals, structs_begin_as_the_first_version_has_them) {
  // Fields are added at the end alone; what was compiled against that version stays right.
  EXPECT_EQ(kFirstBytes<tenon_tensor>, 48U);
  EXPECT_EQ(kFirstBytes<tenon_value>, 48U);
  EXPECT_EQ(kFirstBytes<tenon_model_info>, 120U);
  EXPECT_EQ(kFirstBytes<tenon_memory>, 32U);
  EXPECT_EQ(kFirstBytes<tenon_load_options>, 56U);
  EXPECT_EQ(kFirstBytes<tenon_pool_options>, 48U);
  EXPECT_EQ(kFirstBytes<tenon_allocator>, 32U);
  EXPECT_EQ(kFirstBytes<tenon_instance_options>, 32U);
  EXPECT_EQ(kFirstBytes<tenon_function>, 32U);
}

TEST(Refusals, a_struct_of_an_older_caller_ends_before_what_was_added) {
  struct {
    tenon_pool_options known;
  } given{};
  std::memset(&given, 0x7f, sizeof given);  // what lies behind an older struct is anybody's
  tenon_pool_options old{};
  old.struct_size = kFirstBytes<tenon_pool_options>;
  old.threads = 2;
  std::memcpy(&given, &old, old.struct_size);
  tenon_pool* pool = nullptr;
  ASSERT_OK(tenon_pool_create(&given.known, &pool));
  EXPECT_EQ(tenon_pool_threads(pool), 2);
  tenon_pool_release(pool);
  given.known.struct_size = kFirstBytes<tenon_pool_options> - 8;
  EXPECT_EQ(code_of(tenon_pool_create(&given.known, &pool)), "api.struct_size");
}

TEST(Refusals, tensors_that_no_tensor_is) {
  const ModelHandle model = model_of(two_kernels());
  const InstanceHandle instance = instance_of(model.get());
  Floats x({3, 4}, 1);
  const auto with = [&](auto change) {
    tenon_tensor t = x.tensor();
    change(t);
    return code_of(tenon_bind_input(instance.get(), 0, &t));
  };
  EXPECT_EQ(with([](tenon_tensor&) {}), "");
  EXPECT_EQ(with([](tenon_tensor& t) { t.struct_size = 8; }), "api.struct_size");
  EXPECT_EQ(with([](tenon_tensor& t) { t.type = -1; }), "api.type");
  EXPECT_EQ(with([](tenon_tensor& t) { t.type = 22; }), "api.type");
  EXPECT_EQ(with([](tenon_tensor& t) { t.type = TENON_I32; }), "run.dtype");
  EXPECT_EQ(with([](tenon_tensor& t) { t.rank = -1; }), "api.rank");
  EXPECT_EQ(with([](tenon_tensor& t) { t.rank = 1 << 30; }), "api.rank");
  EXPECT_EQ(with([](tenon_tensor& t) { t.rank = 1; }), "run.rank");
  EXPECT_EQ(with([](tenon_tensor& t) { t.shape = nullptr; }), "api.null");
  EXPECT_EQ(with([](tenon_tensor& t) { t.data = nullptr; }), "api.null");
  EXPECT_EQ(with([](tenon_tensor& t) { t.bytes = 47; }), "api.bytes");
  EXPECT_EQ(with([](tenon_tensor& t) { t.bytes = 0; }), "");
  EXPECT_EQ(with([](tenon_tensor& t) { t.data = static_cast<char*>(t.data) + 1; }),
            "api.alignment");
  const std::array<int64_t, 2> negative{-1, 4};
  const std::array<int64_t, 2> huge{std::numeric_limits<int64_t>::max(), 4};
  const std::array<int64_t, 2> strides{4, 1};
  const std::array<int64_t, 2> wide{8, 1};
  EXPECT_EQ(with([&](tenon_tensor& t) { t.shape = negative.data(); }), "api.extent");
  EXPECT_EQ(with([&](tenon_tensor& t) { t.shape = huge.data(); }), "api.extent");
  EXPECT_EQ(with([&](tenon_tensor& t) { t.strides = strides.data(); }), "");
  EXPECT_EQ(with([&](tenon_tensor& t) { t.strides = wide.data(); }), "run.strides");
  tenon_tensor t = x.tensor();
  EXPECT_EQ(code_of(tenon_bind_input(instance.get(), 1, &t)), "run.input_name");
  EXPECT_EQ(code_of(tenon_bind_inout(instance.get(), 0, &t)), "run.role");
  t.strides = wide.data();
  EXPECT_EQ(code_of(tenon_bind_inout(instance.get(), 0, &t)), "api.strides");
}

TEST(Refusals, indices_and_names_that_are_not_there) {
  const ModelHandle model = model_of(two_kernels());
  const InstanceHandle instance = instance_of(model.get());
  auto value = sized<tenon_value>();
  auto tensor = sized<tenon_tensor>();
  size_t index = 99;
  EXPECT_EQ(code_of(tenon_model_input(model.get(), 1, &value)), "api.index");
  EXPECT_EQ(code_of(tenon_model_output(model.get(), 1, &value)), "api.index");
  EXPECT_EQ(code_of(tenon_model_state(model.get(), 0, &value)), "api.index");
  EXPECT_EQ(code_of(tenon_find_input(model.get(), "z", &index)), "run.input_name");
  EXPECT_EQ(code_of(tenon_find_output(model.get(), "z", &index)), "run.output_name");
  EXPECT_EQ(code_of(tenon_find_state(model.get(), "z", &index)), "run.state_name");
  EXPECT_EQ(index, 99U);
  EXPECT_EQ(code_of(tenon_output(instance.get(), 1, &tensor)), "run.output_name");
  EXPECT_EQ(code_of(tenon_bind_output(instance.get(), 1, nullptr, 0)), "run.output_name");
  EXPECT_EQ(code_of(tenon_state(instance.get(), 0, &tensor)), "run.state_name");
  tensor.data = &index;
  EXPECT_EQ(code_of(tenon_set_state(instance.get(), 0, &tensor)), "run.state_name");
}

TEST(Refusals, options_out_of_range) {
  const ModelHandle model = model_of(two_kernels());
  const PoolHandle pool = pool_of(2);
  auto threads = sized<tenon_pool_options>();
  tenon_pool* made = nullptr;
  for (const int32_t n : {-1, 4097}) {
    threads.threads = n;
    EXPECT_EQ(code_of(tenon_pool_create(&threads, &made)), "run.threads");
  }
  auto where = sized<tenon_pool_options>();
  where.threads = 2;
  where.cpu_count = 1;
  EXPECT_EQ(code_of(tenon_pool_create(&where, &made)), "api.null");
  for (const int32_t cpu : {-1, 1 << 20}) {
    where.cpus = &cpu;
    EXPECT_EQ(code_of(tenon_pool_create(&where, &made)), "api.value");
  }
  where = sized<tenon_pool_options>();
  where.niceness = 40;
  EXPECT_EQ(code_of(tenon_pool_create(&where, &made)), "api.value");
  auto options = sized<tenon_instance_options>();
  tenon_instance* instance = nullptr;
  const tenon_function nameless = sized<tenon_function>();
  options.function_count = 1;
  EXPECT_EQ(code_of(tenon_instance_create(model.get(), &options, &instance)), "api.null");
  options.functions = &nameless;
  EXPECT_EQ(code_of(tenon_instance_create(model.get(), &options, &instance)), "api.null");
  options = sized<tenon_instance_options>();
  options.threads = -3;
  EXPECT_EQ(code_of(tenon_instance_create(model.get(), &options, &instance)), "run.threads");
  options.threads = 2;
  options.pool = pool.get();
  EXPECT_EQ(code_of(tenon_instance_create(model.get(), &options, &instance)), "api.value");
  options.threads = 0;
  auto allocator = sized<tenon_allocator>();
  options.allocator = &allocator;
  EXPECT_EQ(code_of(tenon_instance_create(model.get(), &options, &instance)), "api.null");
  EXPECT_EQ(instance, nullptr);
}

TEST(Refusals, what_a_run_lacks) {
  const ModelHandle model = model_of(two_kernels());
  const InstanceHandle instance = instance_of(model.get());
  auto y = sized<tenon_tensor>();
  int32_t rank = 0;
  EXPECT_EQ(code_of(tenon_run(instance.get())), "run.missing_input");
  EXPECT_EQ(code_of(tenon_output(instance.get(), 0, &y)), "api.no_result");
  EXPECT_EQ(code_of(tenon_output_shape(instance.get(), 0, nullptr, 0, &rank)), "run.missing_input");
  Floats x({3, 4}, 1);
  const tenon_tensor t = x.tensor();
  ASSERT_OK(tenon_bind_input(instance.get(), 0, &t));
  std::array<float, 12> out{};
  EXPECT_EQ(
      code_of(tenon_bind_output(instance.get(), 0, reinterpret_cast<char*>(out.data()) + 1, 40)),
      "run.output_memory");
  ASSERT_OK(tenon_run(instance.get()));
  ASSERT_OK(tenon_output(instance.get(), 0, &y));
  ASSERT_OK(tenon_bind_output(instance.get(), 0, x.values.data(), 48));
  EXPECT_EQ(code_of(tenon_output(instance.get(), 0, &y)), "api.no_result");
  EXPECT_EQ(code_of(tenon_run(instance.get())), "run.overlap");
}

TEST(Refusals, element_types_are_named) {
  EXPECT_STREQ(tenon_type_name(TENON_F32), "f32");
  EXPECT_EQ(tenon_type_bytes(TENON_F32), 4U);
  EXPECT_STREQ(tenon_type_name(TENON_F4E2M1), "f4e2m1");
  EXPECT_STREQ(tenon_type_name(-1), "");
  EXPECT_STREQ(tenon_type_name(kDTypeCount), "");
  EXPECT_EQ(tenon_type_bytes(kDTypeCount), 0U);
  for (int t = 0; t < kDTypeCount; ++t) EXPECT_EQ(parse_dtype(tenon_type_name(t)), DType(t));
  EXPECT_EQ(TENON_F4E2M1, static_cast<int>(DType::f4e2m1));
  EXPECT_EQ(TENON_BF16, static_cast<int>(DType::bf16));
  EXPECT_EQ(TENON_U64, static_cast<int>(DType::u64));
  EXPECT_EQ(tenon_api_version(), static_cast<uint32_t>(TENON_API_VERSION));
  EXPECT_STRNE(tenon_version(), "");
}

}  // namespace
}  // namespace tenon::c_api
