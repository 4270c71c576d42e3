// Tenon from C++20: tenon.h with handles that release themselves, spans, and results in place of
// error pointers. Header only; nothing throws but where the standard library does for want of
// memory. What a function does and refuses stands in tenon.h.
//
//   tenon::Result<tenon::Model> model = tenon::load("digits.tenon");
//   if (!model) return complain(model.error().text());
//   tenon::Instance instance = model->instance().value();
//   instance.bind("image", tenon::View(std::span<const float>(pixels), {1, 64}));
//   if (tenon::Status done = instance.run(); !done) return complain(done.error().text());
//   std::span<const float> scores = instance.output(0)->elements<float>();
#ifndef TENON_TENON_HPP
#define TENON_TENON_HPP

#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "tenon/tenon.h"

namespace tenon {

// ---- errors

class Error {
 public:
  explicit Error(tenon_error* error) : error_(error) {}
  /// Of the first problem.
  [[nodiscard]] const char* code() const { return tenon_error_code(error_.get(), 0); }
  [[nodiscard]] const char* message() const { return tenon_error_message(error_.get(), 0); }
  /// All problems, one a line.
  [[nodiscard]] const char* text() const { return tenon_error_text(error_.get()); }
  [[nodiscard]] const char* location() const { return tenon_error_location(error_.get()); }
  [[nodiscard]] const tenon_error* get() const { return error_.get(); }

 private:
  struct Release {
    void operator()(tenon_error* e) const { tenon_error_release(e); }
  };
  std::unique_ptr<tenon_error, Release> error_;
};

/// A value, or why there is none. Taking the value of a refusal prints it and ends the program.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}                  // NOLINT: as std::expected
  Result(tenon_error* error) : error_(std::in_place, error) {}  // NOLINT
  Result(Error error) : error_(std::move(error)) {}              // NOLINT

  [[nodiscard]] bool has_value() const { return value_.has_value(); }
  explicit operator bool() const { return has_value(); }
  T& value() & { return check(), *value_; }
  const T& value() const& { return check(), *value_; }
  T&& value() && { return check(), std::move(*value_); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  [[nodiscard]] Error& error() { return *error_; }
  [[nodiscard]] const Error& error() const { return *error_; }

 private:
  void check() const {
    if (value_) return;
    std::fprintf(stderr, "tenon: the value of a refusal was taken: %s\n", error_->text());
    std::abort();
  }
  std::optional<T> value_;
  std::optional<Error> error_;
};

/// Success, or why not.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(tenon_error* error) {  // NOLINT
    if (error != nullptr) error_.emplace(error);
  }
  [[nodiscard]] bool has_value() const { return !error_; }
  explicit operator bool() const { return has_value(); }
  [[nodiscard]] Error& error() { return *error_; }
  [[nodiscard]] const Error& error() const { return *error_; }

 private:
  std::optional<Error> error_;
};

// ---- tensors

/// The element type of a C++ type; narrower floats have none, and are named in View's constructor.
template <class T>
constexpr tenon_type type_of() {
  using U = std::remove_cv_t<T>;
  if constexpr (std::is_same_v<U, bool>) return TENON_BOOL;
  if constexpr (std::is_same_v<U, float>) return TENON_F32;
  if constexpr (std::is_same_v<U, double>) return TENON_F64;
  if constexpr (std::is_integral_v<U> && std::is_signed_v<U>)
    return sizeof(U) == 1 ? TENON_I8 : sizeof(U) == 2 ? TENON_I16 : sizeof(U) == 4 ? TENON_I32 : TENON_I64;
  if constexpr (std::is_integral_v<U> && std::is_unsigned_v<U> && !std::is_same_v<U, bool>)
    return sizeof(U) == 1 ? TENON_U8 : sizeof(U) == 2 ? TENON_U16 : sizeof(U) == 4 ? TENON_U32 : TENON_U64;
  static_assert(std::is_arithmetic_v<U>, "no element type of Tenon");
}

/// A dense tensor in somebody's memory.
class View {
 public:
  template <class T>
  View(std::span<T> elements, std::vector<int64_t> shape)
      : View(type_of<T>(), elements.data(), elements.size_bytes(), std::move(shape)) {}
  /// Of any element type; `bytes` is what `data` points to.
  View(tenon_type type, const void* data, size_t bytes, std::vector<int64_t> shape)
      : type_(type), data_(const_cast<void*>(data)), bytes_(bytes), shape_(std::move(shape)) {}
  explicit View(const tenon_tensor& t)
      : View(t.type, t.data, t.bytes, std::vector<int64_t>(t.shape, t.shape + t.rank)) {}

