#include "runtime/inputs.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "runtime/footprint.h"
#include "runtime/npy.h"
#include "runtime/thread_pool.h"
#include "support/number_range.h"
#include "support/text.h"

namespace tenon::runtime {
namespace {

/// SplitMix64: small, and the same everywhere.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15ULL;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
  }
  double normal() {
    const double u = (static_cast<double>(next() >> 11) + 1) * 0x1p-53;
    const double v = static_cast<double>(next() >> 11) * 0x1p-53;
    return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
  }

 private:
  uint64_t state_;
};

Result<std::pair<std::string, std::string>> split_option(const std::string& text,
                                                         std::string_view option,
                                                         std::string_view form) {
  const size_t at = text.find('=');
  if (at == std::string::npos || at == 0 || at + 1 == text.size())
    return fail("usage", cat(option, " '", text, "' is not of the form ", form));
  return std::pair(text.substr(0, at), text.substr(at + 1));
}

/// Puts the shapes of all inputs together from files and --shape options; both must agree.
class Planner {
 public:
  Planner(const Model& model, const InputOptions& options)
      : model_(model), options_(options), symbols_(model.tables().symbols.size()) {
    plan_.tensors.resize(model.inputs().size());
    plan_.loaded.resize(plan_.tensors.size());
    shapes_.resize(plan_.tensors.size());
  }

  Result<InputPlan> run() {
    for (const InputOptions::File& f : options_.files) TENON_TRY_VOID(load(f));
    for (const InputOptions::Shape& s : options_.shapes) TENON_TRY_VOID(take_shape(s));
    for (size_t i = 0; i < plan_.tensors.size(); ++i)
      if (!plan_.loaded[i]) TENON_TRY_VOID(settle(i));
    return std::move(plan_);
  }

 private:
  struct Symbol {
    int64_t extent = -1;
    std::string source;  // the option that gave it
  };
  const artifact::Input& input(size_t i) const { return model_.inputs()[i]; }

  Status learn_symbol(uint32_t s, int64_t extent, const std::string& source) {
    Symbol& known = symbols_[s];
    if (known.extent < 0) known = {extent, source};
    if (known.extent == extent) return {};
    return fail("run.symbol", cat(source, " gives '", model_.tables().symbols[s], "' the value ",
                                  extent, ", but ", known.source, " gives it the value ",
                                  known.extent, "; leave one out or make them agree"));
  }

  Status learn(size_t i, std::span<const int64_t> dims, const std::string& source) {
    TENON_TRY_VOID(model_.check_input(i, input(i).dtype, dims));
    for (size_t d = 0; d < dims.size(); ++d)
      if (const uint32_t s = input(i).dims[d].symbol; s != artifact::kNone)
        TENON_TRY_VOID(learn_symbol(s, dims[d], source));
    return {};
  }

  Status load(const InputOptions::File& file) {
    TENON_TRY(const size_t i, model_.find_input(file.name));
    TENON_TRY(Tensor t, read_npy(file.path));
    t = narrow_from_npy(std::move(t), input(i).dtype);
    TENON_TRY_VOID(model_.check_input(i, t.dtype, t.dims));
    TENON_TRY_VOID(learn(i, t.dims, cat("--input ", file.name)));
    plan_.tensors[i] = std::move(t);
    plan_.loaded[i] = true;
    return {};
  }

  Status take_shape(const InputOptions::Shape& shape) {
    const std::string source = cat("--shape ", shape.name, "=", shape_text(shape.dims));
    for (size_t i = 0; i < plan_.tensors.size(); ++i) {
      if (input(i).name != shape.name) continue;
      if (shape.dims.size() != input(i).dims.size())
        return fail("run.rank", cat(source, " has ", shape.dims.size(), " axes, the input has ",
                                    input(i).dims.size()));
      if (plan_.loaded[i] && plan_.tensors[i].dims != shape.dims)
        return fail("run.extent", cat(source, ", but the file of --input ", shape.name, " holds ",
                                      shape_text(plan_.tensors[i].dims), "; leave --shape out"));
      shapes_[i] = &shape;
      return learn(i, shape.dims, source);
    }
    const auto& names = model_.tables().symbols;
    bool found = false;  // a name stands for several symbols where its axes need not be equal
    bool taken = false;
    for (uint32_t s = 0; s < names.size(); ++s) {
      if (names[s] != shape.name || shape.dims.size() != 1) continue;
      taken = taken || symbols_[s].extent < 0 || symbols_[s].extent == shape.dims[0];
      found = true;
    }
    for (uint32_t s = 0; s < names.size() && found; ++s)
      if (names[s] == shape.name && (symbols_[s].extent < 0 || !taken))
        TENON_TRY_VOID(learn_symbol(s, shape.dims[0], source));
    if (found) return {};
    return fail("run.shape_name", cat("--shape: the model has no input or symbol '", shape.name,
                                      "'", what_there_is(shape.name)));
  }

