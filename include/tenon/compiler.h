/*
 * Tenon's compiler from C: the part of the library `tenon` that `tenon-runtime` lacks. See tenon.h
 * for errors, structs and lifetimes.
 */
#ifndef TENON_COMPILER_H
#define TENON_COMPILER_H

#include "tenon/tenon.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { TENON_FORMAT_ONNX = 0, TENON_FORMAT_TEXT = 1 /* Tenon's own: .tir */ };

/* An operator of ONNX models that the caller defines, in place of one that Tenon may know. `body`
 * is text: it ends with a model or function, whose parameters and results are those of the node,
 *
 *   model @gate[n, m](x: f32[n, m], w: f32[m]) -> (y) { t0 = ... }
 *
 * or with a kernel, which has loops and perhaps a schedule of its own,
 *
 *   kernel @gate[n](x: in f32[n], y: out f32[n]) {
 *     for i in parallel(n) { y[i] = x[i] * f32({alpha}) }
 *   }
 *
 * or is a function of the program that runs the model (tenon_instance_options.functions):
 *
 *   kernel @gate[n](x: in f32[n], y: out f32[n]) extern "gate" { }
 *
 * The indices of a kernel are trusted: they lie within the tensors. Sizes take the extents of the
 * operands. `{alpha}` stands for an attribute of the node, `{type 0}` for the element type of
 * operand 0. What does not fit is refused with "onnx.custom_operator". */
typedef struct tenon_custom_operator {
  size_t struct_size;
  const char* domain; /* NULL: ONNX's own */
  const char* name;
  const char* body;
} tenon_custom_operator;

typedef struct tenon_compile_options {
  size_t struct_size;
  const char* target;    /* as `tenon targets` names it; NULL: the CPU at hand */
  const char* precision; /* NULL: "f32" */
  int32_t threads;       /* of the compiler; 0: all that the process may use */
  /* Called from one thread at a time before each pass and kernel: what comes, how many are done, of
   * how many (0: not known). Not 0: the call ends with "compile.stopped". */
  int32_t (*progress)(void* user, const char* what, uint64_t done, uint64_t total);
  void* progress_user;
  tenon_log log; /* a warning for what is odd about the model and does no harm */
  void* log_user;
  /* Of bytes alone: */
  int32_t format;
  const char* name;   /* of the model in messages */
  const char* folder; /* of external data; NULL: there may be none */
  /* Of anything: */
  /* Shapes of inputs in place of those that an ONNX model declares: "image=1x3x640x640", where a
   * name in place of a number makes an axis symbolic. */
  const char* const* reshape;
  size_t reshape_count;
  const char* schedules; /* a folder of .tir kernels whose schedules replace the default ones */
  /* Of files alone: 1: take the model from the cache of compiled models, and keep it there (the
   * folder that `tenon env` names); for the CPU at hand. */
  int32_t cache;
  int32_t reserved;
  /* Of ONNX models alone. */
  const tenon_custom_operator* operators;
  size_t operator_count;
} tenon_compile_options;

/* Compiles an .onnx or .tir file, told by its name. A model for another CPU can be described and
 * saved, and not run. Refuses what `tenon check` does, all of it in one error. */
TENON_API tenon_error* tenon_compile(const char* path, const tenon_compile_options* options,
                                     tenon_model** model);
/* The same of bytes, which are needed for the time of the call. */
TENON_API tenon_error* tenon_compile_memory(const void* bytes, size_t size,
                                            const tenon_compile_options* options,
                                            tenon_model** model);

/* The program `tenon` on the arguments of a main function, argv[0] included: for packages that
 * bring the library and no program. Takes the process as its own: it prints, and sets handlers of
 * signals. Returns the exit status. */
TENON_API int tenon_program(int argc, char** argv);

#ifdef __cplusplus
}
#endif

#endif
