#ifdef TENON_COMPILER
#include "kernel.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>

namespace tenon_python {
namespace {

using KernelHandle = std::unique_ptr<tenon_kernel, Releaser<tenon_kernel_release>>;

nb::list texts(const char* const* all, size_t count) {
  nb::list list;
  for (size_t i = 0; i < count; ++i) list.append(nb::str(all[i]));
  return list;
}

class Kernel {
 public:
  explicit Kernel(tenon_kernel* kernel) : kernel_(kernel) {}
  Kernel(const std::string& text, const std::string& name) {
    tenon_kernel* kernel = nullptr;
    check(tenon_kernel_parse(text.c_str(), name.c_str(), &kernel));
    kernel_.reset(kernel);
  }
  nb::object copy() {
    tenon_kernel* made = nullptr;
    check(tenon_kernel_copy(kernel_.get(), &made));
    return kernel_object(made);
  }
  nb::str apply(const std::string& line) {
    const char* applied = nullptr;
    check(tenon_kernel_apply(kernel_.get(), line.c_str(), &applied));
    return nb::str(applied);
  }
  void schedule(const std::optional<std::string>& target, const std::string& decisions) {
    check(tenon_kernel_schedule(kernel_.get(), text_or_null(target), decisions.c_str()));
  }
  nb::str decisions(const std::optional<std::string>& target, const std::string& decisions) {
    const char* text = nullptr;
    check(tenon_kernel_decisions(kernel_.get(), text_or_null(target), decisions.c_str(), &text));
    return nb::str(text);
  }
  /// Name, trace, blocks.
  nb::tuple describe() {
    auto info = empty<tenon_kernel_info>();
    check(tenon_kernel_describe(kernel_.get(), &info));
    return nb::make_tuple(nb::str(info.name), texts(info.trace, info.trace_count),
                          texts(info.blocks, info.block_count));
  }
  nb::list loops(const std::string& block) {
    const char* const* names = nullptr;
    size_t count = 0;
    check(tenon_kernel_loops(kernel_.get(), block.c_str(), &names, &count));
    return texts(names, count);
  }
  nb::str text(const std::string& stage, const std::optional<std::string>& target) {
    const char* text = nullptr;
    check(tenon_kernel_text(kernel_.get(), stage.c_str(), text_or_null(target), &text));
    return nb::str(text);
  }
  nb::object compile(const std::optional<std::string>& target, int threads,
                     const std::shared_ptr<Pool>& pool) {
    const std::optional<std::string> precision;
    return compile_with({target, precision, threads, pool, nb::none()},
                        [&](tenon_compile_options& options, tenon_model** to) {
                          return tenon_kernel_compile(kernel_.get(), &options, to);
                        });
  }

 private:
  KernelHandle kernel_;
};

nb::list primitives() {
  nb::list rows;
  for (size_t i = 0; i < tenon_primitive_count(); ++i) {
    auto row = empty<tenon_primitive>();
    check(tenon_primitive_at(i, &row));
    rows.append(nb::make_tuple(row.name, row.signature));
  }
  return rows;
}

}  // namespace

nb::object kernel_object(tenon_kernel* kernel) {
  return nb::cast(new Kernel(kernel), nb::rv_policy::take_ownership);
}

void define_kernel(nb::module_& m) {
  using namespace nb::literals;
  nb::class_<Kernel>(m, "_Kernel")
      .def(nb::init<const std::string&, const std::string&>())
      .def("copy", &Kernel::copy)
      .def("apply", &Kernel::apply)
      .def("schedule", &Kernel::schedule, "target"_a.none(), "decisions"_a)
      .def("decisions", &Kernel::decisions, "target"_a.none(), "decisions"_a)
      .def("describe", &Kernel::describe)
      .def("loops", &Kernel::loops)
      .def("text", &Kernel::text, "stage"_a, "target"_a.none())
      .def("compile", &Kernel::compile, "target"_a.none(), "threads"_a, "pool"_a.none());
  m.def("_primitives", primitives);
}

}  // namespace tenon_python
#endif
