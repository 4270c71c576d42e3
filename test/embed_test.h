/* What the generated programs of embed_test.py share: files of raw values, and threads for a loop.
 */
#ifndef TENON_EMBED_TEST_H
#define TENON_EMBED_TEST_H

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static void* load(const char* path, size_t alignment) {
  FILE* file = fopen(path, "rb");
  long bytes;
  char* memory;
  if (!file || fseek(file, 0, SEEK_END) || (bytes = ftell(file)) < 0) exit(90);
  rewind(file);
  memory = malloc((size_t)bytes + 2 * alignment);
  if (!memory) exit(91);
  memory += alignment - (uintptr_t)memory % alignment;
  if (fread(memory, 1, (size_t)bytes, file) != (size_t)bytes) exit(92);
  fclose(file);
  return memory;
}

static void save(const char* path, const void* memory, size_t bytes) {
  FILE* file = fopen(path, "wb");
  if (!file || fwrite(memory, 1, bytes, file) != bytes) exit(93);
  fclose(file);
}

static void tell(void* user, int code, const char* text) {
  fprintf((FILE*)user, "%d %s\n", code, text);
}

typedef struct one_part {
  void (*part)(void* context, size_t i);
  void* context;
  size_t i;
} one_part;

static void* call_part(void* one) {
  const one_part* p = one;
  p->part(p->context, p->i);
  return NULL;
}

static void on_threads(void* user, void (*part)(void* context, size_t i), void* context,
                       size_t count) {
  pthread_t threads[8];
  one_part parts[8];
  size_t i;
  ++*(int*)user;
  if (count > 8) exit(94);
  for (i = 0; i < count; ++i) {
    parts[i].part = part;
    parts[i].context = context;
    parts[i].i = i;
    if (pthread_create(&threads[i], NULL, call_part, &parts[i])) exit(95);
  }
  for (i = 0; i < count; ++i) pthread_join(threads[i], NULL);
}

#endif
