#include "cli/cli.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <new>
#include <sstream>

#include "support/check.h"
#include "support/file.h"
#include "support/text.h"

namespace tenon::cli {

void CompileFlags::add_to(CLI::App& command) {
  options_ = {
      command
          .add_option("--target", target, "machine row to compile for; `tenon targets` lists them")
          ->capture_default_str(),
      command.add_option("--precision", precision, "f32")->capture_default_str(),
      command
          .add_option("--disable-pass", disabled_passes,
                      "skip a pass (repeatable); `tenon opt --list` names them")
          ->allow_extra_args(false),
      command
          .add_option("--reshape", reshape,
                      "INPUT=1x3x640x640: an input's shape in place of what the model declares; a "
                      "name makes an axis symbolic (repeatable)")
          ->allow_extra_args(false),
      command
          .add_option("--schedules", schedules,
                      "a folder of .tir files: kernels with trace lines that replace the default "
                      "schedule of the kernels that compute the same")
          ->check(is_named()),
      command.add_flag("--verify", verify, "compile anew, with the verifier after every pass"),
      command.add_flag("--no-cache", no_cache, "compile anew and store nothing"),
      command.add_option("--jobs", jobs, "threads of the compiler (default: all cores)")
          ->check(in_range(kJobsRange))};
}

std::string CompileFlags::given() const {
  std::string names;
  for (const CLI::Option* o : options_)
    if (o->count() > 0) names += (names.empty() ? "" : " ") + o->get_name();
  return names;
}

Result<compiler::Options> CompileFlags::resolve() const {
  compiler::Options options = terminal_options();
  options.target = target;
  options.precision = precision;
  options.passes.disabled = disabled_passes;
  options.reshape = reshape;
  options.passes.verify = verify;
  options.jobs = jobs;
  TENON_TRY_VOID(compiler::check(options));
  if (!schedules.empty()) {
    TENON_TRY(options.schedules, compiler::read_schedules(schedules));
  }
  return options;
}

Result<compiler::Session> open_session(const std::string& path, const CompileFlags& flags) {
  const std::string given = flags.given();
  if (path.ends_with(".tenon") && !given.empty())
    return fail("usage", cat("'", path, "' is compiled already, so ", given,
                             " would change nothing; give the .onnx or .tir file"));
  TENON_TRY(const compiler::Options options, flags.resolve());
  Result<compiler::Session> session = compiler::open(path, options, !flags.no_cache);
  clear_progress();
  return session;
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
    TENON_TRY_VOID(runtime::add_input_option(options, text));
  }
  for (const std::string& text : shapes) {
    TENON_TRY_VOID(runtime::add_shape_option(options, text));
  }
  const std::string& rule = fill.empty() ? default_fill : fill;
  if (!rule.empty()) {
    TENON_TRY(options.fill, runtime::parse_fill_option(rule));
  }
  return options;
}

Status set_inputs(Ready& ready, const runtime::InputOptions& options, int threads) {
  TENON_TRY(ready.inputs, runtime::make_inputs(*ready.session.model, options, threads));
  TENON_TRY(ready.executor, runtime::Executor::create(ready.session.model, threads));
  for (size_t i = 0; i < ready.inputs.size(); ++i)
    TENON_TRY_VOID(ready.executor->set_input(i, ready.inputs[i].view()));
  return {};
}

Result<Ready> make_ready(const std::string& path, const InputFlags& inputs,
                         const std::string& default_fill, const CompileFlags& flags, int threads) {
  TENON_TRY(const runtime::InputOptions options, inputs.resolve(default_fill));
  Ready ready;
  TENON_TRY(ready.session, open_session(path, flags));
  TENON_TRY_VOID(set_inputs(ready, options, threads));
  return ready;
}

CLI::Validator in_range(const NumberRange& range) {
  return {[range](const std::string& text) { return range_problem(text, range); }, "NUMBER"};
}

CLI::Validator is_named() {
  return {[](const std::string& text) { return std::string(text.empty() ? "is empty" : ""); },
          "NAME"};
}

