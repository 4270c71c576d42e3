// Values for a model's inputs from what a command line says: files, shapes, and a rule for the
// rest.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/model.h"
#include "runtime/tensor.h"
#include "support/result.h"

namespace tenon::runtime {

/// How an input without a file is filled.
struct Fill {
  bool random = false;  // else zeros
  uint64_t seed = 0;
};

struct InputOptions {
  struct File {
    std::string name, path;
  };
  struct Shape {
    std::string name;  // an input, or a symbol when there is one number
    std::vector<int64_t> dims;
  };
  std::vector<File> files;
  std::vector<Shape> shapes;
  std::optional<Fill> fill;
};

/// Parse `NAME=FILE.npy`, `NAME=1x3x224x224` or `SYMBOL=N`, `random:SEED` or `zeros`; "usage"
/// errors.
[[nodiscard]] Result<InputOptions::File> parse_input_option(const std::string& text);
[[nodiscard]] Result<InputOptions::Shape> parse_shape_option(const std::string& text);
[[nodiscard]] Result<Fill> parse_fill_option(const std::string& text);

/// One tensor for each input. A symbolic axis takes its size from files, then from `shapes`;
/// without either it is 1. Random values: normal floats, integers below 100, ones for booleans and
/// for inputs named like a mask; the same on every machine for one seed. Refuses an input that has
/// neither file nor fill rule ("run.missing_input").
[[nodiscard]] Result<std::vector<Tensor>> make_inputs(const Model& model,
                                                      const InputOptions& options);

/// Fills a tensor by the rule above; `name` decides about masks.
void fill_tensor(Tensor& tensor, const Fill& fill, std::string_view name, size_t index);

}  // namespace tenon::runtime
