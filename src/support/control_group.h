// The control groups that limit this process (cgroup v1 and v2): one place for the folders that
// processor and memory limits are read from.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tenon {

/// Folders of the process's groups for a controller ("cpu", "memory"), each group before those
/// that contain it; files in them may be absent. `root` stands for "/" in tests.
[[nodiscard]] std::vector<std::string> control_group_folders(std::string_view controller,
                                                             const std::string& root = "");

}  // namespace tenon
