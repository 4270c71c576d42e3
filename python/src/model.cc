#include "model.h"

#include <nanobind/stl/string.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

namespace tenon_python {
namespace {

std::vector<Value> values_of(const tenon_model* model, size_t count,
                             tenon_error* (*describe)(const tenon_model*, size_t, tenon_value*)) {
  std::vector<Value> all;
  for (size_t i = 0; i < count; ++i) {
    auto value = empty<tenon_value>();
    check(describe(model, i, &value));
    all.emplace_back(value);
  }
  return all;
}

nb::dict indices_of(const std::vector<Value>& values) {
  nb::dict all;
  for (size_t i = 0; i < values.size(); ++i) all[nb::str(values[i].name.c_str())] = i;
  return all;
}

/// -1 where the name is none.
Py_ssize_t find(const nb::dict& names, nb::handle name) {
  PyObject* index = PyDict_GetItemWithError(names.ptr(), name.ptr());  // borrowed: names stay
  if (index == nullptr && PyErr_Occurred() != nullptr) throw nb::python_error();
  return index == nullptr ? -1 : PyLong_AsSsize_t(index);
}

std::string text_of(nb::handle name) {
  if (!nb::isinstance<nb::str>(name)) throw nb::type_error("names of inputs and outputs are str");
  return nb::cast<std::string>(name);
}

std::string shape_text(const int64_t* shape, size_t rank) {
  std::string all = "(";
  for (size_t d = 0; d < rank; ++d) all += (d == 0 ? "" : ", ") + std::to_string(shape[d]);
  return all + ")";
}

void copy_states(size_t count, tenon_instance* from, tenon_instance* to) {
  for (size_t i = 0; i < count; ++i) {
    auto value = empty<tenon_tensor>();
    tenon_error* error = tenon_state(from, i, &value);
    if (error == nullptr) {
      check(tenon_set_state(to, i, &value));
      continue;
    }
    tenon_error_release(error);
    check(tenon_reset_states(to));
    if (PyErr_WarnEx(PyExc_UserWarning,
                     "the process was forked during a run; in the child, states of the model start "
                     "from their beginning",
                     1) != 0)
      throw nb::python_error();
    return;
  }
}

}  // namespace

/// The right to an instance for the time of a run.
class Turn {
 public:
  explicit Turn(Model& model) : runners_(model.runners()) {
    if (!model.states_.empty()) {
      lock_ = std::unique_lock(runners_.turn, std::try_to_lock);
      if (!lock_.owns_lock()) {
        const nb::gil_scoped_release released;
        lock_.lock();
      }
    }
    {
      const std::lock_guard lock(runners_.mutex);
      if (!runners_.idle.empty()) {
        runner_ = std::move(runners_.idle.back());
        runners_.idle.pop_back();
      }
    }
    if (runner_ == nullptr) runner_ = model.new_runner();
  }
  ~Turn() {
    const std::lock_guard lock(runners_.mutex);
    runners_.idle.push_back(std::move(runner_));
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  Runner& runner() { return *runner_; }
  void replace(std::unique_ptr<Runner> runner) { runner_ = std::move(runner); }

 private:
  Runners& runners_;
  std::unique_lock<std::mutex> lock_;
  std::unique_ptr<Runner> runner_;
};

namespace {

std::unique_ptr<Runner> runner_of(InstanceHandle instance, size_t inputs) {
  auto runner = std::make_unique<Runner>();
  runner->instance = std::move(instance);
  runner->bound.resize(inputs);
  return runner;
}

std::unique_ptr<Runner> fork_of(const Runner& runner) {
  tenon_instance* copy = nullptr;
  check(tenon_instance_fork(runner.instance.get(), &copy));
  return runner_of(InstanceHandle(copy), runner.bound.size());
}

}  // namespace

void run_released(tenon_instance* instance) {
  tenon_error* error = nullptr;
  {
    const nb::gil_scoped_release released;
    error = tenon_run(instance);
  }
  check(error);
}

nb::object read_state(const Model& model, tenon_instance* instance, const std::string& name) {
  size_t index = 0;
  check(tenon_find_state(model.handle(), name.c_str(), &index));
  auto value = empty<tenon_tensor>();
  check(tenon_state(instance, index, &value));
  return copy_of(value);
}

void write_state(const Model& model, tenon_instance* instance, const std::string& name,
                 nb::handle value) {
  size_t index = 0;
  check(tenon_find_state(model.handle(), name.c_str(), &index));
  Array array(value, "state '" + name + "'", Array::Use::read);
  array.read_bits_as(model.states()[index].type);
  check(tenon_set_state(instance, index, &array.tensor()));
}

Model::Model(ModelHandle model, std::shared_ptr<Pool> pool)
    : model_(std::move(model)), pool_(std::move(pool)), info_(empty<tenon_model_info>()) {
  check(tenon_model_describe(model_.get(), &info_));
  inputs_ = values_of(model_.get(), info_.input_count, tenon_model_input);
  outputs_ = values_of(model_.get(), info_.output_count, tenon_model_output);
  states_ = values_of(model_.get(), info_.state_count, tenon_model_state);
  input_names_ = indices_of(inputs_);
  output_names_ = indices_of(outputs_);
  for (const Value& o : outputs_) makers_.emplace_back(o.type);
}

Model::~Model() {
  // What a parent process made stays: its release would wait for threads that a child lacks.
  if (runners_ != nullptr && runners_->process == getpid()) delete runners_;
}

size_t Model::input_index(nb::handle name) const {
  if (const Py_ssize_t index = find(input_names_, name); index >= 0)
    return static_cast<size_t>(index);
  size_t index = 0;
  check(tenon_find_input(model_.get(), text_of(name).c_str(), &index));
  return index;
}

size_t Model::output_index(nb::handle name) const {
  if (const Py_ssize_t index = find(output_names_, name); index >= 0)
    return static_cast<size_t>(index);
  size_t index = 0;
  check(tenon_find_output(model_.get(), text_of(name).c_str(), &index));
  return index;
}

Runners& Model::runners() {
  Runners* before = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (runners_ != nullptr && runners_->process == getpid()) return *runners_;
    before = runners_;
    runners_ = new Runners;
    runners_->process = getpid();
  }
  // Behind a fork, the values of states are still there.
  if (before != nullptr && !states_.empty())
    runners_->idle.push_back(
        runner_after_fork(before->idle.empty() ? nullptr : before->idle.back()->instance.get()));
  return *runners_;
}

std::unique_ptr<Runner> Model::new_runner() {
  auto options = empty<tenon_instance_options>();
  options.pool = pool_->get();
  tenon_instance* made = nullptr;
  check(tenon_instance_create(model_.get(), &options, &made));
  return runner_of(InstanceHandle(made), inputs_.size());
}

std::unique_ptr<Runner> Model::runner_after_fork(tenon_instance* before) {
  auto runner = new_runner();
  copy_states(states_.size(), before, runner->instance.get());
  return runner;
}

std::unique_ptr<Runner> Model::fork_runner() {
  if (states_.empty()) return new_runner();
  Turn turn(*this);
  return fork_of(turn.runner());
}

bool Model::suits(const Runner& runner, const Objects& inputs) const {
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].is_valid()) {
      if (runner.bound[i]) return false;  // a default, or an error, and no array of a run before
      continue;
    }
    if (inputs_[i].role != TENON_ROLE_CONST) continue;
    const auto kept = runner.constant.find(i);
    if (kept != runner.constant.end() && !kept->second.object().is(inputs[i])) return false;
  }
  return true;
}

