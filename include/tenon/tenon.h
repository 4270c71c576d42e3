/*
 * Tenon from C: loads compiled models (.tenon) and runs them. C99, no dependency.
 *
 *   tenon_model* model;
 *   tenon_instance* instance;
 *   tenon_error* error = tenon_load("digits.tenon", NULL, &model);
 *   if (!error) error = tenon_instance_create(model, NULL, &instance);
 *   if (!error) error = tenon_bind_input(instance, 0, &image);
 *   if (!error) error = tenon_run(instance);
 *   if (!error) error = tenon_output(instance, 0, &scores);
 *
 * A model is immutable: code, weights and the description of inputs and outputs. An instance is
 * what one run at a time needs: memory between kernels, bindings, states. A pool is threads. Any
 * number of instances share a model and a pool.
 *
 * Errors. A function that can refuse returns NULL for success, else an error, which the caller
 * releases. What a function was to give is then NULL or untouched. Wrong arguments (null, a wrong
 * size, type or number) are errors like any other; their codes begin with "api.". The library
 * prints nothing, ends no process and throws nothing.
 *
 * Lifetime. Handles may be released in any order: an instance keeps what it needs of its model and
 * pool. Names, shapes and other pointers that a function gives live as long as the handle that it
 * was asked for, unless it says otherwise. A handle is not to be used behind its release; releasing
 * NULL does nothing.
 *
 * Threads. Models and pools may be used by any threads at once. An instance is used by one thread
 * at a time: a call during another one is refused ("api.busy"), but for tenon_cancel.
 *
 * Versions. Within a major version of the library, functions, constants and fields at the end of
 * structs are added, and nothing else changes. The first field of a struct is its size, which the
 * caller sets: fields that the caller's version lacks keep their defaults, and a field that the
 * library lacks is refused unless it is 0. So set a struct to 0 first: `tenon_tensor x = {sizeof
 * x};`.
 */
#ifndef TENON_TENON_H
#define TENON_TENON_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define TENON_API __attribute__((visibility("default")))
#else
#define TENON_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- versions */

/* Of this header; grows with each addition. */
#define TENON_API_VERSION 2
/* Of the library: at least that of the header which a program needs. */
TENON_API uint32_t tenon_api_version(void);
/* Of the release, such as "0.1.0". */
TENON_API const char* tenon_version(void);

/* ---- errors */

typedef struct tenon_error tenon_error;

/* A model that is refused may have several problems; most errors have one. */
TENON_API size_t tenon_error_count(const tenon_error* error);
/* Of problem `index`: the stable code, such as "run.extent"; docs/errors.md lists them. "" where
 * there is no such problem, as for NULL; so too the others. */
TENON_API const char* tenon_error_code(const tenon_error* error, size_t index);
/* What was expected, what was found, and a way out; without the code. */
TENON_API const char* tenon_error_message(const tenon_error* error, size_t index);
/* All problems, one a line: "message [code]". */
TENON_API const char* tenon_error_text(const tenon_error* error);
/* What the call was about: the file or name of the model; for the codes "api.*" the function. */
TENON_API const char* tenon_error_location(const tenon_error* error);
TENON_API void tenon_error_release(tenon_error* error);

/* ---- messages that are no errors */

enum { TENON_LOG_INFO = 1, TENON_LOG_WARNING = 2 };
/* Called on the thread of the call that has something to say; the texts live as long as the call.
 */
typedef void (*tenon_log)(void* user, int32_t level, const char* component, const char* text);

/* ---- tensors */