  [[nodiscard]] tenon_type type() const { return type_; }
  [[nodiscard]] const std::vector<int64_t>& shape() const { return shape_; }
  [[nodiscard]] void* data() const { return data_; }
  [[nodiscard]] size_t bytes() const { return bytes_; }
  /// The elements; none where T is not their type.
  template <class T>
  [[nodiscard]] std::span<const T> elements() const {
    if (type_of<T>() != type_) return {};
    return {static_cast<const T*>(data_), bytes_ / sizeof(T)};
  }
  /// As C has it; it points into this view.
  [[nodiscard]] tenon_tensor get() const {
    tenon_tensor t{};
    t.struct_size = sizeof t;
    t.type = type_;
    t.rank = static_cast<int32_t>(shape_.size());
    t.shape = shape_.data();
    t.data = data_;
    t.bytes = bytes_;
    return t;
  }

 private:
  tenon_type type_;
  void* data_;
  size_t bytes_;
  std::vector<int64_t> shape_;
};

/// An input, output, state, or a value of a graph.
struct Value {
  std::string name;
  tenon_type type = TENON_F32;
  std::vector<int64_t> extents;   // -1 where runs may differ
  std::vector<std::string> axes;  // "3", "batch", "2 * n"
  int32_t role = TENON_ROLE_IN;
  bool has_default = false;

  explicit Value(const tenon_value& v)
      : name(v.name), type(v.type), role(v.role), has_default(v.has_default != 0) {
    for (int32_t i = 0; i < v.rank; ++i) {
      extents.push_back(v.extents[i]);
      axes.emplace_back(v.axes[i]);
    }
  }
};

// ---- handles

namespace detail {
template <auto Release>
struct Releaser {
  template <class T>
  void operator()(T* handle) const {
    Release(handle);
  }
};
template <class T, auto Release>
using Handle = std::unique_ptr<T, Releaser<Release>>;

template <class T>
T sized() {
  T t{};
  t.struct_size = sizeof t;
  return t;
}
}  // namespace detail

class Pool {
 public:
  explicit Pool(tenon_pool* pool) : pool_(pool) {}
  /// 0: the physical cores that the process may use.
  static Result<Pool> create(int32_t threads = 0) {
    auto options = detail::sized<tenon_pool_options>();
    options.threads = threads;
    tenon_pool* pool = nullptr;
    if (tenon_error* error = tenon_pool_create(&options, &pool)) return error;
    return Pool(pool);
  }
  [[nodiscard]] int32_t threads() const { return tenon_pool_threads(pool_.get()); }
  [[nodiscard]] tenon_pool* get() const { return pool_.get(); }

 private:
  detail::Handle<tenon_pool, tenon_pool_release> pool_;
};

class Instance {
 public:
  Instance(tenon_instance* instance, const tenon_model* model) : instance_(instance), model_(model) {}

