/* Graphs and kernels from C99: c_api_test.py compiles this strictly, against the headers and libtenon alone. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tenon/schedule.h"
#include "c_check.h"

static tenon_tensor tensor_of(float* data, const int64_t* shape, int32_t rank, size_t bytes) {
  tenon_tensor t = {sizeof t};
  t.type = TENON_F32;
  t.rank = rank;
  t.shape = shape;
  t.data = data;
  t.bytes = bytes;
  return t;
}

/* y[0] of a model with one input x of [2, 4]. */
static void run_once(const tenon_model* model, float* x, const int64_t* shape, tenon_tensor* y,
                     tenon_instance** instance) {
  tenon_tensor input = tensor_of(x, shape, 2, 8 * sizeof(float));
  OK(tenon_instance_create(model, NULL, instance));
  OK(tenon_bind_input(*instance, 0, &input));
  OK(tenon_run(*instance));
  y->struct_size = sizeof *y;
  OK(tenon_output(*instance, 0, y));
}

static void graphs(void) {
  float weights[12] = {1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1};
  float x[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  const int64_t w_shape[2] = {4, 3};
  const int64_t x_shape[2] = {2, 4};
  tenon_tensor w_tensor = tensor_of(weights, w_shape, 2, sizeof weights);
  tenon_graph* graph = NULL;
  tenon_model* model = NULL;
  tenon_instance* instance = NULL;
  tenon_node in, w, half, product, scaled, none = 0, parts[2], pair[2];
  tenon_value value = {sizeof value};
  tenon_tensor y;
  size_t count = 0;
  const char* text = NULL;
  tenon_kernel* kernel = NULL;
  tenon_compile_options options = {sizeof options};

  OK(tenon_graph_create("head", &graph));
  REFUSED(tenon_graph_text(NULL, &text), "api.null");
  REFUSED(tenon_graph_compile(graph, NULL, &model), "graph.no_output");
  OK(tenon_graph_input(graph, "x", "f32[batch, 4]", &in));
  REFUSED(tenon_graph_input(graph, "x", "f32[4]", &w), "graph.name");
  REFUSED(tenon_graph_input(graph, "z", "f32[", &w), "text.syntax");
  REFUSED(tenon_graph_constant(graph, "w", NULL, &w), "api.null");
  OK(tenon_graph_constant(graph, "w", &w_tensor, &w));
  weights[0] = 100; /* elements were copied */
  REFUSED(tenon_graph_scalar(graph, 99, 0.5, &half), "api.type");
  REFUSED(tenon_graph_scalar(graph, TENON_I32, HUGE_VAL, &half), "api.value");
  OK(tenon_graph_scalar(graph, TENON_F32, 0.5, &half));
  pair[0] = in;
  pair[1] = w;
  OK(tenon_graph_apply(graph, "matmul", pair, 2, NULL, &product, 1, NULL));
  pair[0] = product;
  pair[1] = half;
  OK(tenon_graph_apply(graph, "mul", pair, 2, "", &scaled, 1, &count));
  CHECK(count == 1);
  REFUSED(tenon_graph_apply(graph, "mull", pair, 2, NULL, &none, 1, NULL), "graph.operator");
  REFUSED(tenon_graph_apply(graph, "sort", &in, 1, NULL, parts, 1, &count), "api.capacity");
  CHECK(count == 2);
  OK(tenon_graph_apply(graph, "sort", &in, 1, "descending=1", parts, 2, &count));
  pair[1] = 4711;
  REFUSED(tenon_graph_apply(graph, "mul", pair, 2, NULL, &none, 1, NULL), "graph.node");
  OK(tenon_graph_node(graph, scaled, &value));
  CHECK(value.rank == 2 && value.extents[0] == -1 && value.extents[1] == 3);
  CHECK(strcmp(value.axes[0], "batch") == 0 && value.type == TENON_F32);
  REFUSED(tenon_graph_node(graph, 0, &value), "graph.node");
  OK(tenon_graph_output(graph, "y", scaled));
  REFUSED(tenon_graph_output(graph, "y", in), "graph.name");
  OK(tenon_graph_text(graph, &text));
  CHECK(strstr(text, "model @head[batch](x: f32[batch, 4]) -> (y)") != NULL);

  OK(tenon_graph_compile(graph, NULL, &model));
  run_once(model, x, x_shape, &y, &instance);
  CHECK(y.rank == 2 && y.shape[0] == 2 && y.shape[1] == 3);
  CHECK(((float*)y.data)[0] == 0.5F * (1 + 4));
  CHECK(((float*)y.data)[5] == 0.5F * (7 + 8));
  tenon_instance_release(instance);
  tenon_model_release(model);

  options.progress_user = &count;
  OK(tenon_graph_output(graph, "largest_first", parts[0])); /* a graph goes on behind a compilation */
  OK(tenon_graph_compile(graph, &options, &model));
  run_once(model, x, x_shape, &y, &instance);
  OK(tenon_output(instance, 1, &y));
  CHECK(((float*)y.data)[0] == 4 && ((float*)y.data)[7] == 5);
  tenon_instance_release(instance);
  tenon_model_release(model);

  for (count = 0;; ++count) {
    tenon_error* error = tenon_graph_kernel(graph, NULL, count, &kernel);
    tenon_kernel_release(kernel);
    if (error == NULL) continue;
    CHECK(strcmp(tenon_error_code(error, 0), "api.index") == 0);
    tenon_error_release(error);
    break;
  }
  printf("%d kernels\n", (int)count);
  tenon_graph_release(graph);
  tenon_graph_release(NULL);
}

static void operators(void) {
  tenon_operator row = {sizeof row};
  tenon_primitive primitive = {sizeof primitive};
  size_t i, found = 0;
  for (i = 0; i < tenon_operator_count(); ++i) {
    OK(tenon_operator_at(i, &row));
    if (strcmp(row.name, "softmax") != 0) continue;
    ++found;
    CHECK(strcmp(row.operands, "x") == 0 && strcmp(row.options, "axis") == 0);
  }
  CHECK(found == 1);
  REFUSED(tenon_operator_at(tenon_operator_count(), &row), "api.index");
  for (i = 0, found = 0; i < tenon_primitive_count(); ++i) {
    OK(tenon_primitive_at(i, &primitive));
    if (strncmp(primitive.signature, "split(", 6) == 0) ++found;
  }
  CHECK(found == 1);
  REFUSED(tenon_primitive_at(tenon_primitive_count(), &primitive), "api.index");
}

static const char kScale[] =
    "kernel @scale[n](x: in f32[n, 4], y: out f32[n, 4]) {\n"
    "  for i in serial(n) {\n"
    "    for j in serial(4) {\n"
    "      block scale(v_i: s = i, v_j: s = j) {\n"
    "        y[v_i, v_j] = x[v_i, v_j] * f32(3)\n"
    "      }\n"
    "    }\n"
    "  }\n"
    "}\n";

static void kernels(void) {
  float x[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  const int64_t shape[2] = {2, 4};
  tenon_kernel* kernel = NULL;
  tenon_kernel* copy = NULL;
  tenon_kernel_info info = {sizeof info};
  const char* const* loops = NULL;
  const char* applied = NULL;
  const char* text = NULL;
  size_t count = 0;
  int step;
  REFUSED(tenon_kernel_parse("kernel", "k.tir", &kernel), "text.syntax");
  CHECK(kernel == NULL);
  REFUSED(tenon_kernel_parse("", NULL, &kernel), "tir.no_model");
  OK(tenon_kernel_parse(kScale, "scale.tir", &kernel));
  OK(tenon_kernel_describe(kernel, &info));
  CHECK(strcmp(info.name, "scale") == 0 && info.block_count == 1 && info.trace_count == 0);
  OK(tenon_kernel_loops(kernel, "scale", &loops, &count));
  CHECK(count == 2 && strcmp(loops[1], "j") == 0);
  for (step = 0; step < 4; ++step) { /* every step computes the same */
    tenon_model* model = NULL;
    tenon_instance* instance = NULL;
    tenon_tensor y;
    if (step == 1) {
      OK(tenon_kernel_apply(kernel, "i_0, i_1 = split(i, 8)", &applied));
      CHECK(strcmp(applied, "i_0, i_1 = split(i, 8, tail = predicate)") == 0);
    }
    if (step == 2) OK(tenon_kernel_apply(kernel, "vectorize(j)", NULL));
    if (step == 3) OK(tenon_kernel_apply(kernel, "parallel(i_0)", NULL));
    OK(tenon_kernel_compile(kernel, NULL, &model));
    run_once(model, x, shape, &y, &instance);
    CHECK(((float*)y.data)[0] == 3 && ((float*)y.data)[7] == 24);
    tenon_instance_release(instance);
    tenon_model_release(model);
  }
  REFUSED(tenon_kernel_apply(kernel, "vectorize(k)", NULL), "schedule.vectorize");
  REFUSED(tenon_kernel_apply(kernel, "vectorise(j)", NULL), "schedule.trace");
  OK(tenon_kernel_describe(kernel, &info));
  CHECK(info.trace_count == 3);
  OK(tenon_kernel_text(kernel, "loop", NULL, &text));
  CHECK(strstr(text, "trace ") != NULL);
  OK(tenon_kernel_parse(text, "again.tir", &copy));
  OK(tenon_kernel_describe(copy, &info));
  CHECK(info.trace_count == 3);
  tenon_kernel_release(copy);
  OK(tenon_kernel_copy(kernel, &copy));
  OK(tenon_kernel_apply(copy, "unroll(i_1)", NULL));
  OK(tenon_kernel_describe(kernel, &info));
  CHECK(info.trace_count == 3);
  tenon_kernel_release(copy);
  OK(tenon_kernel_text(kernel, "asm", "x86-64-v3", &text));
  CHECK(strstr(text, "mulps") != NULL);
  REFUSED(tenon_kernel_text(kernel, "bytes", NULL, &text), "kernel.stage");
  REFUSED(tenon_kernel_text(kernel, "asm", "vax", &text), "target.unknown");
  OK(tenon_kernel_decisions(kernel, "x86-64-v3", NULL, &text));
  CHECK(strstr(text, "= sample(") != NULL);
  REFUSED(tenon_kernel_schedule(kernel, NULL, "no_such = sample() -> 3"), "schedule.decision");
  REFUSED(tenon_kernel_schedule(kernel, NULL, "unroll(i)"), "schedule.trace");
  OK(tenon_kernel_schedule(kernel, "x86-64-v3", NULL));
  OK(tenon_kernel_describe(kernel, &info));
  CHECK(info.trace_count > 0 && strcmp(info.trace[0], "schedule 1") == 0);
  tenon_kernel_release(kernel);
  tenon_kernel_release(NULL);
}

int main(void) {
  graphs();
  operators();
  kernels();
  return failures == 0 ? 0 : 1;
}
