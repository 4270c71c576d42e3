#include "bound.h"

#include <unistd.h>

namespace tenon_python {

Bound::Bound(nb::object model, const nb::dict& inputs, const nb::dict& outputs)
    : owner_(std::move(model)), model_(nb::cast<Model&>(owner_)), process_(getpid()) {
  inputs_.resize(model_.inputs().size());
  outputs_.resize(model_.outputs().size());
  for (const auto& [name, value] : inputs) inputs_[model_.input_index(name)] = nb::borrow(value);
  for (const auto& [name, value] : outputs) outputs_[model_.output_index(name)] = nb::borrow(value);
  own_.resize(outputs_.size());
  runner_ = model_.fork_runner();
  bind();
}

Bound::~Bound() {
  if (process_ == getpid()) return;
  [[maybe_unused]] const Runner* left = runner_.release();  // see Model::~Model
}

void Bound::bind() {
  kept_.clear();
  for (size_t i = 0; i < inputs_.size(); ++i)
    if (inputs_[i].is_valid()) kept_.push_back(model_.bind_input(*runner_, i, inputs_[i]));
  bool all_bound = true;
  std::vector<int64_t> shape;
  for (size_t o = 0; o < outputs_.size(); ++o) {
    const bool known = model_.expected_shape(*runner_, o, shape);
    own_[o] = !known && !outputs_[o].is_valid();
    all_bound = all_bound && !own_[o];
    if (own_[o]) continue;
    if (outputs_[o].is_valid()) {
      if (!known)
        throw nb::value_error(("only a run tells the shape of output '" + model_.outputs()[o].name +
                               "'; bind no array to it")
                                  .c_str());
      kept_.push_back(model_.bind_output(*runner_, o, outputs_[o], &shape));
    } else {
      outputs_[o] = model_.bind_new_output(*runner_, o, shape);
    }
  }
  result_ = all_bound ? collect() : nb::object();
}

nb::object Bound::collect() {
  nb::list all;
  for (size_t o = 0; o < outputs_.size(); ++o)
    all.append(own_[o] ? model_.copy_output(*runner_, o) : outputs_[o]);
  if (outputs_.size() == 1) return nb::object(all[0]);
  return nb::tuple(all);
}

tenon_instance* Bound::instance() {
  if (process_ != getpid()) {
    const Runner* before = runner_.release();  // see Model::~Model
    runner_ = model_.runner_after_fork(before->instance.get());
    process_ = getpid();
    bind();
  }
  return runner_->instance.get();
}

nb::object Bound::call() {
  tenon_instance* const own = instance();
  for (Array& array : kept_) array.refresh();
  run_released(own);
  return result_.is_valid() ? result_ : collect();
}

void Bound::warmup(size_t runs) {
  tenon_error* error = nullptr;
  tenon_instance* const mine = instance();
  {
    const nb::gil_scoped_release released;
    error = tenon_warmup(mine, runs);
  }
  check(error);
}

nb::object Bound::state(const std::string& name) { return read_state(model_, instance(), name); }

void Bound::set_state(const std::string& name, nb::handle value) {
  write_state(model_, instance(), name, value);
}

void Bound::reset() { check(tenon_reset_states(instance())); }

}  // namespace tenon_python
