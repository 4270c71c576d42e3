// Models from files, memory and functions, and what they say about themselves.
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "artifact/file.h"
#include "c_api/testing.h"

namespace tenon::c_api {
namespace {

class Load : public testing::Test {
 protected:
  Load() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tenon_c_XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    path_ = folder_ + "/m.tenon";
    EXPECT_TRUE(artifact::write(passing_model(), path_));
    std::ifstream in(path_, std::ios::binary);
    const std::vector<char> all(std::istreambuf_iterator<char>(in), {});
    bytes_.resize(all.size() + 128);
    const auto start = reinterpret_cast<uintptr_t>(bytes_.data());
    aligned_ = bytes_.data() + (64 - start % 64) % 64;
    size_ = all.size();
    std::copy(all.begin(), all.end(), aligned_);
  }
  ~Load() override { std::filesystem::remove_all(folder_); }

  /// What the model hands on.
  static std::vector<float> run(const tenon_model* model) {
    const InstanceHandle instance = instance_of(model);
    Floats x({3, 2}, 0.5F);
    const tenon_tensor t = x.tensor();
    EXPECT_OK(tenon_bind_input(instance.get(), 0, &t));
    EXPECT_OK(tenon_run(instance.get()));
    auto y = sized<tenon_tensor>();
    EXPECT_OK(tenon_output(instance.get(), 0, &y));
    const auto* p = static_cast<const float*>(y.data);
    return {p, p + y.bytes / sizeof(float)};
  }

