/* The C API from C99: c_api_test.py compiles this strictly, against the headers and libtenon alone. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tenon/compiler.h"
#include "tenon/tenon.h"
#include "c_check.h"

static const char kModel[] =
    "model @main[n](x: f32[n, 4]) -> (y) {\n"
    "  t0 = exp(x) : f32[n, 4]\n"
    "  return t0\n"
    "}\n";

static tenon_compile_options text_options(void) {
  tenon_compile_options options = {sizeof options};
  options.format = TENON_FORMAT_TEXT;
  options.name = "given";
  return options;
}

static tenon_tensor tensor_of(float* data, const int64_t* shape, int32_t rank, size_t bytes) {
  tenon_tensor t = {sizeof t};
  t.type = TENON_F32;
  t.rank = rank;
  t.shape = shape;
  t.data = data;
  t.bytes = bytes;
  return t;
}

static void run_model(const tenon_model* model) {
  float x[8] = {0, 1, -1, 2, -2, 0.5F, -0.5F, 3};
  float y[8];
  const int64_t shape[2] = {2, 4};
  int64_t expected[2];
  int32_t rank = 0;
  int i;
  tenon_tensor in = tensor_of(x, shape, 2, sizeof x);
  tenon_tensor out = {sizeof out};
  tenon_instance* instance = NULL;
  OK(tenon_instance_create(model, NULL, &instance));
  OK(tenon_bind_input(instance, 0, &in));
  OK(tenon_output_shape(instance, 0, expected, 2, &rank));
  CHECK(rank == 2 && expected[0] == 2 && expected[1] == 4);
  OK(tenon_run(instance));
  OK(tenon_output(instance, 0, &out));
  CHECK(out.rank == 2 && out.shape[0] == 2 && out.bytes == sizeof y);
  for (i = 0; i < 8; ++i) CHECK(fabs(((const float*)out.data)[i] - exp(x[i])) < 1e-4);
  OK(tenon_bind_output(instance, 0, y, sizeof y));
  OK(tenon_run_async(instance, NULL, NULL));
  OK(tenon_wait(instance));
  for (i = 0; i < 8; ++i) CHECK(fabs(y[i] - exp(x[i])) < 1e-4);
  tenon_instance_release(instance);
}

static void compiles_runs_saves_and_loads(const char* path) {
  const tenon_compile_options options = text_options();
  tenon_model_info info = {sizeof info};
  tenon_value value = {sizeof value};
  tenon_model* model = NULL;
  OK(tenon_compile_memory(kModel, sizeof kModel - 1, &options, &model));
  OK(tenon_model_describe(model, &info));
  CHECK(info.input_count == 1 && info.output_count == 1 && info.runs_here == 1);
  CHECK(info.symbol_count == 1 && strcmp(info.symbols[0], "n") == 0);
  CHECK(info.feature_count > 0 && info.code_bytes > 0);
  OK(tenon_model_input(model, 0, &value));
  CHECK(strcmp(value.name, "x") == 0 && value.type == TENON_F32 && value.rank == 2);
  CHECK(value.extents[0] == -1 && value.extents[1] == 4 && strcmp(value.axes[0], "n") == 0);
  run_model(model);
  OK(tenon_save(model, path));
  tenon_model_release(model);
  OK(tenon_load(path, NULL, &model));
  run_model(model);
  tenon_model_release(model);
}

static void refuses_what_is_no_model(void) {
  tenon_compile_options options = text_options();
  const char* shapes[1] = {NULL};
  tenon_model* model = NULL;
  tenon_error* error = tenon_compile_memory("model @main(", 12, &options, &model);
  CHECK(strcmp(tenon_error_code(error, 0), "text.syntax") == 0);
  CHECK(strstr(tenon_error_message(error, 0), "given") != NULL);
  CHECK(model == NULL);
  tenon_error_release(error);
  options.format = TENON_FORMAT_ONNX;
  REFUSED(tenon_compile_memory("no model", 8, &options, &model), "onnx.parse");
  options.format = 7;
  REFUSED(tenon_compile_memory("no model", 8, &options, &model), "api.value");
  options = text_options();
  options.target = "no-such-cpu";
  REFUSED(tenon_compile_memory(kModel, sizeof kModel - 1, &options, &model), "target.unknown");
  options.target = NULL;
  options.precision = "f7";
  REFUSED(tenon_compile_memory(kModel, sizeof kModel - 1, &options, &model),
          "precision.unsupported");
  options.precision = NULL;
  options.reshape_count = 1;
  REFUSED(tenon_compile_memory(kModel, sizeof kModel - 1, &options, &model), "api.null");
  options.reshape = shapes;
  REFUSED(tenon_compile_memory(kModel, sizeof kModel - 1, &options, &model), "api.null");
  shapes[0] = "x=2x4"; /* of a text */
  REFUSED(tenon_compile_memory(kModel, sizeof kModel - 1, &options, &model), "compile.reshape");
  options = text_options();
  options.threads = -1;
  REFUSED(tenon_compile_memory(kModel, sizeof kModel - 1, &options, &model), "api.value");
  REFUSED(tenon_compile_memory(NULL, 0, NULL, &model), "api.null");
  REFUSED(tenon_compile_memory(kModel, 1, NULL, NULL), "api.null");
  REFUSED(tenon_compile(NULL, NULL, &model), "api.null");
  REFUSED(tenon_compile("x.onnx", NULL, NULL), "api.null");
  REFUSED(tenon_compile("/no/such.onnx", NULL, &model), "file.open");
}

static int32_t stop_at(void* user, const char* what, uint64_t done, uint64_t total) {
  int* left = user;
  CHECK(what[0] != 0 && (total == 0 || done <= total));
  return --*left == 0;
}

static void stops_when_asked(void) {
  tenon_compile_options options = text_options();
  tenon_model* model = NULL;
  int left = 1000000;
  int seen;
  options.progress = stop_at;
  options.progress_user = &left;
  OK(tenon_compile_memory(kModel, sizeof kModel - 1, &options, &model));
  tenon_model_release(model);
  seen = 1000000 - left;
  CHECK(seen > 5);
  left = seen / 2;
  REFUSED(tenon_compile_memory(kModel, sizeof kModel - 1, &options, &model), "compile.stopped");
  CHECK(left == 0 && model == NULL);
  left = seen; /* as the last thing that it does */
  REFUSED(tenon_compile_memory(kModel, sizeof kModel - 1, &options, &model), "compile.stopped");
}

static void compiles_for_another_cpu(const char* path) {
  tenon_compile_options options = text_options();
  tenon_load_options look = {sizeof look};
  tenon_model_info info = {sizeof info};
  tenon_model* model = NULL;
  tenon_instance* instance = NULL;
  options.target = "neoverse-v1";
  OK(tenon_compile_memory(kModel, sizeof kModel - 1, &options, &model));
  OK(tenon_model_describe(model, &info));
  CHECK(strcmp(info.target, "neoverse-v1") == 0);
  if (info.runs_here == 0)
    REFUSED(tenon_instance_create(model, NULL, &instance), "artifact.cpu");
  OK(tenon_save(model, path));
  tenon_model_release(model);
  look.any_cpu = 1;
  OK(tenon_load(path, &look, &model));
  tenon_model_release(model);
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  CHECK(tenon_api_version() == TENON_API_VERSION);
  compiles_runs_saves_and_loads(argv[1]);
  refuses_what_is_no_model();
  stops_when_asked();
  compiles_for_another_cpu(argv[1]);
  return failures == 0 ? 0 : 1;
}
