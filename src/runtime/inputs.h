// Values for a model's inputs from what a command line says: files, shapes, and a rule for the
// rest.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/model.h"
#include "runtime/size_stage.h"
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

/// Parse an option and add it; a second one for the same name is a "usage" error.
[[nodiscard]] Status add_input_option(InputOptions& options, const std::string& text);
[[nodiscard]] Status add_shape_option(InputOptions& options, const std::string& text);

/// The inputs of a run: files are loaded, defaults taken; the others have a type and a shape and no
/// bytes yet.
struct InputPlan {
  std::vector<Tensor> tensors;
  std::vector<bool> loaded;
  [[nodiscard]] InputDims dims() const;
};
/// A symbolic axis takes its size from files and `shapes`; without either it is 1. An input with a
/// default keeps it unless a file is given. Refuses options that contradict each other
/// ("run.symbol", "run.extent") or the model (the codes of Model::check_input, "run.input_name",
/// "run.shape_name"), and an input that has neither file, default nor fill rule
/// ("run.missing_input").
[[nodiscard]] Result<InputPlan> plan_inputs(const Model& model, const InputOptions& options);

/// Bytes of the inputs that are not loaded, were their extents `dims`, and of the run's arena and
/// scratch. `threads` as Executor::create takes it.
[[nodiscard]] Result<uint64_t> run_need(const Model& model, const InputPlan& plan,
                                        const InputDims& dims, int threads);

/// Gives every tensor of the plan its bytes. Random values: normal floats, integers below 100 and
/// below the extent that they index, ones for booleans and for inputs named like a mask; the same
/// on every machine for one seed.
[[nodiscard]] Result<std::vector<Tensor>> fill_inputs(const Model& model, InputPlan plan,
                                                      const InputOptions& options);

/// All three: refuses ("run.memory") what the machine cannot hold before anything is allocated.
[[nodiscard]] Result<std::vector<Tensor>> make_inputs(const Model& model,
                                                      const InputOptions& options, int threads);

inline constexpr int64_t kIntegersBelow = 100;
/// Fills a tensor by the rule above; `name` decides about masks, integers are below `below`.
void fill_tensor(Tensor& tensor, const Fill& fill, std::string_view name, size_t index,
                 int64_t below = kIntegersBelow);

}  // namespace tenon::runtime
