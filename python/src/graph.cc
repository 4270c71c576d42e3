#ifdef TENON_COMPILER
#include "graph.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "array.h"
#include "kernel.h"
#include "tenon/graph.h"

namespace tenon_python {
namespace {

using GraphHandle = std::unique_ptr<tenon_graph, Releaser<tenon_graph_release>>;

/// Of one operator.
constexpr size_t kMostResults = 64;

/// A number that is no type where there is none of that name, which the library refuses.
tenon_type type_of(const std::string& name) {
  tenon_type type = 0;
  while (*tenon_type_name(type) != 0 && tenon_type_name(type) != name) ++type;
  return type;
}

/// Nodes are the numbers of the C API.
class Graph {
 public:
  explicit Graph(const std::string& name) {
    tenon_graph* graph = nullptr;
    check(tenon_graph_create(name.c_str(), &graph));
    graph_.reset(graph);
  }
  tenon_node input(const std::string& name, const std::string& type) {
    tenon_node node = 0;
    check(tenon_graph_input(graph_.get(), name.c_str(), type.c_str(), &node));
    return node;
  }
  tenon_node constant(nb::handle value, const std::string& name) {
    const Array array(value, "the constant", Array::Use::read);
    tenon_node node = 0;
    check(tenon_graph_constant(graph_.get(), name.c_str(), &array.tensor(), &node));
    return node;
  }
  tenon_node scalar(const std::string& type, double value) {
    tenon_node node = 0;
    check(tenon_graph_scalar(graph_.get(), type_of(type), value, &node));
    return node;
  }
  std::vector<tenon_node> apply(const std::string& name, const std::vector<tenon_node>& operands,
                                const std::string& options) {
    std::vector<tenon_node> results(kMostResults);
    size_t count = 0;
    check(tenon_graph_apply(graph_.get(), name.c_str(), operands.data(), operands.size(),
                            options.c_str(), results.data(), results.size(), &count));
    results.resize(count);
    return results;
  }
  void output(const std::string& name, tenon_node node) {
    check(tenon_graph_output(graph_.get(), name.c_str(), node));
  }
  Value describe(tenon_node node) {
    auto value = empty<tenon_value>();
    check(tenon_graph_node(graph_.get(), node, &value));
    return Value(value);
  }
  nb::str text() {
    const char* text = nullptr;
    check(tenon_graph_text(graph_.get(), &text));
    return nb::str(text);
  }
  nb::object compile(const std::optional<std::string>& target,
                     const std::optional<std::string>& precision, int threads,
                     const std::shared_ptr<Pool>& pool, nb::object progress) {
    return compile_with({target, precision, threads, pool, std::move(progress)},
                        [&](tenon_compile_options& options, tenon_model** to) {
                          return tenon_graph_compile(graph_.get(), &options, to);
                        });
  }
  nb::object kernel(size_t index, const std::optional<std::string>& target) {
    auto options = empty<tenon_compile_options>();
    options.target = text_or_null(target);
    tenon_kernel* made = nullptr;
    check(tenon_graph_kernel(graph_.get(), &options, index, &made));
    return kernel_object(made);
  }

 private:
  GraphHandle graph_;
};

nb::list operators() {
  nb::list rows;
  for (size_t i = 0; i < tenon_operator_count(); ++i) {
    auto row = empty<tenon_operator>();
    check(tenon_operator_at(i, &row));
    rows.append(nb::make_tuple(row.name, row.operands, row.options, row.extents));
  }
  return rows;
}

}  // namespace

void define_graph(nb::module_& m) {
  using namespace nb::literals;
  nb::class_<Graph>(m, "_Graph")
      .def(nb::init<const std::string&>())
      .def("input", &Graph::input)
      .def("constant", &Graph::constant)
      .def("scalar", &Graph::scalar)
      .def("apply", &Graph::apply)
      .def("output", &Graph::output)
      .def("describe", &Graph::describe)
      .def("text", &Graph::text)
      .def("compile", &Graph::compile, "target"_a.none(), "precision"_a.none(), "threads"_a,
           "pool"_a.none(), "progress"_a.none())
      .def("kernel", &Graph::kernel, "index"_a, "target"_a.none());
  m.def("_operators", operators);
}

}  // namespace tenon_python
#endif
