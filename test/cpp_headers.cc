// The headers of C++: c_api_test.py compiles this strictly, with exceptions and without, against
// the headers and libtenon alone. The argument is a folder for files.
#include <cstdio>
#include <cstring>
#include <numeric>

#include "tenon/compiler.hpp"

namespace {

int failures = 0;

void check(bool holds, const char* what, int line) {
  if (holds) return;
  std::fprintf(stderr, "line %d: %s\n", line, what);
  ++failures;
}
#define CHECK(what) check(what, #what, __LINE__)
#define REFUSED(call, wanted) CHECK(!(call) && std::strcmp((call).error().code(), wanted) == 0)

tenon::Model mlp() {
  std::vector<float> weights(12);
  std::iota(weights.begin(), weights.end(), 0.0F);
  tenon::Graph g("mlp");
  const tenon::Node x = g.input("x", "f32[n, 4]").value();
  const tenon::Node w =
      g.constant(tenon::View(std::span<const float>(weights), {4, 3}), "w").value();
  const tenon::Node y = g.apply("relu", {g.apply("matmul", {x, w}).value()}).value();
  CHECK(g.output("y", y).has_value());
  CHECK(g.describe(y)->axes == (std::vector<std::string>{"n", "3"}));
  REFUSED(g.apply("matmul", {y, w}), "dot.C4");
  CHECK(g.text()->find("model @mlp[n]") != std::string::npos);
  return g.compile().value();
}

void runs(const tenon::Model& model) {
  const std::vector<float> x{1, 0, 0, 0, 0, 1, 0, -1};
  tenon::Pool pool = tenon::Pool::create(2).value();
  CHECK(pool.threads() == 2);
  tenon::Instance instance = model.instance(pool).value();
  CHECK(instance.bind("x", tenon::View(std::span<const float>(x), {2, 4})).has_value());
  REFUSED(instance.bind("z", tenon::View(std::span<const float>(x), {2, 4})), "run.input_name");
  REFUSED(instance.output(0), "api.no_result");
  CHECK(instance.run().has_value());
  const tenon::View y = instance.output("y").value();
  CHECK(y.shape() == (std::vector<int64_t>{2, 3}));
  CHECK(y.elements<float>()[2] == 2 && y.elements<float>()[3] == 0);
  CHECK(y.elements<double>().empty());
  std::vector<float> own(6, -1);
  CHECK(instance.bind_output(0, std::span<float>(own)).has_value());
  CHECK(instance.run_async().has_value());
  CHECK(instance.wait().has_value());
  CHECK(own[2] == 2 && own[5] == 0);
  CHECK(instance.memory().value() > 0);
  CHECK(instance.profile(true).has_value() && instance.run().has_value());
  uint64_t launches = 0;
  const std::vector<tenon_step> steps = instance.steps().value();
  for (const tenon_step& step : steps)
    launches += std::strcmp(step.kind, "launch") == 0 ? step.count : 0;
  CHECK(launches > 0);
  tenon::Instance copy = instance.fork().value();
  REFUSED(copy.run(), "run.missing_input");
  REFUSED(copy.warmup(1), "run.missing_input");
  CHECK(model.inputs().size() == 1 && model.inputs()[0].axes[0] == "n");
  CHECK(model.outputs()[0].name == "y" && model.states().empty());
}

void schedules() {
  const char* const text =
      "kernel @twice[n](x: in f32[n], y: out f32[n]) {\n"
      "  for i in serial(n) { block b(v: s = i) { y[v] = x[v] + x[v] } }\n"
      "}\n";
  REFUSED(tenon::Kernel::parse("kernel @k", "k.tir"), "text.syntax");
  tenon::Kernel kernel = tenon::Kernel::parse(text, "twice.tir").value();
  CHECK(kernel.blocks() == std::vector<std::string>{"b"} &&
        kernel.loops("b") == std::vector<std::string>{"i"});
  tenon::Kernel other = kernel.copy().value();
  CHECK(kernel.apply("vectorize(i)").has_value() == false);  // its extent is symbolic
  CHECK(kernel.apply("i_0, i_1 = split(i, 16)").value().starts_with("i_0, i_1"));
  CHECK(kernel.apply("vectorize(i_1)").has_value());
  CHECK(kernel.trace().size() == 2 && other.trace().empty());
  CHECK(kernel.text("asm").value().find("add") != std::string::npos);
  const std::vector<float> x{1, 2, 3};
  tenon::Model model = kernel.compile().value();
  tenon::Instance instance = model.instance(1).value();
  CHECK(instance.bind(0, tenon::View(std::span<const float>(x), {3})).has_value());
  CHECK(instance.run().has_value());
  CHECK(instance.output(0)->elements<float>()[2] == 6);
  CHECK(kernel.schedule().has_value() && !kernel.decisions().value().empty());
  tenon::Graph g;
  const tenon::Node in = g.input("x", "f32[8, 8]").value();
  CHECK(g.output("y", g.apply("exp", {in}).value()).has_value());
  CHECK(tenon::Kernel::of(g, 0)->text("loop")->find("exp(") != std::string::npos);
  REFUSED(tenon::Kernel::of(g, 1), "api.index");
}

}  // namespace

int main(int, char** argv) {
  const tenon::Model model = mlp();
  runs(model);
  const std::string file = std::string(argv[1]) + "/mlp.tenon";
  CHECK(model.save(file.c_str()).has_value());
  runs(tenon::load(file.c_str()).value());
  REFUSED(tenon::load("no.tenon"), "file.open");
  REFUSED(tenon::compile("no.onnx"), "file.open");
  schedules();
  return failures == 0 ? 0 : 1;
}