  std::string folder_, path_;
  std::vector<char> bytes_;
  char* aligned_ = nullptr;
  size_t size_ = 0;
};

const std::vector<float> kHandedOn(6, 0.5F);

TEST_F(Load, a_file_and_what_is_saved_of_it) {
  tenon_model* m = nullptr;
  ASSERT_OK(tenon_load(path_.c_str(), nullptr, &m));
  const ModelHandle model(m);
  EXPECT_EQ(run(m), kHandedOn);
  const std::string saved = folder_ + "/again.tenon";
  ASSERT_OK(tenon_save(m, saved.c_str()));
  ASSERT_OK(tenon_load(saved.c_str(), nullptr, &m));
  const ModelHandle again(m);
  EXPECT_EQ(run(m), kHandedOn);
  EXPECT_EQ(code_of(tenon_save(m, (folder_ + "/no/such/folder.tenon").c_str())), "file.write");
}

TEST_F(Load, memory_is_used_in_place_where_it_is_aligned) {
  for (const size_t offset : {size_t{0}, size_t{1}, size_t{8}}) {
    int released = 0;
    auto options = sized<tenon_load_options>();
    options.name = "held";
    options.release = [](void* user) { ++*static_cast<int*>(user); };
    options.release_user = &released;
    std::memmove(aligned_ + offset, aligned_, size_);
    tenon_model* m = nullptr;
    ASSERT_OK(tenon_load_memory(aligned_ + offset, size_, &options, &m));
    EXPECT_EQ(released, offset == 0 ? 0 : 1);
    const auto* const code = reinterpret_cast<const char*>(m->model->tables().code.data());
    EXPECT_EQ(code >= aligned_ && code <= aligned_ + size_ + offset, offset == 0);
    InstanceHandle instance = instance_of(m);
    EXPECT_EQ(run(m), kHandedOn);
    tenon_model_release(m);
    EXPECT_EQ(released, offset == 0 ? 0 : 1);  // the instance needs it
    instance.reset();
    EXPECT_EQ(released, 1);
    std::memmove(aligned_, aligned_ + offset, size_);
  }
}

TEST_F(Load, damaged_memory_is_refused_by_name_and_released) {
  int released = 0;
  auto options = sized<tenon_load_options>();
  options.name = "held";
  options.release = [](void* user) { ++*static_cast<int*>(user); };
  options.release_user = &released;
  tenon_model* m = nullptr;
  tenon_error* e = tenon_load_memory(aligned_, size_ - 1, &options, &m);
  EXPECT_STREQ(tenon_error_code(e, 0), "artifact.truncated");
  EXPECT_NE(std::string(tenon_error_message(e, 0)).find("'held'"), std::string::npos);
  tenon_error_release(e);
  EXPECT_EQ(m, nullptr);
  EXPECT_EQ(released, 1);
  EXPECT_EQ(code_of(tenon_load_memory("no model", 8, &options, &m)), "artifact.magic");
  EXPECT_EQ(released, 2);
  aligned_[size_ - 1] = static_cast<char>(aligned_[size_ - 1] ^ 1);  // padding: no table reads it
  EXPECT_EQ(code_of(tenon_load_memory(aligned_, size_, nullptr, &m)), "artifact.checksum");
  auto trusting = sized<tenon_load_options>();
  trusting.trust = 1;
  ASSERT_OK(tenon_load_memory(aligned_, size_, &trusting, &m));
  tenon_model_release(m);
}

struct Source {
  const char* data;
  size_t left;
  size_t most;         // at a time
  int64_t answer = 0;  // other than 0: given in place of a count
};
int64_t read_some(void* user, void* to, size_t size) {
  Source& s = *static_cast<Source*>(user);
  if (s.answer != 0) return s.answer;
  const size_t n = std::min({size, s.left, s.most});
  for (size_t i = 0; i < n; ++i) static_cast<char*>(to)[i] = static_cast<char>(s.data[i] ^ 0x5a);
  s.data += n;
  s.left -= n;
  return static_cast<int64_t>(n);
}

TEST_F(Load, a_function_that_decrypts) {
  std::vector<char> secret(aligned_, aligned_ + size_);
  for (char& c : secret) c = static_cast<char>(c ^ 0x5a);
  tenon_model* m = nullptr;
  for (const size_t most : {size_t{1000}, size_t{1} << 30}) {
    Source source{secret.data(), secret.size(), most};
    ASSERT_OK(tenon_load_reader(read_some, &source, nullptr, &m));
    EXPECT_EQ(run(m), kHandedOn);
    tenon_model_release(m);
  }
  for (const size_t cut : {size_t{0}, size_t{100}, size_t{4096}, size_ - 1}) {
    Source source{secret.data(), cut, 5000};
    EXPECT_EQ(code_of(tenon_load_reader(read_some, &source, nullptr, &m)),
              cut == 0 ? "artifact.magic" : "artifact.truncated");
  }
  for (const int64_t answer : {int64_t{-1}, INT64_MIN, int64_t{1} << 40}) {
    Source source{secret.data(), secret.size(), 5000, answer};
    EXPECT_EQ(code_of(tenon_load_reader(read_some, &source, nullptr, &m)), "artifact.reader");
  }
  EXPECT_EQ(m, nullptr);
}

TEST_F(Load, a_model_for_another_cpu_is_refused_or_only_looked_at) {
  artifact::Model foreign = passing_model();
  foreign.needs = {"no_such_feature"};
  foreign.target = "another";
  ASSERT_TRUE(artifact::write(foreign, path_));
  tenon_model* m = nullptr;
  EXPECT_EQ(code_of(tenon_load(path_.c_str(), nullptr, &m)), "artifact.cpu");
  auto options = sized<tenon_load_options>();
  options.any_cpu = 1;
  ASSERT_OK(tenon_load(path_.c_str(), &options, &m));
  const ModelHandle model(m);
  auto info = sized<tenon_model_info>();
  ASSERT_OK(tenon_model_describe(m, &info));
  EXPECT_EQ(info.runs_here, 0);
  EXPECT_STREQ(info.features[0], "no_such_feature");
  tenon_instance* instance = nullptr;
  EXPECT_EQ(code_of(tenon_instance_create(m, nullptr, &instance)), "artifact.cpu");
}

TEST_F(Load, a_model_describes_itself) {
  artifact::Model tables = passing_model();
  tables.producer = "test";
  const ModelHandle model = model_of(tables);
  auto info = sized<tenon_model_info>();
  ASSERT_OK(tenon_model_describe(model.get(), &info));
  EXPECT_STREQ(info.name, "made");
  EXPECT_STREQ(info.producer, "test");
  EXPECT_STREQ(info.target, "x86-64-v3");
  EXPECT_STREQ(info.precision, "f32");
  EXPECT_EQ(info.feature_count, 0U);
  ASSERT_EQ(info.symbol_count, 1U);
  EXPECT_STREQ(info.symbols[0], "n");
  EXPECT_EQ(info.input_count, 1U);
  EXPECT_EQ(info.output_count, 1U);
  EXPECT_EQ(info.state_count, 0U);
  EXPECT_EQ(info.runs_here, 1);
  for (const auto get : {tenon_model_input, tenon_model_output}) {
    auto value = sized<tenon_value>();
    ASSERT_OK(get(model.get(), 0, &value));
    EXPECT_STREQ(value.name, get == tenon_model_input ? "x" : "y");
    EXPECT_EQ(value.type, TENON_F32);
    ASSERT_EQ(value.rank, 2);
    EXPECT_EQ(value.extents[0], -1);
    EXPECT_EQ(value.extents[1], 2);
    EXPECT_STREQ(value.axes[0], "n");
    EXPECT_STREQ(value.axes[1], "2");
    EXPECT_EQ(value.role, TENON_ROLE_IN);
    EXPECT_EQ(value.has_default, 0);
  }
  size_t index = 9;
  ASSERT_OK(tenon_find_output(model.get(), "y", &index));
  EXPECT_EQ(index, 0U);
}

TEST_F(Load, what_is_loaded_is_logged_to_who_asks) {
  std::string said;
  auto options = sized<tenon_load_options>();
  options.log_user = &said;
  options.log = [](void* user, int32_t level, const char* component, const char* text) {
    *static_cast<std::string*>(user) += std::to_string(level) + component + text;
  };
  tenon_model* m = nullptr;
  ASSERT_OK(tenon_load(path_.c_str(), &options, &m));
  tenon_model_release(m);
  EXPECT_EQ(said.find("1load'" + path_ + "'"), 0U) << said;
}

size_t resident_pages() {
  size_t size = 0;
  size_t resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident;
}

TEST_F(Load, memory_stays_flat_over_many_loads_and_shapes) {
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  GTEST_SKIP() << "a sanitizer keeps what is given back";
#endif
#endif
  const auto load = [&] {
    tenon_model* m = nullptr;
    ASSERT_OK(tenon_load(path_.c_str(), nullptr, &m));
    EXPECT_EQ(run(m), kHandedOn);
    tenon_model_release(m);
  };
  const ModelHandle model = model_of(runtime::two_kernels());
  const InstanceHandle instance = instance_of(model.get());
  const auto change = [&](int64_t round) {
    Floats x({1 + round * 37 % 61, 1 + round * 11 % 97}, 1);
    const tenon_tensor t = x.tensor();
    ASSERT_OK(tenon_bind_input(instance.get(), 0, &t));
    ASSERT_OK(tenon_run(instance.get()));
  };
  for (int i = 0; i < 100; ++i) load();
  for (int64_t i = 0; i < 6000; ++i) change(i);
  const size_t before = resident_pages();
  for (int i = 0; i < 1000; ++i) load();
  for (int64_t i = 0; i < 10000; ++i) change(i);
  EXPECT_LT(resident_pages(), before + 100);  // of 4 KB
}

}  // namespace
}  // namespace tenon::c_api
