// The program `tenon` as a function: what tenon_main.cc and libtenon have in common.
#include "cli/cli.h"
#include "support/file.h"
#include "tenon/compiler.h"

int tenon_program(int argc, char** argv) {
  tenon::remove_temporaries_on_signals();
  CLI::App app{"Tenon compiles deep-learning models and runs them."};
  app.name("tenon");
  app.set_version_flag("--version", tenon::cli::version_text());
  tenon::cli::add_talk(app);
  app.require_subcommand(1);
  app.footer(
      "examples:\n"
      "  tenon run model.onnx --input image=cat.npy --save out\n"
      "  tenon bench model.onnx --shape batch=1 --threads 1 --json\n"
      "  tenon compile model.onnx -o model.tenon\n"
      "`tenon COMMAND --help` says more.");
  int status = 0;
  tenon::cli::add_run(app, status);
  tenon::cli::add_bench(app, status);
  tenon::cli::add_compile(app, status);
  tenon::cli::add_inspect(app, status);
  tenon::cli::add_check(app, status);
  tenon::cli::add_compare(app, status);
  tenon::cli::add_conformance(app, status);
  tenon::cli::add_opt(app, status);
  tenon::cli::add_targets(app, status);
  tenon::cli::add_env(app, status);
  tenon::cli::add_completion(app, status);
  tenon::cli::add_man(app, status);
  return tenon::cli::run_command_line(app, argc, argv, status);
}
