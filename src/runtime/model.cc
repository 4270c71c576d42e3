#include "runtime/model.h"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>

#include "runtime/tensor.h"
#include "support/number_range.h"
#include "support/text.h"

namespace tenon::runtime {

Result<std::shared_ptr<const Model>> Model::open(const std::string& path,
                                                 const artifact::ReadOptions& options) {
  TENON_TRY(artifact::Model model, artifact::read(path, options));
  return from(std::move(model), options.check_cpu);
}

Result<std::shared_ptr<const Model>> Model::from(artifact::Model model, bool check_cpu) {
  TENON_TRY_VOID(artifact::validate(model));
  std::shared_ptr<Model> ready(new Model);
  ready->runs_here_ = artifact::check_cpu(model, model.name);
  if (check_cpu) TENON_TRY_VOID(ready->runs_here_);
  ready->model_ = std::move(model);
  TENON_TRY_VOID(ready->map_code());
  ready->index_slots();
  ready->find_data_sizes();
  if (std::getenv("TENON_PERF_MAP") != nullptr) ready->write_perf_map();
  return ready;
}

Status Model::map_code() {
  if (!model_.functions.empty()) {
    functions_ = model_.functions;
    return {};
  }
  if (model_.code.empty()) return {};
  TENON_TRY(code_, ExecutableMemory::of(model_.code));
  functions_.reserve(model_.entries.size());
  for (const artifact::Entry& e : model_.entries)
    functions_.push_back(code_->function<KernelFn>(e.offset));
  return {};
}

void Model::index_slots() {
  const size_t stages = model_.stages.size();
  std::vector<uint32_t> stage_of_block(model_.blocks.size());
  for (uint32_t s = 0; s < stages; ++s)
    for (uint32_t b = 0; b < model_.stages[s].blocks; ++b)
      stage_of_block[model_.stages[s].first_block + b] = s;
  first_slot_.assign(stages + 1, 0);
  const auto arena = [](const artifact::Slot& s) { return s.kind == artifact::SlotKind::arena; };
  for (const artifact::Slot& s : model_.slots)
    if (arena(s)) ++first_slot_[stage_of_block[s.index] + 1];
  for (size_t s = 0; s < stages; ++s) first_slot_[s + 1] += first_slot_[s];
  arena_slots_.resize(first_slot_[stages]);
  std::vector<uint32_t> next(first_slot_.begin(), first_slot_.end() - 1);
  for (uint32_t i = 0; i < model_.slots.size(); ++i)
    if (arena(model_.slots[i])) arena_slots_[next[stage_of_block[model_.slots[i].index]]++] = i;
}

void Model::find_data_sizes() {
  data_sized_.assign(model_.registers.size(), false);
  for (size_t s = 1; s < model_.stages.size(); ++s) {
    const artifact::Stage& stage = model_.stages[s];
    for (const artifact::SizeOp& op : std::span(model_.size_ops).subspan(stage.first_op, stage.ops))
      if (op.code != artifact::SizeOpCode::check) data_sized_[op.dst] = true;
  }
}

std::string input_shape_text(const artifact::Input& input) {
  if (input.dims.empty()) return "scalar";
  std::string out;
  for (const artifact::InputDim& d : input.dims) out += (out.empty() ? "" : "x") + d.text;
  return out;
}

Status Model::check_input(size_t index, DType dtype, std::span<const int64_t> dims) const {
  const artifact::Input& in = inputs()[index];
  if (dtype != in.dtype)
    return fail("run.dtype",
                cat("input '", in.name, "' has element type ", artifact::info(dtype).name,
                    ", the model takes ", artifact::info(in.dtype).name, "; convert it before"));
  if (dims.size() != in.dims.size())
    return fail("run.rank",
                cat("input '", in.name, "' has shape ", shape_text(dims), ", the model takes ",
                    input_shape_text(in), ": ", in.dims.size(), " axes instead of ", dims.size()));
  for (size_t d = 0; d < in.dims.size(); ++d) {
    if (dims[d] >= 0 && (in.dims[d].extent < 0 || in.dims[d].extent == dims[d])) continue;
    return fail("run.extent",
                cat("input '", in.name, "' has shape ", shape_text(dims), ", the model takes ",
                    input_shape_text(in), ": axis ", d, " must be ", in.dims[d].text));
  }
  const bool small = std::all_of(dims.begin(), dims.end(), [](int64_t d) {
    return static_cast<double>(d) <= kExtentRange.most;
  });
  if (!small || tensor_bytes(dtype, dims) < 0)
    return fail("run.extent",
                cat("input '", in.name, "' of shape ", shape_text(dims), " is too large"));
  return {};
}

Status Model::check_symbols(std::span<const std::vector<int64_t>> dims) const {
  struct First {
    const artifact::Input* input = nullptr;
    int64_t extent = 0;
  };
  std::vector<First> first(model_.symbols.size());
  for (size_t i = 0; i < inputs().size(); ++i) {
    const artifact::Input& in = inputs()[i];
    for (size_t d = 0; d < in.dims.size(); ++d) {
      if (in.dims[d].symbol == artifact::kNone) continue;
      const int64_t extent = dims[i][d];
      const std::string& symbol = model_.symbols[in.dims[d].symbol];
      First& f = first[in.dims[d].symbol];
      if (f.input == nullptr) f = {&in, extent};
      if (f.extent != extent)
        return fail("run.symbol", cat("input '", in.name, "': axis ", d, " ('", symbol, "') is ",
                                      extent, ", but input '", f.input->name, "' gives '", symbol,
                                      "' the value ", f.extent));
    }
  }
  return {};
}

namespace {

/// The row of that name, or an error with the nearest one.
template <class Row>
Result<size_t> find_row(const std::vector<Row>& rows, std::string_view name, std::string_view what,
                        const char* code) {
  std::vector<std::string> known;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].name == name) return i;
    known.push_back(rows[i].name);
  }
  const std::string_view near = closest_name(name, known);
  std::string names;
  for (const std::string& k : known) names += (names.empty() ? "" : ", ") + k;
  return fail(code, cat("the model has no ", what, " '", name, "'",
                        known.empty()  ? cat("; it has no ", what, "s")
                        : near.empty() ? cat("; its ", what, "s are: ", names)
                                       : cat("; did you mean '", near, "'?")));
}

}  // namespace

Result<size_t> Model::find_input(std::string_view name) const {
  return find_row(model_.inputs, name, "input", "run.input_name");
}

Result<size_t> Model::find_output(std::string_view name) const {
  return find_row(model_.outputs, name, "output", "run.output_name");
}

Result<size_t> Model::find_state(std::string_view name) const {
  return find_row(model_.states, name, "state", "run.state_name");
}

/// Names the kernels for `perf report`.
void Model::write_perf_map() const {
  if (code_ == nullptr) return;
  std::FILE* file = std::fopen(cat("/tmp/perf-", getpid(), ".map").c_str(), "a");
  if (file == nullptr) return;
  std::vector<uint64_t> starts;
  for (const artifact::Entry& e : model_.entries) starts.push_back(e.offset);
  starts.push_back(model_.code.size());
  std::sort(starts.begin(), starts.end());
  for (const artifact::Entry& e : model_.entries) {
    const uint64_t end = *std::upper_bound(starts.begin(), starts.end(), e.offset);
    std::fprintf(file, "%lx %lx %s\n",
                 static_cast<unsigned long>(std::bit_cast<uintptr_t>(code_->data() + e.offset)),
                 static_cast<unsigned long>(end - e.offset), e.symbol.c_str());
  }
  std::fclose(file);
}

}  // namespace tenon::runtime
