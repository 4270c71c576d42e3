// Walks the graph of kernel calls and writes steps. Private to package.cc and the files beside this
// one.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "artifact/model.h"
#include "compiler/compiler.h"
#include "compiler/package/constants.h"
#include "compiler/package/cost.h"
#include "compiler/package/size_program.h"
#include "compiler/package/storage.h"
#include "graph/inplace.h"
#include "support/result.h"

namespace tenon::compiler::packaging {

using Values = std::vector<Value>;

class Packager {
 public:
  Packager(const Compilation& compilation, artifact::Model& model);
  [[nodiscard]] Status run();

 private:
  /// The tuple fields (or the one value) of every node of one function activation.
  using Environment = std::unordered_map<ir::Expr, Values>;
  /// Fields of call_kernel nodes that are written straight to a dynamic buffer.
  using Redirects = std::map<std::pair<uint32_t, size_t>, uint32_t>;  // node id, field
  struct Activation {
    Environment values;
    Redirects redirects;
    std::map<std::pair<uint32_t, uint32_t>, Value> on_device;  // node id, device: copies there
  };

  // ---- packager.cc: the model's border and plain nodes
  [[nodiscard]] Status add_inputs(Values& values);
  [[nodiscard]] artifact::InputDim input_dim(uint32_t input, uint32_t axis, ir::Expr e);
  [[nodiscard]] Status add_states(Values& values);
  [[nodiscard]] Status update_params(const Values& arguments, Values& results);
  [[nodiscard]] Status copy_value(const Value& to, const Value& from);
  [[nodiscard]] Status check_same_extents(ir::Type param, ir::Type result, const std::string& name);
  [[nodiscard]] Status add_outputs(const Values& results);
  void find_direct_outputs(const Values& results);
  [[nodiscard]] uint32_t symbol_of(ir::Expr var);
  [[nodiscard]] Result<Values> function(const ir::Function& f, const Values& arguments,
                                        const Redirects& redirects = {});
  [[nodiscard]] Status node(ir::Expr n, Activation& a);
  [[nodiscard]] Result<Value> value_of(ir::Expr e, Activation& a);
  [[nodiscard]] Result<Values> operands_of(std::span<const ir::Expr> operands, Activation& a);
  [[nodiscard]] Status bind_binding(const ir::Binding& b, Activation& a);
  [[nodiscard]] Status from_scalars(ir::Expr n, Activation& a);
  /// Variables of `type` that are still free take the extents of `given`.
  [[nodiscard]] Status bind_extents(ir::Type type, ir::Type given);

  // ---- kernels.cc
  /// What calls of one kernel with equal sizes share.
  struct Prepared {
    struct Launch {
      uint32_t entry;
      Reg grid, scratch;
    };
    std::vector<Launch> launches;
    std::vector<graph::SizeTerm> internal;  // bytes of internal buffers
    uint32_t row = 0;                       // of the kernel table
  };
  struct KernelFacts {
    KernelCost cost;
    std::vector<graph::InPlacePair> in_place;
    bool checks_indices = false;
  };
  [[nodiscard]] Status call_kernel(ir::Expr n, Activation& a);
  [[nodiscard]] Result<const Prepared*> prepare(size_t kernel, const std::vector<Reg>& sizes,
                                                ir::Expr n);
  [[nodiscard]] const KernelFacts& facts_of(size_t kernel);
  [[nodiscard]] Result<uint32_t> add_row(size_t kernel, ir::Expr n);
  [[nodiscard]] uint32_t entry_of(const std::string& symbol);
  [[nodiscard]] uint32_t host_function(const std::string& name);  // its index
  [[nodiscard]] static bool has_own_bytes(const ir::KernelParam& param);
  [[nodiscard]] Result<Value> packed_constant(const ir::KernelParam& param, ir::Expr operand);
  [[nodiscard]] Result<Values> copy_updated(ir::Expr n, const ir::Kernel& k, Activation& a);
  [[nodiscard]] Result<Values> call_params(ir::Expr n, const ir::Kernel& k, Activation& a,
                                           const Values& copies, uint32_t last, Values& results);
  [[nodiscard]] uint32_t checked_nodes(ir::Expr n);
  void write_call(ir::Expr n, const Prepared& p, const Values& params,
                  const std::vector<Reg>& sizes, uint32_t last, uint32_t device = 0);
  void offer_in_place(size_t kernel, const std::vector<Value>& params, uint32_t last);

  // ---- devices.cc
  [[nodiscard]] uint32_t device_of(const ir::Kernel* kernel);
  [[nodiscard]] Result<Value> new_on_device(ir::Type type, uint32_t device);
  [[nodiscard]] Result<Value> value_on_device(ir::Expr e, uint32_t device, Activation& a);
  [[nodiscard]] Status to_host(Value& value);
  [[nodiscard]] Status device_call(ir::Expr n, const ir::Kernel& k, const Prepared& p,
                                   const std::vector<Reg>& sizes, uint32_t device, Activation& a);

  // ---- control.cc
  [[nodiscard]] Result<Reg> condition_of(ir::Expr condition, Activation& a);
  [[nodiscard]] Status if_node(ir::Expr n, Activation& a);
  [[nodiscard]] Status loop_node(ir::Expr n, Activation& a);
  friend class LoopWriter;

  size_t step(artifact::Step s);

  const Compilation& compilation_;
  artifact::Model& model_;
  SizeProgram sizes_;
  Storages storages_;
  Constants constants_;
  std::unordered_map<ir::Expr, uint32_t> symbols_;
  std::map<std::pair<size_t, std::vector<Reg>>, Prepared> prepared_;
  std::unordered_map<size_t, KernelFacts> facts_;
  std::unordered_map<std::string, uint32_t> entries_;
};

/// The literal behind a value, seen through reshapes; nullptr when it is computed.
[[nodiscard]] ir::Expr literal_behind(ir::Expr e);

/// "batch", "128", "2 * n": an extent as people read it.
[[nodiscard]] std::string extent_text(ir::Expr e);

}  // namespace tenon::compiler::packaging
