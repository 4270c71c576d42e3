// What is derived from the option table of the command line: shell completion and the man page.
#pragma once

#include <CLI/CLI.hpp>
#include <span>
#include <string>
#include <string_view>

namespace tenon::cli {

/// A script that completes commands, options, files and the values of options that have few.
struct Shell {
  std::string_view name;   // "bash"
  std::string_view usage;  // how a user puts the script into effect
  std::string (*script)(const CLI::App& app);
};
[[nodiscard]] std::span<const Shell> shells();

/// An environment variable that tenon reads.
struct Variable {
  const char* name;
  const char* meaning;
};
[[nodiscard]] std::span<const Variable> variables();

/// The page tenon(1) in the macros of man(7), every command and option included.
[[nodiscard]] std::string man_page(const CLI::App& app);

}  // namespace tenon::cli
