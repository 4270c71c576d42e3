/* What the tests in C say: a failure is a line on standard error, and counts. */
#ifndef TENON_TEST_C_CHECK_H
#define TENON_TEST_C_CHECK_H

#include <stdio.h>
#include <string.h>

#include "tenon/tenon.h"

static int failures = 0;

static void check(int holds, const char* what, int line) {
  if (holds) return;
  fprintf(stderr, "line %d: %s\n", line, what);
  ++failures;
}
#define CHECK(what) check((what) ? 1 : 0, #what, __LINE__)

static void succeed(tenon_error* error, int line) {
  check(error == NULL, tenon_error_text(error), line);
  tenon_error_release(error);
}
#define OK(call) succeed(call, __LINE__)

static void refuse(tenon_error* error, const char* code, int line) {
  if (strcmp(tenon_error_code(error, 0), code) != 0) {
    fprintf(stderr, "expected %s\n", code);
    check(0, tenon_error_text(error), line);
  }
  tenon_error_release(error);
}
#define REFUSED(call, code) refuse(call, code, __LINE__)

#endif