namespace {

/// "; did you mean 'run'?", or where help is.
std::string way_out(const std::string& name, const std::vector<std::string>& known,
                    const std::string& help) {
  const std::string_view near = closest_name(name, known);
  return near.empty() ? help : cat("; did you mean '", near, "'?");
}

/// What is wrong, in the words of this program where the library's own would not help.
std::string usage_problem(const CLI::App& app, const std::vector<std::string>& arguments,
                          const CLI::ParseError& error) {
  std::vector<std::string> commands;
  for (const CLI::App* c : app.get_subcommands(nullptr)) commands.push_back(c->get_name());
  const std::string first = arguments.empty() ? "" : arguments[0];
  if (first.empty()) return "no command is given; `tenon --help` lists them";
  if (!first.starts_with("-") &&
      std::find(commands.begin(), commands.end(), first) == commands.end())
    return cat("no command is called '", first, "'",
               way_out(first, commands, "; `tenon --help` lists them"));
  const std::vector<CLI::App*> chosen = app.get_subcommands();
  const CLI::App& command = chosen.empty() ? app : *chosen[0];
  const std::string help =
      cat("; `tenon ", chosen.empty() ? "" : command.get_name() + " ", "--help` says more");
  std::string text = error.what();
  std::replace(text.begin(), text.end(), '\n', ' ');
  if (dynamic_cast<const CLI::ExtrasError*>(&error) == nullptr) return text + help;
  std::vector<std::string> options;
  for (const CLI::Option* o : command.get_options())
    for (const std::string& name : o->get_lnames()) options.push_back("--" + name);
  // The library lists what it could not place, last first; an option explains the words behind it.
  std::istringstream list(text.substr(text.find(':') + 1));
  std::string extra;
  for (std::string word; list >> word;)
    if (extra.empty() || !extra.starts_with("-") || word.starts_with("-")) extra = word;
  extra.resize(std::min(extra.find('='), extra.size()));
  const auto begins = [&](const std::string& a) { return a.starts_with(extra); };
  if (!chosen.empty() && std::find_if(arguments.begin(), arguments.end(), begins) <
                             std::find(arguments.begin(), arguments.end(), command.get_name()))
    return cat("'", extra, "' is not expected before the command; write it behind", help);
  return cat("'", extra, "' is not expected here", way_out(extra, options, help));
}

/// As run_command_line, without a look at what became of the output.
int parse_and_run(CLI::App& app, int argc, char** argv, const int& status) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);  // help or version
    return explain({{{"usage", usage_problem(app, {argv + 1, argv + argc}, e)}}});
  } catch (const InternalError& e) {
    return explain({{{"internal.invariant",
                      cat("a defect of Tenon, please report it with the model: ", e.what())}}});
  } catch (const std::bad_alloc&) {
    return explain({{{"run.memory",
                      "the memory of this machine does not suffice; give smaller "
                      "shapes or a smaller model"}}});
  }
  return status;
}

}  // namespace

int run_command_line(CLI::App& app, int argc, char** argv, const int& status) {
  const int done = parse_and_run(app, argc, argv, status);
  const Status written = flush_output();
  return written || done != 0 ? done : explain(written.error());
}

int explain(const Error& error) {
  clear_progress();
  for (const Diagnostic& d : error.diagnostics)
    std::fprintf(stderr, "tenon: error: %s\n", d.text().c_str());
  return error.diagnostics[0].code == "usage" ? 2 : 1;
}

namespace {

/// Of this process, as its command line says.
Talk& talk() {
  static Talk value = Talk::normal;
  return value;
}

}  // namespace

void add_talk(CLI::App& app) {
  app.fallthrough();
  app.add_flag_callback("-q,--quiet", [] { talk() = Talk::quiet; }, "no warnings and no progress");
  app.add_flag_callback(
      "-v,--verbose", [] { talk() = Talk::verbose; }, "each step as a line on stderr");
}

compiler::Options terminal_options() {
  compiler::Options options;
  if (talk() == Talk::quiet) return options;
  options.warn = [](const std::string& warning) {
    clear_progress();
    std::fprintf(stderr, "tenon: warning: %s\n", warning.c_str());
  };
  if (talk() == Talk::verbose) {
    options.progress = [](std::string_view what, size_t done, size_t total) {
      if (total == 0)
        std::fprintf(stderr, "tenon: %.*s\n", static_cast<int>(what.size()), what.data());
      else
        std::fprintf(stderr, "tenon: %.*s %zu/%zu\n", static_cast<int>(what.size()), what.data(),
                     done, total);
    };
    return options;
  }
  if (isatty(STDERR_FILENO) == 0) return options;
  options.progress = [](std::string_view what, size_t done, size_t total) {
    if (total == 0) {
      std::fprintf(stderr, "\r\033[K%.*s", static_cast<int>(what.size()), what.data());
    } else {
      std::fprintf(stderr, "\r\033[K%.*s %zu/%zu", static_cast<int>(what.size()), what.data(), done,
                   total);
    }
    std::fflush(stderr);
  };
  return options;
}

void clear_progress() {
  if (isatty(STDERR_FILENO) != 0) std::fprintf(stderr, "\r\033[K");
}

}  // namespace tenon::cli
