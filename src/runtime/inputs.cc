#include "runtime/inputs.h"

#include <charconv>
#include <cmath>
#include <numbers>

#include "runtime/npy.h"
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

bool parse_extent(std::string_view text, int64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size() && out >= 0;
}

Result<std::pair<std::string, std::string>> split_option(const std::string& text,
                                                         std::string_view option,
                                                         std::string_view form) {
  const size_t at = text.find('=');
  if (at == std::string::npos || at == 0 || at + 1 == text.size())
    return fail("usage", cat(option, " '", text, "' is not of the form ", form));
  return std::pair(text.substr(0, at), text.substr(at + 1));
}

/// Extents of symbols, known so far.
using Symbols = std::vector<int64_t>;

class InputMaker {
 public:
  InputMaker(const Model& model, const InputOptions& options)
      : model_(model),
        options_(options),
        tensors_(model.inputs().size()),
        filled_(tensors_.size(), false),
        shapes_(tensors_.size(), nullptr),
        symbols_(model.tables().symbols.size(), -1) {}

  Result<std::vector<Tensor>> run() {
    for (const InputOptions::File& f : options_.files) TENON_TRY_VOID(load(f));
    for (const InputOptions::Shape& s : options_.shapes) TENON_TRY_VOID(take_shape(s));
    for (size_t i = 0; i < tensors_.size(); ++i)
      if (!filled_[i]) TENON_TRY_VOID(fill(i));
    return std::move(tensors_);
  }

 private:
  const artifact::Input& input(size_t i) const { return model_.inputs()[i]; }

  void learn(size_t i, std::span<const int64_t> dims) {
    for (size_t d = 0; d < std::min(dims.size(), input(i).dims.size()); ++d)
      if (const uint32_t s = input(i).dims[d].symbol; s != artifact::kNone && symbols_[s] < 0)
        symbols_[s] = dims[d];
  }

  Status load(const InputOptions::File& file) {
    TENON_TRY(const size_t i, model_.find_input(file.name));
    TENON_TRY(Tensor t, read_npy(file.path));
    tensors_[i] = narrow_from_npy(std::move(t), input(i).dtype);
    filled_[i] = true;
    learn(i, tensors_[i].dims);
    return {};
  }

  Status take_shape(const InputOptions::Shape& shape) {
    for (size_t i = 0; i < tensors_.size(); ++i) {
      if (input(i).name != shape.name) continue;
      if (shape.dims.size() != input(i).dims.size())
        return fail("run.rank",
                    cat("--shape ", shape.name, "=", shape_text(shape.dims), " has ",
                        shape.dims.size(), " axes, the input has ", input(i).dims.size()));
      shapes_[i] = &shape;
      learn(i, shape.dims);
      return {};
    }
    const auto& names = model_.tables().symbols;
    for (size_t s = 0; s < names.size(); ++s) {
      if (names[s] != shape.name || shape.dims.size() != 1) continue;
      if (symbols_[s] < 0) symbols_[s] = shape.dims[0];
      return {};
    }
    std::vector<std::string> known = names;
    for (const artifact::Input& in : model_.inputs()) known.push_back(in.name);
    const std::string_view near = closest_name(shape.name, known);
    return fail("run.shape_name",
                cat("--shape: the model has no input or symbol '", shape.name, "'",
                    near.empty() ? std::string() : cat("; did you mean '", near, "'?")));
  }

  Status fill(size_t i) {
    const artifact::Input& in = input(i);
    if (!options_.fill)
      return fail("run.missing_input",
                  cat("input '", in.name, "' has no value; give --input ", in.name,
                      "=FILE.npy, or --fill random:0 for made-up values"));
    return make(i, *options_.fill);
  }

  static tl::unexpected<Error> fail(std::string code, std::string message) {
    return tenon::fail(std::move(code), std::move(message));
  }

  Status make(size_t i, const Fill& rule) {
    const artifact::Input& in = input(i);
    Tensor& t = tensors_[i];
    t.dtype = in.dtype;
    for (size_t d = 0; d < in.dims.size(); ++d) {
      int64_t extent = in.dims[d].extent;
      if (extent < 0 && in.dims[d].symbol != artifact::kNone) extent = symbols_[in.dims[d].symbol];
      if (shapes_[i] != nullptr) extent = shapes_[i]->dims[d];
      t.dims.push_back(extent < 0 ? 1 : extent);
    }
    const int64_t size = tensor_bytes(t.dtype, t.dims);
    if (size < 0 || size > int64_t{1} << 40)
      return fail("run.extent", cat("input '", in.name, "' of shape ", shape_text(t.dims),
                                    " is too large; give smaller extents"));
    t.bytes.resize(static_cast<size_t>(size));
    fill_tensor(t, rule, in.name, i);
    return {};
  }

  const Model& model_;
  const InputOptions& options_;
  std::vector<Tensor> tensors_;
  std::vector<bool> filled_;
  std::vector<const InputOptions::Shape*> shapes_;
  Symbols symbols_;
};

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
    int64_t extent = 0;
    if (!parse_extent(rest.substr(0, end), extent))
      return fail("usage", cat("--shape '", text, "': '", parts.second,
                               "' is not a shape such as 1x3x224x224"));
    shape.dims.push_back(extent);
    if (end == rest.size()) return shape;
    rest.remove_prefix(end + 1);
  }
}

Result<Fill> parse_fill_option(const std::string& text) {
  if (text == "zeros") return Fill{};
  if (text == "random") return Fill{true, 0};
  int64_t seed = 0;
  if (text.starts_with("random:") && parse_extent(std::string_view(text).substr(7), seed))
    return Fill{true, static_cast<uint64_t>(seed)};
  return fail("usage", cat("--fill '", text, "' is neither random:SEED nor zeros"));
}

void fill_tensor(Tensor& tensor, const Fill& fill, std::string_view name, size_t index) {
  if (!fill.random) return std::fill(tensor.bytes.begin(), tensor.bytes.end(), std::byte{0});
  Random random(fill.seed * 0x100000001b3ULL + index);
  const size_t width = artifact::info(tensor.dtype).bytes;
  const bool ones = tensor.dtype == DType::boolean || name.find("mask") != std::string_view::npos;
  for (size_t at = 0; at < tensor.bytes.size(); at += width) {
    if (ones) {
      artifact::store_int(tensor.dtype, &tensor.bytes[at], 1);
    } else if (artifact::is_float(tensor.dtype)) {
      artifact::store_double(tensor.dtype, &tensor.bytes[at], random.normal());
    } else {
      artifact::store_int(tensor.dtype, &tensor.bytes[at],
                          static_cast<int64_t>(random.next() % 100));
    }
  }
}

Result<std::vector<Tensor>> make_inputs(const Model& model, const InputOptions& options) {
  return InputMaker(model, options).run();
}

}  // namespace tenon::runtime
