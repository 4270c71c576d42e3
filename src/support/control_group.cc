#include "support/control_group.h"

#include <fstream>

namespace tenon {
namespace {

/// Whether "cpu,cpuacct" lists the controller.
bool lists(std::string_view controllers, std::string_view wanted) {
  while (!controllers.empty()) {
    const size_t comma = std::min(controllers.find(','), controllers.size());
    if (controllers.substr(0, comma) == wanted) return true;
    controllers.remove_prefix(std::min(comma + 1, controllers.size()));
  }
  return false;
}

}  // namespace

std::vector<std::string> control_group_folders(std::string_view controller,
                                               const std::string& root) {
  std::vector<std::string> folders;
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    // ID:CONTROLLERS:PATH; version 2 has no controllers in the line
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string_view controllers =
        std::string_view(line).substr(first + 1, second - first - 1);
    if (!controllers.empty() && !lists(controllers, controller)) continue;
    std::string top = root + "/sys/fs/cgroup";
    if (!controllers.empty()) top.append("/").append(controller);
    std::string path = line.substr(second + 1);
    for (; path.size() > 1; path.resize(path.rfind('/'))) folders.push_back(top + path);
    folders.push_back(top);
  }
  return folders;
}

}  // namespace tenon
