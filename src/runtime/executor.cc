#include "runtime/executor.h"

#include <algorithm>
#include <functional>

#include "runtime/execution.h"
#include "runtime/footprint.h"
#include "support/text.h"

namespace tenon::runtime {

using artifact::Input;

Executor::Executor(std::shared_ptr<const Model> model) : model_(std::move(model)) {
  for (const artifact::Output& o : model_->outputs()) output_dims_.emplace_back(o.dims.size());
  input_memory_.resize(model_->inputs().size());
  output_memory_.resize(model_->outputs().size());
  lent_.resize(model_->inputs().size());
}
Executor::~Executor() = default;

Result<std::unique_ptr<Executor>> Executor::create(std::shared_ptr<const Model> model,
                                                   int threads) {
  if (threads < 0 || threads > 4096)
    return fail("run.threads",
                cat("cannot run with ", threads, " threads; give 1 to 4096, or 0 for all cores"));
  // shared: with the executors of a caller that makes the pool itself
  return create(std::move(model),
                std::make_shared<ThreadPool>(threads == 0 ? default_threads() : threads));
}

Result<std::unique_ptr<Executor>> Executor::create(std::shared_ptr<const Model> model,
                                                   std::shared_ptr<ThreadPool> pool) {
  if (pool == nullptr) return fail("run.threads", "no pool of threads is given; make one");
  return create(std::move(model), Surroundings{std::move(pool), {}, {}});
}

Result<std::unique_ptr<Executor>> Executor::create(std::shared_ptr<const Model> model,
                                                   Surroundings around) {
  if (around.pool == nullptr) around.pool = std::make_shared<ThreadPool>(default_threads());
  TENON_TRY_VOID(model->runs_here());
  std::unique_ptr<Executor> executor(new Executor(std::move(model)));
  executor->execution_ = std::make_unique<Execution>(*executor->model_, std::move(around));
  TENON_TRY_VOID(executor->execution_->find_surroundings());
  TENON_TRY_VOID(executor->execution_->reset_states());
  return executor;
}

Result<std::unique_ptr<Executor>> Executor::fork() const {
  TENON_TRY(auto other, create(model_, execution_->surroundings()));
  TENON_TRY_VOID(other->copy_states(*this));
  return other;
}

int Executor::threads() const { return execution_->threads(); }

Status Executor::set_input(std::string_view name, const TensorView& value) {
  for (size_t i = 0; i < model_->inputs().size(); ++i)
    if (model_->inputs()[i].name == name) return set_input(i, value);
  TENON_TRY(const size_t index, model_->find_input(name));
  return set_input(index, value);
}

Status Executor::check_place(size_t index, DType dtype, std::span<const int64_t> dims) const {
  if (index >= model_->inputs().size())
    return fail("run.input_name", cat("the model has ", model_->inputs().size(),
                                      " inputs; there is no input ", index));
  const Input& in = model_->inputs()[index];
  if (in.role == artifact::InputRole::constant && has_run_)
    return fail("run.role",
                cat("input '", in.name, "' is const: it keeps its value; make another executor"));
  return model_->check_input(index, dtype, dims);
}

Status Executor::set_inout(std::string_view name, DType dtype, std::span<const int64_t> dims,
                           void* data) {
  TENON_TRY(const size_t index, model_->find_input(name));
  return set_inout(index, dtype, dims, data);
}

Status Executor::set_inout(size_t index, DType dtype, std::span<const int64_t> dims, void* data) {
  TENON_TRY_VOID(check_place(index, dtype, dims));
  if (model_->inputs()[index].role != artifact::InputRole::inout)
    return fail("run.role", cat("input '", model_->inputs()[index].name,
                                "' is not inout in the model; give it with set_input"));
  if (execution_->set_inout(index, dims, data)) shapes_checked_ = false;
  replace_memory(input_memory_[index],
                 {static_cast<const std::byte*>(data), TensorView{dtype, dims, data}.bytes()});
  lent_[index] = true;
  return {};
}

TensorView Executor::state(size_t index) const { return execution_->state(index); }

Status Executor::set_state(std::string_view name, const TensorView& value) {
  TENON_TRY(const size_t index, model_->find_state(name));
  return set_state(index, value);
}

Status Executor::set_state(size_t index, const TensorView& value) {
  if (index >= state_count())
    return fail("run.state_name",
                cat("the model has ", state_count(), " states; there is no state ", index));
  const artifact::State& row = model_->tables().states[index];
  if (value.dtype != row.dtype || value.dims.size() != row.dims.size())
    return fail("run.state", cat("state '", row.name, "' takes ", artifact::info(row.dtype).name,
                                 " of ", row.dims.size(), " axes, not ",
                                 artifact::info(value.dtype).name, " of ", value.dims.size()));
  return execution_->set_state(index, value);
}

Status Executor::reset_states() { return execution_->reset_states(); }

Status Executor::copy_states(const Executor& from) {
  if (from.model_ != model_)
    return fail("run.state", "states are copied between executors of one model");
  for (size_t i = 0; i < state_count(); ++i)
    TENON_TRY_VOID(execution_->set_state(i, from.state(i)));
  return {};
}

Status Executor::set_strided_input(std::string_view name, const StridedView& value) {
  TENON_TRY(const size_t index, model_->find_input(name));
  return set_strided_input(index, value);
}

Status Executor::set_strided_input(size_t index, const StridedView& value) {
  TENON_TRY_VOID(check_place(index, value.dtype, value.dims));
  const std::string& name = model_->inputs()[index].name;
  if (value.strides.size() != value.dims.size())
    return fail("run.strides", cat("input '", name, "' has ", value.dims.size(), " axes and ",
                                   value.strides.size(), " strides; give one for each axis"));
  const std::optional<ByteRange> range = byte_range(value);
  const auto address = [](const void* p) {
    return static_cast<int64_t>(reinterpret_cast<uintptr_t>(p));
  };
  const int64_t before = address(value.data) - address(value.memory.data());
  const int64_t behind = static_cast<int64_t>(value.memory.size()) - before;
  if (!range || (!value.memory.empty() && (range->begin < -before || range->end > behind)))
    return fail("run.strides", cat("input '", name, "' of shape ", shape_text(value.dims),
                                   " with strides ", shape_text(value.strides),
                                   " reaches outside its memory; correct strides or start"));
  const bool changes = model_->inputs()[index].role == artifact::InputRole::inout;
  if (is_dense(value) && !changes)
    return set_input(index, TensorView{value.dtype, value.dims, value.data});
  lent_[index] = false;
  TENON_TRY(const bool changed, execution_->set_strided_input(index, value));
  if (changed) shapes_checked_ = false;
  replace_memory(input_memory_[index], {static_cast<const std::byte*>(value.data) + range->begin,
                                        static_cast<size_t>(range->end - range->begin)});
  return {};
}

Status Executor::set_input(size_t index, const TensorView& value) {
  TENON_TRY_VOID(check_place(index, value.dtype, value.dims));
  if (model_->inputs()[index].role == artifact::InputRole::inout) {
    std::vector<int64_t> strides(value.dims.size(), 1);
    for (size_t d = strides.size(); d-- > 1;) strides[d - 1] = strides[d] * value.dims[d];
    return set_strided_input(index, {value.dtype, value.dims, strides, value.data});
  }
  if (execution_->set_input(index, value)) shapes_checked_ = false;
  replace_memory(input_memory_[index], {static_cast<const std::byte*>(value.data), value.bytes()});
  return {};
}

Status Executor::set_output(std::string_view name, std::span<std::byte> memory) {
  TENON_TRY(const size_t index, model_->find_output(name));
  return set_output(index, memory);
}

Status Executor::set_output(size_t index, std::span<std::byte> memory) {
  if (index >= output_count())
    return fail("run.output_name",
                cat("the model has ", output_count(), " outputs; there is no output ", index));
  const artifact::Output& out = model_->outputs()[index];
  const size_t alignment = artifact::info(out.dtype).element_bytes;
  if (reinterpret_cast<uintptr_t>(memory.data()) % alignment != 0)
    return fail("run.output_memory",
                cat("the memory for output '", out.name, "' is not aligned to its elements of ",
                    alignment, " bytes; align it"));
  execution_->set_output(index, memory);
  replace_memory(output_memory_[index], memory);
  return {};
}

void Executor::replace_memory(std::span<const std::byte>& known, std::span<const std::byte> now) {
  if (known.data() == now.data() && known.size() == now.size()) return;
  known = now;
  memory_checked_ = false;
}

Status Executor::check_overlaps() const {
  const auto overlap = [](std::span<const std::byte> a, std::span<const std::byte> b) {
    const std::less<const std::byte*> before;
    return !a.empty() && !b.empty() && before(a.data(), b.data() + b.size()) &&
           before(b.data(), a.data() + a.size());
  };
  const auto refuse = [&](size_t output, std::string_view what, std::string_view name) {
    return fail("run.overlap",
                cat("the memory for output '", model_->outputs()[output].name,
                    "' overlaps that of ", what, " '", name, "'; give each its own"));
  };
  for (size_t i = 0; i < input_memory_.size(); ++i)
    for (size_t j = 0; j < input_memory_.size(); ++j)
      if (i != j && lent_[i] && overlap(input_memory_[i], input_memory_[j]))
        return fail("run.overlap", cat("the memory of inout parameter '", model_->inputs()[i].name,
                                       "' overlaps that of input '", model_->inputs()[j].name,
                                       "'; give each its own"));
  for (size_t o = 0; o < output_memory_.size(); ++o) {
    for (size_t i = 0; i < input_memory_.size(); ++i)
      if (overlap(output_memory_[o], input_memory_[i]))
        return refuse(o, "input", model_->inputs()[i].name);
    for (size_t other = 0; other < o; ++other)
      if (overlap(output_memory_[o], output_memory_[other]))
        return refuse(o, "output", model_->outputs()[other].name);
  }
  return {};
}

Status Executor::check_inputs() const {
  for (size_t i = 0; i < model_->inputs().size(); ++i) {
    const Input& in = model_->inputs()[i];
    if (!execution_->set[i])
      return fail("run.missing_input", cat("input '", in.name, "' (", artifact::info(in.dtype).name,
                                           ", ", input_shape_text(in), ") has no value"));
  }
  return model_->check_symbols(execution_->dims);
}

Result<std::vector<int64_t>> Executor::expected_shape(size_t output) const {
  TENON_TRY_VOID(check_inputs());
  return output_shape(*model_, execution_->dims, output);
}

Status Executor::run(const Limits& limits) {
  if (!shapes_checked_) {
    TENON_TRY_VOID(check_inputs());
    shapes_checked_ = true;
  }
  if (!memory_checked_) {
    TENON_TRY_VOID(check_overlaps());
    memory_checked_ = true;
  }
  has_run_ = true;
  TENON_TRY_VOID(execution_->run(limits));
  for (size_t i = 0; i < output_dims_.size(); ++i)
    for (size_t d = 0; d < output_dims_[i].size(); ++d)
      output_dims_[i][d] = execution_->registers[model_->outputs()[i].dims[d].reg];
  return {};
}

TensorView Executor::output(size_t index) const {
  const artifact::Output& o = model_->outputs()[index];
  return {o.dtype, output_dims_[index], execution_->output(index)};
}

void Executor::profile(Profiling what) {
  execution_->profiling = what != Profiling::off;
  if (what != Profiling::off)
    execution_->profile = std::make_unique<Profile>(model_->tables().steps.size(), threads(),
                                                    what == Profiling::events);
}

const Profile* Executor::measured() const { return execution_->profile.get(); }

std::vector<StepTime> Executor::kernel_times() const {
  const artifact::Model& tables = model_->tables();
  std::vector<StepTime> sums(tables.kernels.size());
  if (execution_->profile == nullptr) return sums;
  const std::span<const StepTime> times = execution_->profile->times();
  for (size_t i = 0; i < times.size(); ++i) {
    const artifact::Step& s = tables.steps[i];
    if (s.kind != artifact::StepKind::launch) continue;
    const artifact::Step* before = i == 0 ? nullptr : &tables.steps[i - 1];
    const bool same_call =
        before != nullptr && before->kind == artifact::StepKind::launch && before->a == s.a;
    sums[s.e].seconds += times[i].seconds;
    sums[s.e].calls += same_call ? 0 : times[i].calls;
  }
  return sums;
}

int64_t Executor::kernel_flops(size_t kernel) const {
  const uint32_t reg = model_->tables().kernels[kernel].flops;
  return reg == artifact::kNone ? 0 : execution_->registers[reg];
}
int64_t Executor::kernel_bytes(size_t kernel) const {
  const uint32_t reg = model_->tables().kernels[kernel].bytes;
  return reg == artifact::kNone ? 0 : execution_->registers[reg];
}
int64_t Executor::size_value(uint32_t reg) const { return execution_->registers[reg]; }
uint64_t Executor::memory_bytes() const { return execution_->memory_bytes(); }

}  // namespace tenon::runtime
