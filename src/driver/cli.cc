#include "driver/cli.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace tenon::driver {

void CompileFlags::add_to(CLI::App& command) {
  command.add_option("--target", target, "machine row to compile for; `tenon targets` lists them")
      ->capture_default_str();
  command.add_option("--precision", precision, "f32")->capture_default_str();
  command
      .add_option("--disable-pass", disabled_passes,
                  "skip a graph pass (repeatable); `tenon opt --list` names them")
      ->allow_extra_args(false);
  command.add_flag("--verify", verify, "run the verifier after every pass");
  command.add_flag("--no-cache", no_cache, "compile anew and store nothing");
  command.add_option("--jobs", jobs, "threads of the compiler (default: all cores)");
}

Result<CompileOptions> CompileFlags::resolve() const {
  CompileOptions options;
  if (target != "host") {
    options.machine = machine::find_row(target);
    if (options.machine == nullptr) {
      std::string names;
      for (const machine::Machine& m : machine::rows()) names += " " + m.name;
      return fail("target.unknown", "no target is called '" + target + "'; known are host" + names);
    }
  }
  if (precision != "f32")
    return fail("precision.unsupported", "precision '" + precision + "' is not available; use f32");
  options.precision = precision;
  options.disabled_passes = disabled_passes;
  options.verify = verify;
  options.jobs = jobs;
  options.progress = terminal_progress();
  return options;
}

std::string CompileFlags::key() const {
  std::string text =
      target == "host" ? machine::host().name + "," + machine::host().llvm_cpu : target;
  text += "|" + precision;
  std::vector<std::string> passes = disabled_passes;
  std::sort(passes.begin(), passes.end());
  for (const std::string& p : passes) text += "|-" + p;
  return text;
}

void InputFlags::add_to(CLI::App& command) {
  command.add_option("--input", inputs, "NAME=FILE.npy: value of an input (repeatable)")
      ->allow_extra_args(false);
  command
      .add_option("--shape", shapes,
                  "INPUT=1x3x224x224 or SYMBOL=N: extents without a file (repeatable)")
      ->allow_extra_args(false);
  command.add_option("--fill", fill, "random:SEED or zeros: inputs that have no file");
}

Result<runtime::InputOptions> InputFlags::resolve(const std::string& default_fill) const {
  runtime::InputOptions options;
  for (const std::string& text : inputs) {
    TENON_TRY(auto file, runtime::parse_input_option(text));
    options.files.push_back(std::move(file));
  }
  for (const std::string& text : shapes) {
    TENON_TRY(auto shape, runtime::parse_shape_option(text));
    options.shapes.push_back(std::move(shape));
  }
  const std::string& rule = fill.empty() ? default_fill : fill;
  if (!rule.empty()) {
    TENON_TRY(options.fill, runtime::parse_fill_option(rule));
  }
  return options;
}

int explain(const Error& error) {
  clear_progress();
  for (const Diagnostic& d : error.diagnostics)
    std::fprintf(stderr, "tenon: error: %s\n", d.text().c_str());
  return error.diagnostics[0].code == "usage" ? 2 : 1;
}

std::function<void(std::string_view, size_t, size_t)> terminal_progress() {
  if (isatty(STDERR_FILENO) == 0) return nullptr;
  return [](std::string_view what, size_t done, size_t total) {
    if (total == 0) {
      std::fprintf(stderr, "\r\033[K%.*s", static_cast<int>(what.size()), what.data());
    } else {
      std::fprintf(stderr, "\r\033[K%.*s %zu/%zu", static_cast<int>(what.size()), what.data(), done,
                   total);
    }
    std::fflush(stderr);
  };
}

void clear_progress() {
  if (isatty(STDERR_FILENO) != 0) std::fprintf(stderr, "\r\033[K");
}

}  // namespace tenon::driver