  /// "; did you mean 'batch'?", or what can be given.
  std::string what_there_is(const std::string& name) const {
    std::vector<std::string> known = model_.tables().symbols;
    for (const artifact::Input& in : model_.inputs()) known.push_back(in.name);
    const std::string_view near = closest_name(name, known);
    if (!near.empty()) return cat("; did you mean '", near, "'?");
    std::string text;
    for (const artifact::Input& in : model_.inputs())
      text +=
          cat(text.empty() ? "; its inputs are " : ", ", in.name, " (", input_shape_text(in), ")");
    return text + (model_.tables().symbols.empty() ? ", and their sizes are fixed" : "");
  }

  /// The shape of an input that has no file.
  Status settle(size_t i) {
    const artifact::Input& in = input(i);
    if (in.constant != artifact::kNone) {
      const artifact::Constant& value = model_.tables().constants[in.constant];
      Tensor& t = plan_.tensors[i];
      t.dtype = in.dtype;
      for (const artifact::InputDim& d : in.dims) t.dims.push_back(d.extent);
      t.bytes.assign(value.bytes, value.bytes + value.size);
      plan_.loaded[i] = true;
      return {};
    }
    if (!options_.fill)
      return fail("run.missing_input",
                  cat("input '", in.name, "' has no value; give --input ", in.name,
                      "=FILE.npy, or --fill random:0 for made-up values"));
    Tensor& t = plan_.tensors[i];
    t.dtype = in.dtype;
    for (size_t d = 0; d < in.dims.size(); ++d) {
      int64_t extent = in.dims[d].extent;
      if (extent < 0 && in.dims[d].symbol != artifact::kNone) extent = extent_of(in.dims[d].symbol);
      if (shapes_[i] != nullptr) extent = shapes_[i]->dims[d];
      t.dims.push_back(extent < 0 ? 1 : extent);
    }
    return model_.check_input(i, t.dtype, t.dims);
  }

  /// The extent of a symbol, else of another one of its name; negative where none is known.
  int64_t extent_of(uint32_t symbol) const {
    const auto& names = model_.tables().symbols;
    if (symbols_[symbol].extent >= 0) return symbols_[symbol].extent;
    for (size_t s = 0; s < names.size(); ++s)
      if (symbols_[s].extent >= 0 && names[s] == names[symbol]) return symbols_[s].extent;
    return -1;
  }

  static tl::unexpected<Error> fail(std::string code, std::string message) {
    return tenon::fail(std::move(code), std::move(message));
  }

  const Model& model_;
  const InputOptions& options_;
  InputPlan plan_;
  std::vector<const InputOptions::Shape*> shapes_;
  std::vector<Symbol> symbols_;
};

/// Refuses a second value for one name.
template <class Option>
Status check_new(std::string_view option, const std::vector<Option>& given, const Option& added) {
  for (const Option& g : given)
    if (g.name == added.name)
      return fail("usage", cat(option, " ", added.name, "=... is given twice; give it once"));
  return {};
}

}  // namespace

Result<InputOptions::File> parse_input_option(const std::string& text) {
  TENON_TRY(auto parts, split_option(text, "--input", "NAME=FILE.npy"));
  return InputOptions::File{std::move(parts.first), std::move(parts.second)};
}

Result<InputOptions::Shape> parse_shape_option(const std::string& text) {
  TENON_TRY(auto parts, split_option(text, "--shape", "NAME=1x3x224x224 or SYMBOL=N"));
  InputOptions::Shape shape{std::move(parts.first), {}};
  std::string_view rest = parts.second;
  if (rest == "scalar") return shape;
  while (true) {
    const size_t end = std::min(rest.find('x'), rest.size());
    TENON_TRY(const double extent,
              parse_number(cat("--shape '", text, "': extent"), rest.substr(0, end), kExtentRange));
    shape.dims.push_back(static_cast<int64_t>(extent));
    if (end == rest.size()) return shape;
    rest.remove_prefix(end + 1);
  }
}

