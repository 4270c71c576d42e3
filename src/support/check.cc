#include "support/check.h"

#include "support/text.h"

namespace tenon {

void internal_error(std::string_view what, const char* file, int line, const std::string& detail) {
  throw InternalError(cat(what, " at ", file, ":", line, detail.empty() ? "" : "\n", detail));
}

}  // namespace tenon
