#include "cli/json.h"

#include <cstdio>

#include "support/json.h"
#include "support/text.h"

namespace tenon::cli {

void print_json(std::string_view what, nlohmann::json object) {
  object["schema"] = cat("tenon.", what, "/1");
  std::printf("%s\n", json_text(object, 1).c_str());
}

}  // namespace tenon::cli