typedef int32_t tenon_type;
enum {
  TENON_BOOL = 0, /* a byte, 0 or 1 */
  TENON_I8 = 1,
  TENON_I16 = 2,
  TENON_I32 = 3,
  TENON_I64 = 4,
  TENON_U8 = 5,
  TENON_U16 = 6,
  TENON_U32 = 7,
  TENON_U64 = 8,
  TENON_F16 = 9,
  TENON_BF16 = 10,
  TENON_F32 = 11,
  TENON_F64 = 12,
  TENON_F8E4M3FN = 13,
  TENON_F8E4M3FNUZ = 14,
  TENON_F8E5M2 = 15,
  TENON_F8E5M2FNUZ = 16,
  TENON_I4 = 17, /* and those below: an element takes a byte */
  TENON_U4 = 18,
  TENON_I2 = 19,
  TENON_U2 = 20,
  TENON_F4E2M1 = 21
};
/* "f32"; "" for a number that is no type. */
TENON_API const char* tenon_type_name(tenon_type type);
/* Bytes of one element; 0 for a number that is no type. */
TENON_API size_t tenon_type_bytes(tenon_type type);

/* A view of a tensor in somebody's memory. */
typedef struct tenon_tensor {
  size_t struct_size;
  tenon_type type;
  int32_t rank;           /* axes */
  const int64_t* shape;   /* the extent of each axis */
  const int64_t* strides; /* distance along each axis, in elements; NULL: dense, row-major */
  void* data;             /* a multiple of the element's bytes; may be NULL without elements */
  size_t bytes;           /* that data points to: elements lie within; 0: nobody checks that */
} tenon_tensor;

/* ---- models */

typedef struct tenon_model tenon_model;

typedef struct tenon_load_options {
  size_t struct_size;
  int32_t trust;    /* 0: code and weights are checked against their checksum; 1: not */
  int32_t any_cpu;  /* 0: code for another CPU is refused; 1: it may be looked at, and not run */
  const char* name; /* of the model in messages, where it comes from no file */
  /* tenon_load_memory: called once when the bytes are needed no more; also when loading fails. */
  void (*release)(void* user);
  void* release_user;
  tenon_log log;
  void* log_user;
} tenon_load_options;

/* Maps a file. It is native code, to be trusted like a shared library; the checks find damage.
 * Refuses: "file.*", "artifact.*". Options may be NULL, here and below: all zero. */
TENON_API tenon_error* tenon_load(const char* path, const tenon_load_options* options,
                                  tenon_model** model);
/* The same from memory. Bytes at a multiple of 64 are used in place and stay as they are until the
 * model and its instances are released (options.release says when); others are copied. */
TENON_API tenon_error* tenon_load_memory(const void* bytes, size_t size,
                                         const tenon_load_options* options, tenon_model** model);
/* Gives the next bytes of a file, at most `size`: how many; 0 at its end, negative for a failure.
 */
typedef int64_t (*tenon_reader)(void* user, void* to, size_t size);
/* The same from a function, such as one that decrypts. It is called on this thread. Refuses
 * "artifact.reader" when the function fails. */
TENON_API tenon_error* tenon_load_reader(tenon_reader reader, void* user,
                                         const tenon_load_options* options, tenon_model** model);
/* Writes a .tenon file; it appears whole or not at all. */
TENON_API tenon_error* tenon_save(const tenon_model* model, const char* path);
TENON_API void tenon_model_release(tenon_model* model);

typedef struct tenon_model_info {
  size_t struct_size;
  const char* name;
  const char* producer;
  const char* target; /* the CPU that the code was made for, as `tenon targets` names it */
  const char* precision;
  const char* const* features; /* of the CPU, that the code needs */
  size_t feature_count;
  const char* const* symbols; /* extents that runs may differ in */
  size_t symbol_count;
  size_t input_count;
  size_t output_count;
  size_t state_count;
  uint64_t constant_bytes; /* weights; once in a process, however many instances there are */
  uint64_t code_bytes;
  int32_t runs_here; /* 1: this CPU runs it */
  int32_t reserved;
} tenon_model_info;
TENON_API tenon_error* tenon_model_describe(const tenon_model* model, tenon_model_info* info);

