/*
 * Graphs from C: a model is made node by node, without a file, printed and compiled. Part of the
 * library `tenon`. See tenon.h for errors, structs and lifetimes.
 *
 *   tenon_graph* graph;
 *   tenon_node x, w, y, pair[2];
 *   tenon_error* error = tenon_graph_create("head", &graph);
 *   if (!error) error = tenon_graph_input(graph, "x", "f32[batch, 384]", &x);
 *   if (!error) error = tenon_graph_constant(graph, "w", &weights, &w);
 *   pair[0] = x;
 *   pair[1] = w;
 *   if (!error) error = tenon_graph_apply(graph, "matmul", pair, 2, NULL, &y, 1, NULL);
 *   if (!error) error = tenon_graph_apply(graph, "softmax", &y, 1, "axis=-1", &y, 1, NULL);
 *   if (!error) error = tenon_graph_output(graph, "y", y);
 *   if (!error) error = tenon_graph_compile(graph, NULL, &model);
 *
 * A graph is used by one thread at a time. Pointers that a function gives live until the next call
 * on the graph.
 */
#ifndef TENON_GRAPH_H
#define TENON_GRAPH_H

#include "tenon/compiler.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tenon_graph tenon_graph;

/* A value of one graph: a tensor. 0 is none, for an operand that is absent. */
typedef uint32_t tenon_node;

/* The name is the model's; NULL: "main". */
TENON_API tenon_error* tenon_graph_create(const char* name, tenon_graph** graph);
TENON_API void tenon_graph_release(tenon_graph* graph);

/* ---- values */

/* An input. `type` is what the text form has behind an input's name: "f32[batch, 384]", where a
 * name is an extent that runs may differ in; "inout f32[8]" for memory of the caller that a run
 * changes; "state f32[n, 64] reserve 4096" for memory of the instance that outlives a run. Refuses
 * a name that is taken ("graph.name") and "text.*" with the place in `type`. */
TENON_API tenon_error* tenon_graph_input(tenon_graph* graph, const char* name, const char* type,
                                         tenon_node* node);
/* A dense tensor; its elements are copied. The name, which may be NULL, is for people. */
TENON_API tenon_error* tenon_graph_constant(tenon_graph* graph, const char* name,
                                            const tenon_tensor* value, tenon_node* node);
/* A number as a tensor of rank 0: rounded to a float type, wrapped to an integer type. */
TENON_API tenon_error* tenon_graph_scalar(tenon_graph* graph, tenon_type type, double value,
                                          tenon_node* node);

/* What an operator makes of `count` operands: its results, `capacity` at most, and how many there
 * are (`result_count` may be NULL). `options` is "key=value key=value", or NULL; values are
 * numbers, words, lists with commas ("perm=0,2,1"), and extents over the graph's symbols
 * ("shape=batch,12,2*n"). Operands broadcast as NumPy's do. tenon_operator_at lists the operators.
 * Refuses "graph.operator", "graph.option", "graph.node", "api.capacity", and what the operator's
 * own rules do, such as "matmul.C1". */
TENON_API tenon_error* tenon_graph_apply(tenon_graph* graph, const char* operator_name,
                                         const tenon_node* operands, size_t count,
                                         const char* options, tenon_node* results, size_t capacity,
                                         size_t* result_count);

/* A result of the model. With the name of an inout or state input, it is that input's value behind
 * the run, of its element type and rank ("graph.type"). */
TENON_API tenon_error* tenon_graph_output(tenon_graph* graph, const char* name, tenon_node node);

/* Of a node: type, rank, extents (-1 where runs may differ), the axes as text that options take
 * again ("batch", "2 * n"); the name of an input, else "". role and has_default are 0. */
TENON_API tenon_error* tenon_graph_node(tenon_graph* graph, tenon_node node, tenon_value* value);

/* ---- the whole */

/* The graph in Tenon's text form: what has an output so far. Constants of more than a few elements
 * are printed as their hash. */
TENON_API tenon_error* tenon_graph_text(tenon_graph* graph, const char** text);
/* The graph can be changed and compiled again. Refuses "graph.no_output". Of the options, those of
 * files and bytes mean nothing. */
TENON_API tenon_error* tenon_graph_compile(tenon_graph* graph, const tenon_compile_options* options,
                                           tenon_model** model);

/* ---- the operators */

typedef struct tenon_operator {
  size_t struct_size;
  const char* name;
  const char* operands; /* "x,scale?": "?" behind those that may be absent (0); "x*": any number */
  const char* options;  /* "axis,epsilon" */
  const char* extents;  /* options that take extents: "k"; "shape*": any number */
} tenon_operator;
/* In the order of their names. */
TENON_API size_t tenon_operator_count(void);
TENON_API tenon_error* tenon_operator_at(size_t index, tenon_operator* row);

#ifdef __cplusplus
}
#endif

#endif
