// The page is a template (page.html with its style and scripts inside) and two pieces of JSON.
#include "cli/report/report.h"
#include "cli/report_page.h"
#include "support/json.h"

namespace tenon::cli {
namespace {

/// JSON that ends no script element, whatever its texts hold.
std::string embedded(const nlohmann::json& json) {
  std::string out;
  for (const char c : json_text(json)) {
    if (c == '<')
      out += "\\u003c";
    else if (c == '>')
      out += "\\u003e";
    else if (c == '&')
      out += "\\u0026";
    else
      out += c;
  }
  return out;
}

}  // namespace

std::string page_of(const nlohmann::json& report, const nlohmann::json& against) {
  const std::string_view page = kReportPage;
  const size_t first = page.find("@REPORT@");
  const size_t second = page.find("@AGAINST@");
  std::string out(page.substr(0, first));
  out += embedded(report);
  out += page.substr(first + 8, second - first - 8);
  out += embedded(against);
  out += page.substr(second + 9);
  return out;
}

}  // namespace tenon::cli
