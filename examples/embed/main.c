/* A network inside a program of C: digits.onnx is compiled to an object, which this program links. It needs no library of
 * Tenon, allocates nothing and starts no thread. It reads a picture of 8 lines of 8 characters, a space for white. */
#include <stdio.h>

#include "digits.h"

static digits_instance instance;
static unsigned char workspace[DIGITS_WORKSPACE_BYTES];

static void explain(void *user, int code, const char *text) {
  (void)user;
  fprintf(stderr, "%s (code %d)\n", text, code);
}

int main(void) {
  float image[8][8] = {{0}}, scores[DIGITS_SCORES_COUNT];
  digits_hooks hooks = {0};
  digits_io io = {0};
  char line[64];
  int row, column, digit, best = 0;
  for (row = 0; row < 8 && fgets(line, sizeof line, stdin); ++row)
    for (column = 0; column < 8 && line[column] && line[column] != '\n'; ++column)
      image[row][column] = line[column] != ' ';
  hooks.error = explain;
  io.image = &image[0][0];
  io.scores = scores;
  if (digits_open(&instance, DIGITS_VERSION, &hooks) != DIGITS_OK) return 1;
  if (digits_run(&instance, &io, workspace, sizeof workspace) != DIGITS_OK) return 1;
  for (digit = 1; digit < DIGITS_SCORES_COUNT; ++digit)
    if (scores[digit] > scores[best]) best = digit;
  printf("it is a %d\n", best);
  digits_close(&instance);
  return 0;
}