  /// The memory is read by each run, and stays the caller's.
  Status bind(size_t input, const View& view) {
    const tenon_tensor t = view.get();
    return tenon_bind_input(get(), input, &t);
  }
  Status bind(const std::string& input, const View& view) {
    size_t index = 0;
    if (tenon_error* error = tenon_find_input(model_, input.c_str(), &index)) return error;
    return bind(index, view);
  }
  /// Memory that each run reads and changes.
  Status bind_inout(size_t input, const View& view) {
    const tenon_tensor t = view.get();
    return tenon_bind_inout(get(), input, &t);
  }
  template <class T>
  Status bind_output(size_t output, std::span<T> memory) {
    return tenon_bind_output(get(), output, memory.data(), memory.size_bytes());
  }
  Status run() { return tenon_run(get()); }
  Status warmup(size_t runs) { return tenon_warmup(get(), runs); }
  Status run_async(tenon_done done = nullptr, void* user = nullptr) {
    return tenon_run_async(get(), done, user);
  }
  Status wait() { return tenon_wait(get()); }
  Status cancel() { return tenon_cancel(get()); }
  Status set_deadline(uint64_t nanoseconds) { return tenon_set_deadline(get(), nanoseconds); }
  /// Of the last run; until something is bound or run.
  Result<View> output(size_t index) {
    auto t = detail::sized<tenon_tensor>();
    if (tenon_error* error = tenon_output(get(), index, &t)) return error;
    return View(t);
  }
  Result<View> output(const std::string& name) {
    size_t index = 0;
    if (tenon_error* error = tenon_find_output(model_, name.c_str(), &index)) return error;
    return output(index);
  }
  Result<View> state(size_t index) {
    auto t = detail::sized<tenon_tensor>();
    if (tenon_error* error = tenon_state(get(), index, &t)) return error;
    return View(t);
  }
  Status set_state(size_t index, const View& view) {
    const tenon_tensor t = view.get();
    return tenon_set_state(get(), index, &t);
  }
  Status reset_states() { return tenon_reset_states(get()); }
  /// Another one on the same threads, with copies of the states and nothing bound.
  Result<Instance> fork() {
    tenon_instance* copy = nullptr;
    if (tenon_error* error = tenon_instance_fork(get(), &copy)) return error;
    return Instance(copy, model_);
  }
  Result<uint64_t> memory() {
    uint64_t bytes = 0;
    if (tenon_error* error = tenon_instance_memory(get(), &bytes)) return error;
    return bytes;
  }
  /// Whether runs measure their steps from now on, from zero.
  Status profile(bool on) { return tenon_instance_profile(get(), on ? 1 : 0); }
  /// What was measured, for each step of the model; texts live as long as the instance.
  Result<std::vector<tenon_step>> steps() {
    size_t count = 0;
    if (tenon_error* error = tenon_instance_step_count(get(), &count)) return error;
    std::vector<tenon_step> all(count, detail::sized<tenon_step>());
    for (size_t i = 0; i < count; ++i)
      if (tenon_error* error = tenon_instance_step(get(), i, &all[i])) return error;
    return all;
  }
  [[nodiscard]] tenon_instance* get() const { return instance_.get(); }

 private:
  detail::Handle<tenon_instance, tenon_instance_release> instance_;
  const tenon_model* model_;  // for names; a Model outlives the calls that take names
};

class Model {
 public:
  explicit Model(tenon_model* model) : model_(model) {}

  /// Threads of its own: 0: the physical cores that the process may use.
  Result<Instance> instance(int32_t threads = 0) const {
    auto options = detail::sized<tenon_instance_options>();
    options.threads = threads;
    return instance(options);
  }
  Result<Instance> instance(const Pool& pool) const {
    auto options = detail::sized<tenon_instance_options>();
    options.pool = pool.get();
    return instance(options);
  }
  Result<Instance> instance(const tenon_instance_options& options) const {
    tenon_instance* made = nullptr;
    if (tenon_error* error = tenon_instance_create(get(), &options, &made)) return error;
    return Instance(made, get());
  }
  Status save(const char* path) const { return tenon_save(get(), path); }
  /// Its texts live as long as the model.
  [[nodiscard]] tenon_model_info info() const {
    auto info = detail::sized<tenon_model_info>();
    tenon_error_release(tenon_model_describe(get(), &info));
    return info;
  }
  [[nodiscard]] std::vector<Value> inputs() const { return values(tenon_model_input, info().input_count); }
  [[nodiscard]] std::vector<Value> outputs() const { return values(tenon_model_output, info().output_count); }
  [[nodiscard]] std::vector<Value> states() const { return values(tenon_model_state, info().state_count); }
  [[nodiscard]] tenon_model* get() const { return model_.get(); }

 private:
  template <class Get>
  [[nodiscard]] std::vector<Value> values(Get get_value, size_t count) const {
    std::vector<Value> all;
    for (size_t i = 0; i < count; ++i) {
      auto v = detail::sized<tenon_value>();
      tenon_error* const error = get_value(get(), i, &v);
      if (error == nullptr) all.emplace_back(v);
      tenon_error_release(error);
    }
    return all;
  }
  detail::Handle<tenon_model, tenon_model_release> model_;
};

inline Result<Model> load(const char* path, const tenon_load_options* options = nullptr) {
  tenon_model* model = nullptr;
  if (tenon_error* error = tenon_load(path, options, &model)) return error;
  return Model(model);
}
/// Bytes at a multiple of 64 are used in place, and have to outlive the model and its instances.
inline Result<Model> load(std::span<const std::byte> bytes,
                          const tenon_load_options* options = nullptr) {
  tenon_model* model = nullptr;
  if (tenon_error* error = tenon_load_memory(bytes.data(), bytes.size(), options, &model))
    return error;
  return Model(model);
}

}  // namespace tenon

#endif
