// The file that holds this code: of the program, or of the shared library that it is a part of.
#pragma once

#include <string>

namespace tenon {

/// Its path; "/proc/self/exe" where it is the program's.
[[nodiscard]] std::string code_file();

}  // namespace tenon
