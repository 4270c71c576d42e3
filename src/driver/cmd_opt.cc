// tenon opt: runs named graph passes on a text file and prints the result.
#include <cstdio>

#include "driver/cli.h"
#include "graph/pass.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "ops/verify.h"

namespace tenon::driver {
namespace {

struct OptArgs {
  std::vector<std::string> passes;
  std::string file;
  bool list = false, constants = false;
};

int list_passes() {
  for (const graph::Pass& p : graph::passes())
    std::printf("%-22s %s%s\n", std::string(p.name).c_str(), std::string(p.doc).c_str(),
                p.optional ? "" : " (cannot be switched off)");
  return 0;
}

int opt(const OptArgs& args) {
  if (args.list) return list_passes();
  if (args.file.empty()) {
    return explain({{{"usage", "give a .tir file, or --list for the passes"}}});
  }
  Result<Source> source = read_model(args.file);
  if (!source) return explain(source.error());
  for (const std::string& name : args.passes) {
    const graph::Pass* pass = graph::find_pass(name);
    if (pass == nullptr)
      return explain(
          {{{"pass.unknown", "no pass is called '" + name + "'; `tenon opt --list` names them"}}});
    if (const Status done = pass->run(*source->context, source->function); !done)
      return explain(done.error());
    if (const Status sound = ir::verify(source->function); !sound) return explain(sound.error());
  }
  std::printf(
      "%s",
      ir::print(*source->context, source->function, {.constant_bytes = args.constants}).c_str());
  return 0;
}

}  // namespace

void add_opt(CLI::App& app, int& status) {
  CLI::App* command =
      app.add_subcommand("opt", "run graph passes on a text file and print what comes out");
  auto args = std::make_shared<OptArgs>();  // shared: the callback outlives this call
  command->add_option("--pass", args->passes, "passes to run, in order (comma-separated)")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_flag("--list", args->list, "list the passes in the order of the pipeline");
  command->add_flag("--constants", args->constants, "print the bytes of all constants");
  command->add_option("FILE", args->file, "a .tir (or .onnx) file");
  command->footer("example:\n  tenon opt --pass fold_constants,simplify_algebra model.tir");
  command->callback([args, &status] { status = opt(*args); });
}

}  // namespace tenon::driver