Result<Fill> parse_fill_option(const std::string& text) {
  if (text == "zeros") return Fill{};
  if (text == "random") return Fill{true, 0};
  if (text.starts_with("random:")) {
    TENON_TRY(const double seed, parse_number(cat("--fill '", text, "': seed"),
                                              std::string_view(text).substr(7), kSeedRange));
    return Fill{true, static_cast<uint64_t>(seed)};
  }
  return fail("usage", cat("--fill '", text, "' is neither random:SEED nor zeros"));
}

Status add_input_option(InputOptions& options, const std::string& text) {
  TENON_TRY(auto file, parse_input_option(text));
  TENON_TRY_VOID(check_new("--input", options.files, file));
  options.files.push_back(std::move(file));
  return {};
}

Status add_shape_option(InputOptions& options, const std::string& text) {
  TENON_TRY(auto shape, parse_shape_option(text));
  TENON_TRY_VOID(check_new("--shape", options.shapes, shape));
  options.shapes.push_back(std::move(shape));
  return {};
}

void fill_tensor(Tensor& tensor, const Fill& fill, std::string_view name, size_t index,
                 int64_t below) {
  if (!fill.random) return std::fill(tensor.bytes.begin(), tensor.bytes.end(), std::byte{0});
  Random random(fill.seed * 0x100000001b3ULL + index);
  const size_t width = artifact::info(tensor.dtype).element_bytes;
  const bool ones = tensor.dtype == DType::boolean || name.find("mask") != std::string_view::npos;
  const auto range = static_cast<uint64_t>(std::clamp<int64_t>(below, 1, kIntegersBelow));
  for (size_t at = 0; at < tensor.bytes.size(); at += width) {
    if (ones) {
      artifact::store_int(tensor.dtype, &tensor.bytes[at], 1);
    } else if (artifact::is_float(tensor.dtype)) {
      artifact::store_double(tensor.dtype, &tensor.bytes[at], random.normal());
    } else {
      artifact::store_int(tensor.dtype, &tensor.bytes[at],
                          static_cast<int64_t>(random.next() % range));
    }
  }
}

InputDims InputPlan::dims() const {
  InputDims all;
  for (const Tensor& t : tensors) all.push_back(t.dims);
  return all;
}

Result<InputPlan> plan_inputs(const Model& model, const InputOptions& options) {
  return Planner(model, options).run();
}

Result<uint64_t> run_need(const Model& model, const InputPlan& plan, const InputDims& dims,
                          int threads) {
  TENON_TRY(const Footprint f, footprint(model.tables(), dims));
  const auto workers = static_cast<uint64_t>(threads > 0 ? threads : default_threads());
  uint64_t need = add_bytes(
      f.arena, add_bytes(0, f.scratch) > kMostMemory / workers ? kMostMemory : f.scratch * workers);
  need = add_bytes(need, f.states);
  for (size_t i = 0; i < dims.size(); ++i) {
    if (plan.loaded[i]) continue;
    const int64_t bytes = tensor_bytes(plan.tensors[i].dtype, dims[i]);
    need = add_bytes(need, bytes < 0 ? kMostMemory : static_cast<uint64_t>(bytes));
  }
  return need;
}

Result<std::vector<Tensor>> fill_inputs(const Model& model, InputPlan plan,
                                        const InputOptions& options) {
  const Result<Footprint> sizes = footprint(model.tables(), plan.dims());
  for (size_t i = 0; i < plan.tensors.size(); ++i) {
    if (plan.loaded[i]) continue;
    Tensor& t = plan.tensors[i];
    t.bytes.resize(static_cast<size_t>(tensor_bytes(t.dtype, t.dims)));
    const artifact::Input& in = model.inputs()[i];
    const bool is_index = sizes && in.below != artifact::kNone;
    fill_tensor(t, *options.fill, in.name, i,
                is_index ? sizes->registers[in.below] : kIntegersBelow);
  }
  return std::move(plan.tensors);
}

Result<std::vector<Tensor>> make_inputs(const Model& model, const InputOptions& options,
                                        int threads) {
  TENON_TRY(InputPlan plan, plan_inputs(model, options));
  TENON_TRY_VOID(check_memory(model.tables(), plan.dims(), [&](const InputDims& dims) {
    return run_need(model, plan, dims, threads);
  }));
  return fill_inputs(model, std::move(plan), options);
}

}  // namespace tenon::runtime