enum {
  TENON_ROLE_IN = 0,    /* the caller's value, of one run */
  TENON_ROLE_CONST = 1, /* the same in every run of an instance */
  TENON_ROLE_INOUT = 2  /* memory of the caller where a new value is left */
};
/* An input, output or state. */
typedef struct tenon_value {
  size_t struct_size;
  const char* name;
  tenon_type type;
  int32_t rank;
  const int64_t* extents;  /* of each axis; -1 where runs may differ in it */
  const char* const* axes; /* as people read them: "3", "batch", "2 * n" */
  int32_t role;            /* of an input */
  int32_t has_default;     /* 1: an input that need not be bound */
} tenon_value;
TENON_API tenon_error* tenon_model_input(const tenon_model* model, size_t index,
                                         tenon_value* value);
TENON_API tenon_error* tenon_model_output(const tenon_model* model, size_t index,
                                          tenon_value* value);
TENON_API tenon_error* tenon_model_state(const tenon_model* model, size_t index,
                                         tenon_value* value);
/* The index of that name, else "run.input_name", "run.output_name", "run.state_name" with the
 * nearest one. */
TENON_API tenon_error* tenon_find_input(const tenon_model* model, const char* name, size_t* index);
TENON_API tenon_error* tenon_find_output(const tenon_model* model, const char* name, size_t* index);
TENON_API tenon_error* tenon_find_state(const tenon_model* model, const char* name, size_t* index);

/* Bytes that an instance takes beside code and weights; what elements of tensors decide is not in
 * it. */
typedef struct tenon_memory {
  size_t struct_size;
  uint64_t arena;              /* tensors between kernels, and results */
  uint64_t scratch_per_thread; /* of each thread of the instance's pool */
  uint64_t states;
} tenon_memory;
/* For these extents of all inputs, one input behind the other; `count` is the sum of their ranks.
 */
TENON_API tenon_error* tenon_model_memory(const tenon_model* model, const int64_t* extents,
                                          size_t count, tenon_memory* memory);

/* ---- threads */

/* The most that a pool, an instance or the compiler is asked for. */
#define TENON_MAX_THREADS 4096

typedef struct tenon_pool tenon_pool;

typedef struct tenon_pool_options {
  size_t struct_size;
  int32_t threads; /* the calling one counts; 1: no others; 0: the physical cores in the affinity
                    * mask of the process, within the processor quota of its control groups */
  /* Threads of the caller in place of new ones: calls part(context, i) for each i below count, on
   * any threads and in any order, and returns when all calls have. It may be called for several
   * instances at once. NULL: the pool starts threads, which sleep while there is nothing to do. */
  void (*parallel_for)(void* user, void (*part)(void* context, size_t i), void* context,
                       size_t count);
  void* parallel_user;
  tenon_log log; /* a warning when the system gives fewer threads */
  void* log_user;
  /* Of threads that the pool starts; the calling thread stays as it is. */
  const int32_t*
      cpus; /* thread i (the calling one is 0) stays on cpus[i % cpu_count]; NULL: anywhere */
  size_t cpu_count;
  int32_t niceness; /* added to that of the process, -39 to 39, where the system lets it */
  int32_t reserved;
  /* About how long, in nanoseconds, a thread looks for the next kernel before it sleeps: 0: 50000;
   * negative: not at all. Longer wastes processor time, shorter makes short kernels wait. */
  int64_t spin;
} tenon_pool_options;
/* Results do not depend on the number of threads. Refuses "run.threads": not 0 to
 * TENON_MAX_THREADS; "api.value": a processor that the process may not use, another niceness. */
TENON_API tenon_error* tenon_pool_create(const tenon_pool_options* options, tenon_pool** pool);
/* A child of fork() has no threads of its parent's pools: there the calling thread does their work,
 * with the same results; a pool made in the child has threads. */
TENON_API int32_t tenon_pool_threads(const tenon_pool* pool);
TENON_API void tenon_pool_release(tenon_pool* pool);

/* ---- instances */

typedef struct tenon_instance tenon_instance;

