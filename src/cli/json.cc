#include "cli/json.h"

#include <cstdio>

#include "support/text.h"

namespace tenon::cli {

void print_json(std::string_view what, nlohmann::json object) {
  object["schema"] = cat("tenon.", what, "/1");
  const auto replace = nlohmann::json::error_handler_t::replace;
  std::printf("%s\n", object.dump(1, ' ', /*ensure_ascii=*/false, replace).c_str());
}

}  // namespace tenon::cli
