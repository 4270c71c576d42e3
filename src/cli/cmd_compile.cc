// tenon compile: a model file to a `.tenon` file.
#include <cstdio>

#include "artifact/file.h"
#include "cli/cli.h"
#include "compiler/compiler.h"
#include "compiler/session.h"

namespace tenon::cli {
namespace {

struct CompileArgs {
  std::string model, out;
  CompileFlags flags;
  bool times = false;
};

void print_times(const compiler::Compilation& compilation) {
  for (const compiler::PassTime& t : compilation.times) {
    std::printf("%s%-*s %8.3f s%s\n", t.of_kernels ? "  " : "", t.of_kernels ? 26 : 28,
                t.name.c_str(), t.seconds, t.of_kernels ? " of all threads" : "");
    for (const auto& [rule, applied] : t.rules)
      std::printf("  %-26s %8lld x\n", rule.c_str(), static_cast<long long>(applied));
  }
}

int compile_to_file(const CompileArgs& args) {
  if (!args.out.ends_with(".tenon")) {
    std::fprintf(stderr,
                 "tenon: error: output '%s': only .tenon files are written; name it OUT.tenon "
                 "[compile.output]\n",
                 args.out.c_str());
    return 2;
  }
  const Result<compiler::Options> options = args.flags.resolve();
  if (!options) return explain(options.error());
  Result<compiler::ImportedModel> source =
      compiler::read(compiler::Source::file(args.model), *options);
  if (!source) return explain(source.error());
  const Result<compiler::Compilation> compilation =
      compiler::generate(*std::move(source), *options);
  if (!compilation) return explain(compilation.error());
  const Result<artifact::Model> model = compiler::package(*compilation, *options);
  if (!model) return explain(model.error());
  if (const Status written = artifact::write(*model, args.out); !written)
    return explain(written.error());
  clear_progress();
  if (args.times) print_times(*compilation);
  std::printf("%s: target %s, %zu kernels, %llu bytes of code, %llu bytes of constants\n",
              args.out.c_str(), model->target.c_str(), compilation->kernels.size(),
              static_cast<unsigned long long>(model->code.size()),
              static_cast<unsigned long long>(artifact::constant_bytes(*model)));
  return 0;
}

}  // namespace

void add_compile(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("compile", "compile a model to a .tenon file");
  auto args = std::make_shared<CompileArgs>();  // shared: the callback outlives this call
  command->add_option("MODEL", args->model, "an .onnx or .tir file")->required();
  command->add_option("-o,--output", args->out, "the file to write: OUT.tenon")->required();
  command->add_flag("--times", args->times,
                    "print the time of each pass, and how often its rules applied");
  args->flags.add_to(*command);
  command->footer(
      "examples:\n  tenon compile model.onnx -o model.tenon\n"
      "  tenon compile model.onnx -o model.tenon --target x86-64-v3");
  command->callback([args, &status] { status = compile_to_file(*args); });
}

}  // namespace tenon::cli