Array Model::bind_input(Runner& runner, size_t index, nb::handle object) const {
  const Value& input = inputs_[index];
  const bool changes = input.role == TENON_ROLE_INOUT;
  Array array(object, "input '" + input.name + "'", changes ? Array::Use::write : Array::Use::read);
  if (array.tensor().type != input.type) array.read_bits_as(input.type);
  check((changes ? tenon_bind_inout : tenon_bind_input)(runner.instance.get(), index,
                                                        &array.tensor()));
  runner.bound[index] = true;
  return array;
}

void Model::check_shape(size_t output, const Array& array, const int64_t* shape) const {
  const tenon_tensor& t = array.tensor();
  const auto rank = static_cast<size_t>(t.rank);
  if (rank == outputs_[output].extents.size() && std::equal(t.shape, t.shape + rank, shape)) return;
  throw nb::value_error(("output '" + outputs_[output].name + "' has shape " +
                         shape_text(shape, outputs_[output].extents.size()) +
                         ", and the array for it " + shape_text(t.shape, rank))
                            .c_str());
}

Array Model::bind_output(Runner& runner, size_t index, nb::handle object,
                         const std::vector<int64_t>* shape) const {
  const Value& output = outputs_[index];
  const std::string what = "the array for output '" + output.name + "'";
  Array array(object, what, Array::Use::write);
  if (array.tensor().type != output.type) array.read_bits_as(output.type);
  if (array.tensor().type != output.type)
    throw nb::type_error((what + " is " + tenon_type_name(array.tensor().type) +
                          ", and the output " + tenon_type_name(output.type))
                             .c_str());
  if (array.tensor().strides != nullptr)
    throw nb::value_error((what + " is not contiguous; pass one that is").c_str());
  if (shape != nullptr) check_shape(index, array, shape->data());
  check(tenon_bind_output(runner.instance.get(), index, array.tensor().data, array.bytes()));
  return array;
}

nb::object Model::bind_new_output(Runner& runner, size_t index, const std::vector<int64_t>& shape) {
  NewArray made = makers_[index].make(shape.data(), shape.size());
  check(tenon_bind_output(runner.instance.get(), index, made.data, made.bytes));
  return std::move(made.array);
}

