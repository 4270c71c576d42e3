/* An operator of the program's own from C99: the model of c_api_test.py, argv[1], has a node mine.Gate(x, w; alpha) of
 * x [batch, 4] and w [4], between two additions of 1. */
#include <stdio.h>
#include <string.h>

#include "tenon/compiler.h"
#include "c_check.h"

static const char* const kBodies[3] = {
    "model @gate[n, m](x: f32[n, m], w: f32[m]) -> (y) {\n"
    "  t0 = broadcast(w) {dims = [1]} : f32[n, m]\n"
    "  t1 = mul(x, t0) : f32[n, m]\n"
    "  t2 = broadcast(f32({alpha})) {dims = []} : f32[n, m]\n"
    "  t3 = mul(t1, t2) : f32[n, m]\n"
    "  return t3\n"
    "}\n",
    "kernel @gate[n, m](x: in f32[n, m], w: in f32[m], y: out f32[n, m]) {\n"
    "  for i in parallel(n) {\n"
    "    for j in serial(m) {\n"
    "      block gate(v_i: s = i, v_j: s = j) { y[v_i, v_j] = x[v_i, v_j] * w[v_j] * f32({alpha}) }\n"
    "    }\n"
    "  }\n"
    "}\n",
    "kernel @gate[n, m](x: in f32[n, m], w: in f32[m], y: out f32[n, m]) extern \"gate\" { }\n"};

typedef struct Gate {
  float alpha;
  int calls, fails;
} Gate;

static int32_t gate(void* user, void* const* tensors, size_t tensor_count, const int64_t* sizes,
                    size_t size_count) {
  Gate* g = user;
  const float* x = tensors[0];
  const float* w = tensors[1];
  float* y = tensors[2];
  int64_t i, j;
  ++g->calls;
  if (g->fails) return 7;
  if (tensor_count != 3 || size_count != 2 || sizes[1] != 4) return 1;
  for (i = 0; i < sizes[0]; ++i)
    for (j = 0; j < sizes[1]; ++j) y[i * 4 + j] = x[i * 4 + j] * w[j] * g->alpha;
  return 0;
}

static void run(const tenon_model* model, const tenon_instance_options* options) {
  float x[12], w[4] = {1, -2, 3, 0.5F};
  const int64_t x_shape[2] = {3, 4};
  const int64_t w_shape[1] = {4};
  tenon_instance* instance = NULL;
  tenon_tensor t = {sizeof t};
  tenon_tensor y = {sizeof y};
  int i;
  for (i = 0; i < 12; ++i) x[i] = (float)i;
  OK(tenon_instance_create(model, options, &instance));
  t.type = TENON_F32;
  t.rank = 2;
  t.shape = x_shape;
  t.data = x;
  t.bytes = sizeof x;
  OK(tenon_bind_input(instance, 0, &t));
  t.rank = 1;
  t.shape = w_shape;
  t.data = w;
  t.bytes = sizeof w;
  OK(tenon_bind_input(instance, 1, &t));
  OK(tenon_run(instance));
  OK(tenon_output(instance, 0, &y));
  for (i = 0; i < 12; ++i) CHECK(((float*)y.data)[i] == (x[i] + 1) * w[i % 4] * 0.25F + 1);
  if (options != NULL) {
    Gate* g = options->functions[0].user;
    CHECK(g->calls == 1);
    g->fails = 1;
    REFUSED(tenon_run(instance), "run.host_function");
    g->fails = 0;
    OK(tenon_run(instance));
    CHECK(g->calls == 3);
  }
  tenon_instance_release(instance);
}

int main(int argc, char** argv) {
  tenon_custom_operator custom = {sizeof custom};
  tenon_compile_options options = {sizeof options};
  tenon_model* model = NULL;
  tenon_instance* instance = NULL;
  Gate state = {0.25F, 0, 0};
  tenon_function function = {sizeof function};
  tenon_instance_options with = {sizeof with};
  int i;
  if (argc != 3) return 2;
  REFUSED(tenon_compile(argv[1], NULL, &model), "onnx.unknown_operator");
  options.operator_count = 1;
  REFUSED(tenon_compile(argv[1], &options, &model), "api.null");
  custom.domain = "mine";
  custom.name = "Gate";
  options.operators = &custom;
  REFUSED(tenon_compile(argv[1], &options, &model), "api.null");
  custom.body = "model";
  REFUSED(tenon_compile(argv[1], &options, &model), "onnx.custom_operator");
  function.name = "gate";
  function.call = gate;
  function.user = &state;
  with.functions = &function;
  with.function_count = 1;
  for (i = 0; i < 3; ++i) {
    custom.body = kBodies[i];
    OK(tenon_compile(argv[1], &options, &model));
    if (i == 2) REFUSED(tenon_instance_create(model, NULL, &instance), "run.host_function");
    run(model, i == 2 ? &with : NULL);
    if (i == 2) { /* the file names the function */
      state.calls = 0;
      OK(tenon_save(model, argv[2]));
      tenon_model_release(model);
      OK(tenon_load(argv[2], NULL, &model));
      run(model, &with);
      function.call = NULL;
      REFUSED(tenon_instance_create(model, &with, &instance), "api.null");
    }
    tenon_model_release(model);
  }
  return failures == 0 ? 0 : 1;
}
