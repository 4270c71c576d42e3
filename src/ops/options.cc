#include "ops/options.h"

#include <algorithm>

namespace tenon::ops {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

Options parse_options(std::string_view text) {
  Options options;
  for (const std::string_view word : split(text, ' ')) {
    if (word.empty()) continue;
    const size_t equals = word.find('=');
    if (equals != std::string_view::npos)
      options.emplace_back(word.substr(0, equals), word.substr(equals + 1));
    else if (!options.empty())
      options.back().second += word;
    else
      options.emplace_back(word, "");
  }
  return options;
}

}  // namespace tenon::ops