bool Model::expected_shape(Runner& runner, size_t output, std::vector<int64_t>& shape) const {
  shape = outputs_[output].extents;
  if (std::find(shape.begin(), shape.end(), -1) == shape.end()) return true;
  auto rank = static_cast<int32_t>(shape.size());
  tenon_error* error = tenon_output_shape(runner.instance.get(), output, shape.data(), rank, &rank);
  if (error != nullptr && std::string_view(tenon_error_code(error, 0)) == "run.output_shape") {
    tenon_error_release(error);
    return false;
  }
  check(error);
  return true;
}

nb::object Model::copy_output(Runner& runner, size_t index) const {
  auto result = empty<tenon_tensor>();
  check(tenon_output(runner.instance.get(), index, &result));
  return copy_of(result);
}

Model::Objects Model::run_with(const Objects& inputs, const Objects& out) {
  Turn turn(*this);
  if (!suits(turn.runner(), inputs)) turn.replace(fork_of(turn.runner()));
  Runner& runner = turn.runner();
  std::vector<Array> kept;
  kept.reserve(inputs.size() + outputs_.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].is_valid() || runner.constant.count(i) != 0) continue;
    Array array = bind_input(runner, i, inputs[i]);
    if (inputs_[i].role == TENON_ROLE_CONST) {
      runner.constant.emplace(i, std::move(array));
    } else {
      kept.push_back(std::move(array));
    }
  }
  Objects results(outputs_.size());
  std::vector<std::pair<size_t, size_t>> unsure;  // outputs, and their arrays' places in `kept`
  std::vector<int64_t> shape;
  for (size_t o = 0; o < outputs_.size(); ++o) {
    const bool known = expected_shape(runner, o, shape);
    if (o < out.size() && out[o].is_valid()) {
      if (!known) unsure.emplace_back(o, kept.size());
      kept.push_back(bind_output(runner, o, out[o], known ? &shape : nullptr));
      results[o] = out[o];
    } else if (known) {
      results[o] = bind_new_output(runner, o, shape);
    } else {
      check(tenon_bind_output(runner.instance.get(), o, nullptr, 0));
    }
  }
  run_released(runner.instance.get());
  for (const auto& [o, place] : unsure) {
    auto result = empty<tenon_tensor>();
    check(tenon_output(runner.instance.get(), o, &result));
    check_shape(o, kept[place], result.shape);
  }
  for (size_t o = 0; o < results.size(); ++o)
    if (!results[o].is_valid()) results[o] = copy_output(runner, o);
  return results;
}

nb::object Model::call(nb::args args, nb::kwargs kwargs) {
  if (args.size() > inputs_.size())
    throw nb::type_error(("the model takes " + std::to_string(inputs_.size()) + " inputs, and " +
                          std::to_string(args.size()) + " are given")
                             .c_str());
  Objects inputs(inputs_.size());
  for (size_t i = 0; i < args.size(); ++i) inputs[i] = nb::borrow(args[i]);
  for (const auto& [name, value] : kwargs) {
    nb::object& input = inputs[input_index(name)];
    if (input.is_valid())
      throw nb::type_error(("input '" + text_of(name) + "' is given twice").c_str());
    input = nb::borrow(value);
  }
  Objects results = run_with(inputs, {});
  if (results.size() == 1) return std::move(results[0]);
  nb::list all;
  for (nb::object& r : results) all.append(std::move(r));
  return nb::tuple(all);
}

nb::dict Model::run(nb::dict inputs, nb::object out) {
  Objects given(inputs_.size());
  for (const auto& [name, value] : inputs) given[input_index(name)] = nb::borrow(value);
  Objects memory(outputs_.size());
  if (!out.is_none() && !nb::isinstance<nb::dict>(out))
    throw nb::type_error("out is a dict of arrays by name");
  if (!out.is_none())
    for (const auto& [name, value] : nb::cast<nb::dict>(out))
      memory[output_index(name)] = nb::borrow(value);
  Objects results = run_with(given, memory);
  nb::dict all;
  for (size_t o = 0; o < results.size(); ++o) all[nb::str(outputs_[o].name.c_str())] = results[o];
  return all;
}

void Model::save(nb::object path) const {
  const nb::bytes to = path_bytes(path);
  tenon_error* error = nullptr;
  {
    const nb::gil_scoped_release released;
    error = tenon_save(model_.get(), to.c_str());
  }
  check(error);
}

nb::object Model::state(const std::string& name) {
  Turn turn(*this);
  return read_state(*this, turn.runner().instance.get(), name);
}

void Model::set_state(const std::string& name, nb::object value) {
  Turn turn(*this);
  write_state(*this, turn.runner().instance.get(), name, value);
}

void Model::reset() {
  Turn turn(*this);
  check(tenon_reset_states(turn.runner().instance.get()));
}

std::string Model::repr() const {
  std::string all = "<tenon.Model '" + std::string(info_.name) + "' (";
  for (size_t i = 0; i < inputs_.size(); ++i) all += (i == 0 ? "" : ", ") + inputs_[i].text();
  all += ") -> (";
  for (size_t i = 0; i < outputs_.size(); ++i) all += (i == 0 ? "" : ", ") + outputs_[i].text();
  return all + ") for " + info_.target + ">";
}

}  // namespace tenon_python