/* Where the memory of instances comes from. The functions may be called by any thread that uses the
 * instance; only the first run with larger shapes takes memory. */
typedef struct tenon_allocator {
  size_t struct_size;
  /* At least `bytes` at a multiple of `alignment`, a power of two; NULL: there are none. */
  void* (*allocate)(void* user, size_t bytes, size_t alignment);
  void (*release)(void* user, void* memory, size_t bytes);
  void* user;
} tenon_allocator;

/* A function that a model calls by name: operators that its maker defined so. It reads and writes
 * dense, row-major tensors, in the order of the operator's parameters, on the thread of the run.
 * Not 0: the run ends with "run.host_function" and this number. */
typedef struct tenon_function {
  size_t struct_size;
  const char* name;
  int32_t (*call)(void* user, void* const* tensors, size_t tensor_count, const int64_t* sizes,
                  size_t size_count);
  void* user;
} tenon_function;

typedef struct tenon_instance_options {
  size_t struct_size;
  const tenon_pool* pool;           /* NULL: threads of its own, as many as `threads` says */
  int32_t threads;                  /* as in tenon_pool_options; 0 where a pool is given */
  const tenon_allocator* allocator; /* NULL: memory of the system */
  const tenon_function* functions;  /* that the model calls; others are ignored */
  size_t function_count;
} tenon_instance_options;
/* Refuses a model for another CPU ("artifact.cpu"). */
TENON_API tenon_error* tenon_instance_create(const tenon_model* model,
                                             const tenon_instance_options* options,
                                             tenon_instance** instance);
/* Another instance on the same threads, with copies of the states and nothing bound. */
TENON_API tenon_error* tenon_instance_fork(tenon_instance* instance, tenon_instance** copy);
/* Cancels an asynchronous run and waits for the end of its callback; from within that callback, the
 * instance goes when it returns. */
TENON_API void tenon_instance_release(tenon_instance* instance);
/* Bytes that the instance holds now. */
TENON_API tenon_error* tenon_instance_memory(tenon_instance* instance, uint64_t* bytes);

/* ---- what a run reads and writes
 *
 * Bindings stay until they are replaced. The memory stays the caller's; the struct and its shape
 * are not needed behind the call. Indices are those of tenon_model_input and tenon_model_output. */

/* Dense elements are read in place; others are copied once a run. Refuses another type, rank or
 * constant extent ("run.dtype", "run.rank", "run.extent") and elements outside of `bytes`
 * ("api.bytes", "run.strides"). */
TENON_API tenon_error* tenon_bind_input(tenon_instance* instance, size_t index,
                                        const tenon_tensor* tensor);
/* Dense memory that each run reads and changes, for an input of that role ("run.role"). */
TENON_API tenon_error* tenon_bind_inout(tenon_instance* instance, size_t index,
                                        const tenon_tensor* tensor);
/* Memory for a dense result: a multiple of the element's bytes; larger than it is fine, smaller is
 * refused by the run ("run.output_memory"). NULL: the instance's own again. */
TENON_API tenon_error* tenon_bind_output(tenon_instance* instance, size_t index, void* data,
                                         size_t bytes);
/* The shape that the next run gives an output: writes `capacity` extents at most, and the rank,
 * which is more than `capacity` only with "api.rank". Refuses "run.output_shape" where elements of
 * tensors decide an extent, and what a run refuses about inputs. */
TENON_API tenon_error* tenon_output_shape(tenon_instance* instance, size_t output, int64_t* shape,
                                          int32_t capacity, int32_t* rank);
/* The result of the last run; the pointers live until something is bound, the next run, or the
 * release of the instance. Refuses where there is none ("api.no_result"). */
TENON_API tenon_error* tenon_output(tenon_instance* instance, size_t index, tenon_tensor* tensor);

/* ---- runs */

