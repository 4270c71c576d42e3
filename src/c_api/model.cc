// What a model says about itself.
#include "artifact/model.h"

#include "c_api/objects.h"
#include "runtime/footprint.h"
#include "runtime/model.h"

namespace tenon::c_api {
namespace {

using artifact::Model;

/// -1 where the extent is the value of a register that stages set.
int64_t constant_extent(const Model& m, uint32_t reg) {
  for (const artifact::SizeOp& op : m.size_ops)
    if (op.code != artifact::SizeOpCode::check && op.dst == reg) return -1;
  return m.registers[reg];
}
int64_t extent_of(const Model&, const artifact::InputDim& d) {
  return std::max<int64_t>(d.extent, -1);
}
int64_t extent_of(const Model& m, const artifact::OutputDim& d) {
  return constant_extent(m, d.reg);
}

template <class Row>
Values values_of(const Model& m, const std::vector<Row>& rows) {
  Values v;
  for (const Row& row : rows) {
    auto& extents = v.extents.emplace_back();
    auto& axes = v.axes.emplace_back();
    for (const auto& d : row.dims) {
      extents.push_back(extent_of(m, d));
      axes.push_back(d.text.c_str());
    }
    tenon_value value{};
    value.struct_size = sizeof value;
    value.name = row.name.c_str();
    value.type = static_cast<tenon_type>(row.dtype);
    value.rank = static_cast<int32_t>(row.dims.size());
    value.extents = extents.data();
    value.axes = axes.data();
    if constexpr (std::is_same_v<Row, artifact::Input>) {
      value.role = static_cast<int32_t>(row.role);
      value.has_default = row.constant != artifact::kNone ? 1 : 0;
    }
    v.rows.push_back(value);
  }
  return v;
}

std::vector<const char*> texts(const std::vector<std::string>& list) {
  std::vector<const char*> all;
  for (const std::string& s : list) all.push_back(s.c_str());
  return all;
}

tenon_error* value_at(const char* function, const tenon_model* model, Values tenon_model::* values,
                      size_t index, tenon_value* value) {
  return call({function}, [&]() -> Status {
    TENON_TRY_VOID(require(model, "model"));
    const auto& rows = (model->*values).rows;
    if (index >= rows.size())
      return fail("api.index",
                  cat("the model has ", rows.size(), " of them; there is none of index ", index));
    return write_struct(value, rows[index]);
  });
}

using Find = Result<size_t> (runtime::Model::*)(std::string_view) const;
tenon_error* find(const char* function, const tenon_model* model, Find by_name, const char* name,
                  size_t* index) {
  return call({function, model == nullptr ? "" : model->about}, [&]() -> Status {
    TENON_TRY_VOID(require(model, "model"));
    TENON_TRY_VOID(require(name, "name"));
    TENON_TRY_VOID(require(index, "index"));
    TENON_TRY(*index, ((*model->model).*by_name)(name));
    return {};
  });
}

/// The extents of each input; checked as a run would.
Result<runtime::InputDims> input_dims(const runtime::Model& model, const int64_t* extents,
                                      size_t count) {
  size_t ranks = 0;
  for (const artifact::Input& in : model.inputs()) ranks += in.dims.size();
  if (ranks != count)
    return fail("api.rank", cat("the inputs have ", ranks, " axes in all, and ", count,
                                " extents are given; give those of each input in turn"));
  if (count > 0) TENON_TRY_VOID(require(extents, "extents"));
  runtime::InputDims dims;
  for (size_t i = 0; i < model.inputs().size(); ++i) {
    const artifact::Input& in = model.inputs()[i];
    dims.emplace_back(extents, extents + in.dims.size());
    extents += in.dims.size();
    TENON_TRY_VOID(model.check_input(i, in.dtype, dims.back()));
  }
  TENON_TRY_VOID(model.check_symbols(dims));
  return dims;
}

}  // namespace

tenon_model* make_model(std::shared_ptr<const runtime::Model> model, std::string about) {
  const Model& m = model->tables();
  auto handle = std::make_unique<tenon_model>();
  handle->about = std::move(about);
  handle->features = texts(m.needs);
  handle->symbols = texts(m.symbols);
  handle->inputs = values_of(m, m.inputs);
  handle->outputs = values_of(m, m.outputs);
  handle->states = values_of(m, m.states);
  handle->model = std::move(model);
  return handle.release();
}

}  // namespace tenon::c_api

using namespace tenon;
using namespace tenon::c_api;

tenon_error* tenon_model_describe(const tenon_model* model, tenon_model_info* info) {
  return call({"tenon_model_describe"}, [&]() -> Status {
    TENON_TRY_VOID(require(model, "model"));
    const artifact::Model& m = model->model->tables();
    tenon_model_info i{};
    i.name = m.name.c_str();
    i.producer = m.producer.c_str();
    i.target = m.target.c_str();
    i.precision = m.precision.c_str();
    i.features = model->features.data();
    i.feature_count = model->features.size();
    i.symbols = model->symbols.data();
    i.symbol_count = model->symbols.size();
    i.input_count = m.inputs.size();
    i.output_count = m.outputs.size();
    i.state_count = m.states.size();
    i.constant_bytes = artifact::constant_bytes(m);
    i.code_bytes = m.code.size();
    i.runs_here = model->model->runs_here() ? 1 : 0;
    return write_struct(info, i);
  });
}

tenon_error* tenon_model_input(const tenon_model* model, size_t index, tenon_value* value) {
  return value_at("tenon_model_input", model, &tenon_model::inputs, index, value);
}
tenon_error* tenon_model_output(const tenon_model* model, size_t index, tenon_value* value) {
  return value_at("tenon_model_output", model, &tenon_model::outputs, index, value);
}
tenon_error* tenon_model_state(const tenon_model* model, size_t index, tenon_value* value) {
  return value_at("tenon_model_state", model, &tenon_model::states, index, value);
}

tenon_error* tenon_find_input(const tenon_model* model, const char* name, size_t* index) {
  return find("tenon_find_input", model, &runtime::Model::find_input, name, index);
}
tenon_error* tenon_find_output(const tenon_model* model, const char* name, size_t* index) {
  return find("tenon_find_output", model, &runtime::Model::find_output, name, index);
}
tenon_error* tenon_find_state(const tenon_model* model, const char* name, size_t* index) {
  return find("tenon_find_state", model, &runtime::Model::find_state, name, index);
}

tenon_error* tenon_model_memory(const tenon_model* model, const int64_t* extents, size_t count,
                                tenon_memory* memory) {
  return call({"tenon_model_memory", model == nullptr ? "" : model->about}, [&]() -> Status {
    TENON_TRY_VOID(require(model, "model"));
    TENON_TRY(const runtime::InputDims dims, input_dims(*model->model, extents, count));
    TENON_TRY(const runtime::Footprint f, runtime::footprint(model->model->tables(), dims));
    tenon_memory m{};
    m.arena = f.arena;
    m.scratch_per_thread = f.scratch;
    m.states = f.states;
    return write_struct(memory, m);
  });
}
