// tenon: the command line. See docs/guide.md.
#include "driver/cli.h"
#include "support/file.h"

int main(int argc, char** argv) {
  tenon::remove_temporaries_on_signals();
  CLI::App app{"Tenon compiles deep-learning models and runs them."};
  app.name("tenon");
  app.set_version_flag("--version", "tenon " TENON_VERSION);
  app.require_subcommand(1);
  app.footer(
      "examples:\n"
      "  tenon run model.onnx --input image=cat.npy --save out\n"
      "  tenon bench model.onnx --shape batch=1 --threads 1 --json\n"
      "  tenon compile model.onnx -o model.tenon\n"
      "`tenon COMMAND --help` says more.");
  int status = 0;
  tenon::driver::add_run(app, status);
  tenon::driver::add_bench(app, status);
  tenon::driver::add_compile(app, status);
  tenon::driver::add_inspect(app, status);
  tenon::driver::add_check(app, status);
  tenon::driver::add_compare(app, status);
  tenon::driver::add_conformance(app, status);
  tenon::driver::add_opt(app, status);
  tenon::driver::add_targets(app, status);
  return tenon::driver::run_command_line(app, argc, argv, status);
}