/* Once it has run with some shapes, it allocates nothing while they stay. Refuses what is not bound
 * ("run.missing_input"), extents of one symbol that differ ("run.symbol"), memory that is too small
 * or used twice ("run.output_memory", "run.overlap"), and what goes wrong inside ("run.index",
 * "run.check", "run.memory"). A run that fails may have changed states and bound memory. */
TENON_API tenon_error* tenon_run(tenon_instance* instance);

/* Runs `runs` times on what is bound, so that later runs with these shapes find memory taken and
 * caches warm. States are put back, also where a run fails; outputs have no values that count.
 * Refuses a model whose inputs a run changes ("run.role"), and what tenon_run does. */
TENON_API tenon_error* tenon_warmup(tenon_instance* instance, size_t runs);

/* The outcome of a run; the error, NULL for success, is the callback's to release. It may use the
 * instance, also for the next run and to release it. */
typedef void (*tenon_done)(void* user, tenon_instance* instance, tenon_error* error);
/* Returns at once; a thread of the instance runs and calls `done`. Without a callback, tenon_wait
 * gives the outcome. */
TENON_API tenon_error* tenon_run_async(tenon_instance* instance, tenon_done done, void* user);
/* Returns when no asynchronous run or callback of the instance is left: the outcome of a run
 * without a callback, else NULL. Refused in the callback itself ("api.busy"). */
TENON_API tenon_error* tenon_wait(tenon_instance* instance);
/* From any thread: the run that is going on, or waits for its thread, ends before its next kernel
 * with "run.cancelled". Without one, nothing happens. */
TENON_API tenon_error* tenon_cancel(tenon_instance* instance);
/* Each run from now on has to end within so many nanoseconds from its call; it ends before its next
 * kernel with "run.deadline". 0: however long it takes. */
TENON_API tenon_error* tenon_set_deadline(tenon_instance* instance, uint64_t nanoseconds);

/* ---- states: tensors that an instance keeps from run to run */

/* The value as the last run left it, until the next run or a call below. */
TENON_API tenon_error* tenon_state(tenon_instance* instance, size_t index, tenon_tensor* tensor);
/* Copies a dense value in. Refuses another type or rank, and more than the model reserves
 * ("run.state"). */
TENON_API tenon_error* tenon_set_state(tenon_instance* instance, size_t index,
                                       const tenon_tensor* tensor);
/* All states as they were at first. */
TENON_API tenon_error* tenon_reset_states(tenon_instance* instance);

/* ---- profiles: what the steps of runs take */

/* 1: runs from now on measure each step, which costs two readings of the clock a step; it starts
 * from zero. 0: they measure nothing; what was measured stays. */
TENON_API tenon_error* tenon_instance_profile(tenon_instance* instance, int32_t on);

/* A launch of a kernel, or what a run does between them. */
typedef struct tenon_step {
  size_t struct_size;
  const char* kind;      /* "launch"; others are "stage" (sizes), "copy", "bind", "jump", ... */
  const char* kernel;    /* of a launch, as the texts below; else "" */
  const char* operation; /* the operator at the kernel's center, such as "dot" */
  const char* shape;     /* its extents, symbols by name: "batchx768x3072" */
  const char* schedule;  /* who chose it: the kind of default, or "file" */
  int64_t call;          /* launches of one call of a kernel have one number; -1: no launch */
  uint64_t count;        /* how often runs took the step */
  uint64_t nanoseconds;  /* of all these times together */
  int64_t flops;         /* of one call, for the shapes of the last run; 0: not known */
  int64_t bytes;         /* that one call touches, likewise */
} tenon_step;
/* How many steps the model has; a run takes some of them several times where it loops. */
TENON_API tenon_error* tenon_instance_step_count(tenon_instance* instance, size_t* count);
/* Refuses a step that is not there ("api.index"). */
TENON_API tenon_error* tenon_instance_step(tenon_instance* instance, size_t index,
                                           tenon_step* step);

#ifdef __cplusplus
}
#endif

#endif
