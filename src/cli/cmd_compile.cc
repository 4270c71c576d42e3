// tenon compile: a model file to a `.tenon` file, or to an object of C and its header.
#include <cstdio>

#include "artifact/file.h"
#include "cli/cli.h"
#include "compiler/compiler.h"
#include "compiler/session.h"
#include "embed/embed.h"
#include "support/text.h"

namespace tenon::cli {
namespace {

struct CompileArgs {
  std::string model, out, emit, name, header, weights;
  CompileFlags flags;
  bool times = false;
};

void print_times(const std::vector<compiler::PassTime>& times) {
  for (const compiler::PassTime& t : times) {
    std::printf("%s%-*s %8.3f s%s\n", t.of_kernels ? "  " : "", t.of_kernels ? 26 : 28,
                t.name.c_str(), t.seconds, t.of_kernels ? " of all threads" : "");
    for (const auto& [rule, applied] : t.rules)
      std::printf("  %-26s %8lld x\n", rule.c_str(), static_cast<long long>(applied));
  }
}

/// What becomes of the compiled model.
struct Output {
  std::optional<embed::Form> form;  // nullopt: a .tenon file
  embed::Options embedded = {};
};

Result<Output> output_of(const CompileArgs& args) {
  constexpr std::pair<std::string_view, embed::Form> kForms[] = {{"object", embed::Form::object},
                                                                 {"archive", embed::Form::archive},
                                                                 {"shared", embed::Form::shared}};
  Output out{.form = embed::form_of(args.out)};
  for (const auto& [name, form] : kForms)
    if (args.emit == name) out.form = form;
  if (args.emit == "tenon") out.form.reset();
  if (args.emit.empty() && !out.form && !args.out.ends_with(".tenon"))
    return fail("compile.output",
                cat("output '", args.out,
                    "' ends in none of .tenon, .o, .a and .so; name it OUT.tenon, or say "
                    "with --emit what it is to be"));
  if (!out.form) {
    if (!args.name.empty() || !args.weights.empty() || !args.header.empty())
      return fail("usage", "--name, --weights and --header are for .o, .a and .so; leave them out");
    return out;
  }
  out.embedded = {args.out, *out.form,
                  args.header.empty() ? embed::header_of(args.out, *out.form) : args.header,
                  args.name.empty() ? embed::identifier_of(args.out, *out.form) : args.name,
                  args.weights};
  if (!embed::is_identifier(out.embedded.name))
    return fail("usage",
                cat("--name '", args.name, "' is no name in C; give letters, digits and _"));
  const std::string& header = out.embedded.header;
  if (args.out == header || args.out == args.weights || header == args.weights)
    return fail("usage",
                cat("two outputs have the name '", args.out == header ? header : args.weights,
                    "'; give each file its own"));
  return out;
}

struct Compiled {
  artifact::Model model;
  std::vector<compiler::PassTime> times;
};

Result<Compiled> compile_model(const CompileArgs& args, const Output& out) {
  if (args.model.ends_with(".tenon")) {
    if (const std::string given = args.flags.given(); !given.empty() || !out.form)
      return fail("usage", cat("'", args.model, "' is compiled already: ",
                               out.form ? cat(given, " would change nothing; leave it out")
                                        : "its form can be .o, .a or .so"));
    TENON_TRY(artifact::Model model, artifact::read(args.model, {.check_cpu = false}));
    return Compiled{std::move(model), {}};
  }
  TENON_TRY(const compiler::Options options, args.flags.resolve());
  TENON_TRY(compiler::ImportedModel source,
            compiler::read(compiler::Source::file(args.model), options));
  TENON_TRY(compiler::Compilation compilation, compiler::generate(std::move(source), options));
  TENON_TRY(artifact::Model model, compiler::package(compilation, options));
  return Compiled{std::move(model), std::move(compilation.times)};
}

int compile_to_file(const CompileArgs& args) {
  const Result<Output> out = output_of(args);
  if (!out) {
    (void)explain(out.error());
    return 2;
  }
  const Result<Compiled> compiled = compile_model(args, *out);
  if (!compiled) return explain(compiled.error());
  const artifact::Model& model = compiled->model;
  const Status written =
      out->form ? embed::write(model, out->embedded) : artifact::write(model, args.out);
  if (!written) return explain(written.error());
  clear_progress();
  if (args.times) print_times(compiled->times);
  std::printf("%s: target %s, %zu kernels, %llu bytes of code, %llu bytes of constants\n",
              args.out.c_str(), model.target.c_str(), model.kernels.size(),
              static_cast<unsigned long long>(model.code.size()),
              static_cast<unsigned long long>(artifact::constant_bytes(model)));
  if (out->form)
    std::printf("%s: %s_open, %s_size, %s_run, %s_close\n", out->embedded.header.c_str(),
                out->embedded.name.c_str(), out->embedded.name.c_str(), out->embedded.name.c_str(),
                out->embedded.name.c_str());
  return 0;
}

}  // namespace

void add_compile(CLI::App& app, int& status) {
  CLI::App* command =
      app.add_subcommand("compile", "compile a model to a .tenon file, or to an object of C");
  auto args = std::make_shared<CompileArgs>();  // shared: the callback outlives this call
  command
      ->add_option("MODEL", args->model,
                   "an .onnx or .tir file; for an object of C a .tenon file too")
      ->required();
  command
      ->add_option("-o,--output", args->out,
                   "the file to write: OUT.tenon; OUT.o, OUT.a or OUT.so with OUT.h")
      ->required();
  command
      ->add_option("--emit", args->emit,
                   "what to write where OUT's ending does not say: tenon, object, archive, shared")
      ->check(CLI::IsMember({"tenon", "object", "archive", "shared"}));
  command->add_option("--name", args->name,
                      "of an object: what its functions' names begin with (default: OUT's name)");
  command->add_option("--header", args->header, "of an object: its header (default: OUT.h)");
  command->add_option("--weights", args->weights,
                      "of an object: a file for the constants, which then are not in the object");
  command->add_flag("--times", args->times,
                    "print the time of each pass, and how often its rules applied");
  args->flags.add_to(*command);
  command->footer(
      "examples:\n  tenon compile model.onnx -o model.tenon\n"
      "  tenon compile model.onnx -o model.tenon --target x86-64-v3\n"
      "  tenon compile model.onnx -o model.o --target neoverse-n1");
  command->callback([args, &status] { status = compile_to_file(*args); });
}

}  // namespace tenon::cli
