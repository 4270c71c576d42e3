// Tenon's compiler from C++20: compiler.h, graph.h and schedule.h with handles that release
// themselves. Header only; see tenon.hpp.
//
//   tenon::Graph g("head");
//   tenon::Node x = g.input("x", "f32[batch, 384]").value();
//   tenon::Node w = g.constant(tenon::View(std::span<const float>(weights), {384, 10})).value();
//   g.output("y", g.apply("softmax", {g.apply("matmul", {x, w}).value()}, "axis=-1").value());
//   tenon::Model model = g.compile().value();
#ifndef TENON_COMPILER_HPP
#define TENON_COMPILER_HPP

#include <array>

#include "tenon/compiler.h"
#include "tenon/graph.h"
#include "tenon/schedule.h"
#include "tenon/tenon.hpp"

namespace tenon {

inline tenon_compile_options compile_options() { return detail::sized<tenon_compile_options>(); }

inline Result<Model> compile(const char* path, const tenon_compile_options* options = nullptr) {
  tenon_model* model = nullptr;
  if (tenon_error* error = tenon_compile(path, options, &model)) return error;
  return Model(model);
}
inline Result<Model> compile(std::span<const std::byte> bytes,
                             const tenon_compile_options* options = nullptr) {
  tenon_model* model = nullptr;
  if (tenon_error* error = tenon_compile_memory(bytes.data(), bytes.size(), options, &model))
    return error;
  return Model(model);
}

class Graph;

/// A value of a graph, or none (an operand that is absent).
struct Node {
  tenon_node number = 0;
};

class Graph {
 public:
  explicit Graph(const char* name = "main") {
    tenon_graph* graph = nullptr;
    tenon_error* const error = tenon_graph_create(name, &graph);
    tenon_error_release(error);  // for want of memory; calls then refuse "api.null"
    graph_.reset(graph);
  }

  /// "f32[batch, 384]", "state f32[n, 64] reserve 4096".
  Result<Node> input(const char* name, const char* type) {
    Node node;
    if (tenon_error* error = tenon_graph_input(get(), name, type, &node.number)) return error;
    return node;
  }
  Result<Node> constant(const View& value, const char* name = nullptr) {
    const tenon_tensor t = value.get();
    Node node;
    if (tenon_error* error = tenon_graph_constant(get(), name, &t, &node.number)) return error;
    return node;
  }
  Result<Node> scalar(tenon_type type, double value) {
    Node node;
    if (tenon_error* error = tenon_graph_scalar(get(), type, value, &node.number)) return error;
    return node;
  }
  /// The first result of an operator; apply_all gives all of several.
  Result<Node> apply(const char* name, std::initializer_list<Node> operands,
                     const char* options = nullptr) {
    Result<std::vector<Node>> all = apply_all(name, operands, options);
    if (!all) return std::move(all.error());
    return all->front();
  }
  Result<std::vector<Node>> apply_all(const char* name, std::initializer_list<Node> operands,
                                      const char* options = nullptr) {
    std::vector<tenon_node> given;
    for (const Node node : operands) given.push_back(node.number);
    std::array<tenon_node, kMostResults> made{};
    size_t count = 0;
    if (tenon_error* error = tenon_graph_apply(get(), name, given.data(), given.size(), options,
                                               made.data(), made.size(), &count))
      return error;
    std::vector<Node> nodes;
    for (size_t i = 0; i < count; ++i) nodes.push_back({made[i]});
    return nodes;
  }
  Status output(const char* name, Node node) {
    return tenon_graph_output(get(), name, node.number);
  }
  Result<Value> describe(Node node) {
    auto value = detail::sized<tenon_value>();
    if (tenon_error* error = tenon_graph_node(get(), node.number, &value)) return error;
    return Value(value);
  }
  Result<std::string> text() {
    const char* text = nullptr;
    if (tenon_error* error = tenon_graph_text(get(), &text)) return error;
    return std::string(text);
  }
  Result<Model> compile(const tenon_compile_options* options = nullptr) {
    tenon_model* model = nullptr;
    if (tenon_error* error = tenon_graph_compile(get(), options, &model)) return error;
    return Model(model);
  }
  [[nodiscard]] tenon_graph* get() const { return graph_.get(); }

 private:
  static constexpr size_t kMostResults = 64;
  detail::Handle<tenon_graph, tenon_graph_release> graph_;
};

class Kernel {
 public:
  explicit Kernel(tenon_kernel* kernel) : kernel_(kernel) {}
  static Result<Kernel> parse(const char* text, const char* name = nullptr) {
    tenon_kernel* kernel = nullptr;
    if (tenon_error* error = tenon_kernel_parse(text, name, &kernel)) return error;
    return Kernel(kernel);
  }
  /// The kernel of that index that the passes make of a graph.
  static Result<Kernel> of(const Graph& graph, size_t index = 0,
                           const tenon_compile_options* options = nullptr) {
    tenon_kernel* kernel = nullptr;
    if (tenon_error* error = tenon_graph_kernel(graph.get(), options, index, &kernel)) return error;
    return Kernel(kernel);
  }
  Result<Kernel> copy() {
    tenon_kernel* made = nullptr;
    if (tenon_error* error = tenon_kernel_copy(get(), &made)) return error;
    return Kernel(made);
  }
  /// The line as the trace has it.
  Result<std::string> apply(const char* line) {
    const char* applied = nullptr;
    if (tenon_error* error = tenon_kernel_apply(get(), line, &applied)) return error;
    return std::string(applied);
  }
  /// The default schedule, under decisions, one a line.
  Status schedule(const char* target = nullptr, const char* decisions = nullptr) {
    return tenon_kernel_schedule(get(), target, decisions);
  }
  Result<std::string> decisions(const char* target = nullptr, const char* decisions = nullptr) {
    const char* text = nullptr;
    if (tenon_error* error = tenon_kernel_decisions(get(), target, decisions, &text)) return error;
    return std::string(text);
  }
  /// Stages: loop, schedule, target, llvm, asm.
  Result<std::string> text(const char* stage = "schedule", const char* target = nullptr) {
    const char* text = nullptr;
    if (tenon_error* error = tenon_kernel_text(get(), stage, target, &text)) return error;
    return std::string(text);
  }
  [[nodiscard]] std::vector<std::string> trace() { return describe().first; }
  [[nodiscard]] std::vector<std::string> blocks() { return describe().second; }
  [[nodiscard]] std::vector<std::string> loops(const char* block) {
    const char* const* names = nullptr;
    size_t count = 0;
    tenon_error_release(tenon_kernel_loops(get(), block, &names, &count));
    return {names, names + count};
  }
  Result<Model> compile(const tenon_compile_options* options = nullptr) {
    tenon_model* model = nullptr;
    if (tenon_error* error = tenon_kernel_compile(get(), options, &model)) return error;
    return Model(model);
  }
  [[nodiscard]] tenon_kernel* get() const { return kernel_.get(); }

 private:
  std::pair<std::vector<std::string>, std::vector<std::string>> describe() {
    auto info = detail::sized<tenon_kernel_info>();
    tenon_error_release(tenon_kernel_describe(get(), &info));
    return {{info.trace, info.trace + info.trace_count},
            {info.blocks, info.blocks + info.block_count}};
  }
  detail::Handle<tenon_kernel, tenon_kernel_release> kernel_;
};

}  // namespace tenon

#endif
