#include "support/check.h"

#include <cstdio>
#include <cstdlib>

namespace tenon {

void internal_error(std::string_view what, const char* file, int line, const std::string& detail) {
  std::fprintf(stderr, "tenon: internal error: %.*s at %s:%d\n%s%s", static_cast<int>(what.size()),
               what.data(), file, line, detail.c_str(), detail.empty() ? "" : "\n");
  std::abort();
}

}  // namespace tenon
