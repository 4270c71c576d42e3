/*
 * Kernels and their schedules from C: a loop program is read from text, primitives are applied one
 * by one, each step can be printed, compiled and run. Part of the library `tenon`. See tenon.h for
 * errors, structs and lifetimes; the guide for the language of kernels and schedules.
 *
 *   tenon_kernel* kernel;
 *   tenon_error* error = tenon_kernel_parse(text, "matmul.tir", &kernel);
 *   if (!error) error = tenon_kernel_apply(kernel, "j_0, j_1 = split(j, 16)", NULL);
 *   if (!error) error = tenon_kernel_apply(kernel, "vectorize(j_1)", NULL);
 *   if (!error) error = tenon_kernel_text(kernel, "asm", NULL, &assembly);
 *   if (!error) error = tenon_kernel_compile(kernel, NULL, &model);
 *
 * A kernel's own indices are trusted: a text whose loops leave its buffers reads and writes there.
 *
 * A kernel and its copies are used by one thread at a time. Pointers that a function gives live
 * until the next call on the kernel.
 */
#ifndef TENON_SCHEDULE_H
#define TENON_SCHEDULE_H

#include "tenon/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tenon_kernel tenon_kernel;

/* The one kernel of a text; its `trace` lines are applied. The name, which may be NULL, is for
 * messages. Refuses "text.*", "verify.*", "tir.no_model" where there is none or several, and lines
 * that do not apply. */
TENON_API tenon_error* tenon_kernel_parse(const char* text, const char* name,
                                          tenon_kernel** kernel);
/* The kernel of that index that the passes make of a graph, without a schedule. Refuses "api.index"
 * with how many there are. */
TENON_API tenon_error* tenon_graph_kernel(tenon_graph* graph, const tenon_compile_options* options,
                                          size_t index, tenon_kernel** kernel);
/* Another one, to go on from the same place in another way. */
TENON_API tenon_error* tenon_kernel_copy(tenon_kernel* kernel, tenon_kernel** copy);
TENON_API void tenon_kernel_release(tenon_kernel* kernel);

/* One line of a schedule: a primitive, "i_0, i_1 = split(i, 16, tail = predicate)", or a decision,
 * "rows = sample([4, 6]) -> 6". `applied`, unless NULL, is the line as the trace has it, with the
 * names of what it made on its left. A line that is refused ("schedule.*") changes nothing.
 * A decision waits for a line that refers to it; until then the kernel is neither printed nor
 * compiled. */
TENON_API tenon_error* tenon_kernel_apply(tenon_kernel* kernel, const char* line,
                                          const char** applied);
/* The default schedule of a target (NULL: the CPU at hand) in place of the lines so far, under
 * decisions of the caller: lines "rows = sample() -> 6", or NULL. */
TENON_API tenon_error* tenon_kernel_schedule(tenon_kernel* kernel, const char* target,
                                             const char* decisions);
/* What that schedule decides, with the candidates of each: "rows = sample([4, 6]) -> 6", one a
 * line. */
TENON_API tenon_error* tenon_kernel_decisions(tenon_kernel* kernel, const char* target,
                                              const char* decisions, const char** text);

typedef struct tenon_kernel_info {
  size_t struct_size;
  const char* name;
  const char* const* trace; /* the lines that were applied */
  size_t trace_count;
  const char* const* blocks; /* in the order of the program */
  size_t block_count;
} tenon_kernel_info;
TENON_API tenon_error* tenon_kernel_describe(tenon_kernel* kernel, tenon_kernel_info* info);
/* Names of the loops around a block, from the outermost; none for a block that there is not. */
TENON_API tenon_error* tenon_kernel_loops(tenon_kernel* kernel, const char* block,
                                          const char* const** loops, size_t* count);
/* The kernel as text. Stages: "loop": the definition with the trace, which reads back as this
 * kernel; "schedule": the scheduled program; for a target (NULL: the CPU at hand): "target": as
 * code is made of it; "llvm"; "asm". */
TENON_API tenon_error* tenon_kernel_text(tenon_kernel* kernel, const char* stage,
                                         const char* target, const char** text);
/* A model whose inputs and outputs are the kernel's parameters; values of `const` parameters are
 * made up. The program is taken as it stands: without lines, the loops as they were written. */
TENON_API tenon_error* tenon_kernel_compile(tenon_kernel* kernel,
                                            const tenon_compile_options* options,
                                            tenon_model** model);

typedef struct tenon_primitive {
  size_t struct_size;
  const char* name;
  const char* signature; /* "split(loop, factor, tail = predicate)" */
} tenon_primitive;
TENON_API size_t tenon_primitive_count(void);
TENON_API tenon_error* tenon_primitive_at(size_t index, tenon_primitive* row);

#ifdef __cplusplus
}
#endif

#endif
