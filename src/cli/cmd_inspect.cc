// tenon inspect: what a model became at any stage.
#include <cstdio>

#include "artifact/file.h"
#include "cli/cli.h"
#include "compiler/kernel_text.h"
#include "compiler/passes.h"
#include "export/onnx.h"
#include "ir/kernel_calls.h"
#include "ir/text.h"
#include "schedule/schedule.h"
#include "support/text.h"

namespace tenon::cli {
namespace {

struct InspectArgs {
  std::string model, stage, kernel, after, onnx;
  CompileFlags flags;
  bool constants = false, why = false;
};

int inspect_artifact(const std::string& path) {
  const Result<artifact::Model> model =
      artifact::read(path, {.verify_whole = true, .check_cpu = false});
  if (!model) return explain(model.error());
  std::printf("model %s, made by %s\ntarget %s (needs", model->name.c_str(),
              model->producer.c_str(), model->target.c_str());
  for (const std::string& f : model->needs) std::printf(" %s", f.c_str());
  std::printf(")\nprecision %s\n", model->precision.c_str());
  const auto dims = [](const auto& list) {
    std::string text;
    for (const auto& d : list) text += (text.empty() ? "" : ", ") + d.text;
    return "[" + text + "]";
  };
  static constexpr const char* kRoles[] = {"input", "const", "inout"};
  for (const artifact::Input& i : model->inputs)
    std::printf("%-6s %s: %s%s%s\n", kRoles[static_cast<size_t>(i.role)], i.name.c_str(),
                std::string(artifact::info(i.dtype).name).c_str(), dims(i.dims).c_str(),
                i.constant == artifact::kNone ? "" : ", with a default");
  for (const artifact::State& s : model->states)
    std::printf("state  %s: %s%s%s\n", s.name.c_str(),
                std::string(artifact::info(s.dtype).name).c_str(), dims(s.dims).c_str(),
                s.reserved == 0 ? "" : cat(" reserve ", s.reserved).c_str());
  for (const artifact::Output& o : model->outputs)
    std::printf("output %s: %s%s\n", o.name.c_str(),
                std::string(artifact::info(o.dtype).name).c_str(), dims(o.dims).c_str());
  std::printf("%zu steps, %zu kernels, %zu bytes of code, %llu bytes of constants\n",
              model->steps.size(), model->kernels.size(), model->code.size(),
              static_cast<unsigned long long>(artifact::constant_bytes(*model)));
  return 0;
}

std::string words_for(const schedule::Choice& choice) {
  switch (choice.origin) {
    case schedule::Origin::standard:
      return cat("default schedule: ", choice.name);
    case schedule::Origin::trace:
      return "its own schedule";
    case schedule::Origin::book:
      return cat("schedule of ", choice.file);
    case schedule::Origin::written:
      return "as written";
  }
  return "";
}

/// How the kernel's parameters are called in its definition, where the schedule has other names.
std::string names_beside(const ir::Kernel& kernel, const ir::Kernel& shown) {
  std::string text;
  for (size_t i = 0; i < kernel.params.size() && i < shown.params.size(); ++i) {
    const std::string& given = kernel.params[i].buffer->string_attr(ir::Key::name);
    const std::string& name = shown.params[i].buffer->string_attr(ir::Key::name);
    if (given != name) text += cat(", ", name, " is ", given);
  }
  return text;
}

/// One kernel at one stage, as text that reads back: .tir, LLVM's or the assembler's, with the
/// schedule above it as comments, or at stage loop as the kernel's trace.
Result<std::string> kernel_text(const ir::Kernel& kernel, const std::string& stage,
                                const InspectArgs& args, const compiler::Options& options,
                                const machine::Machine& machine,
                                const std::shared_ptr<ir::Context>& owner) {
  const schedule::Program definition(owner, &kernel);
  TENON_TRY(const schedule::Choice choice,
            schedule::choose(definition, machine, options.schedules.get()));
  const std::string comment = stage == "asm" ? "# " : "; ";
  std::string head = cat(comment, "kernel ", kernel.name, ", stage ", stage, " for ", machine.name,
                         ", ", words_for(choice), names_beside(kernel, *choice.definition), "\n");
  if (args.why) {
    for (const schedule::Decision& d : choice.decisions)
      head += cat(comment, "decided ", schedule::format_decision(d), "\n");
    for (const schedule::Refusal& r : choice.refusals)
      head += cat(comment, "not ", r.attempt, r.block.empty() ? "" : " of " + r.block, ": ",
                  r.reason, "\n");
  }
  pass::Options passes = options.passes;
  passes.stop_after = args.after;
  TENON_TRY(const std::string text, compiler::stage_text(choice, stage, machine, passes));
  if (stage == "llvm" || stage == "asm")
    for (const std::string& line : choice.program->trace) head += comment + line + "\n";
  return head + text;
}

int print_kernel(const ir::Kernel& kernel, const std::string& stage, const InspectArgs& args,
                 const compiler::Options& options, const compiler::Compilation& result) {
  const Result<std::string> text =
      kernel_text(kernel, stage, args, options, *result.machine, result.context);
  if (!text) return explain(text.error());
  std::fputs(text->c_str(), stdout);
  return 0;
}

int list_kernels(const std::vector<const ir::Kernel*>& kernels) {
  std::printf("%-5s %-9s %s\n", "index", "blocks", "name (give --kernel INDEX or NAME)");
  for (size_t i = 0; i < kernels.size(); ++i)
    std::printf("%-5zu %-9zu %s\n", i,
                kernels[i]->body->op == ir::Op::seq ? kernels[i]->body->operands.size() : 1,
                kernels[i]->name.c_str());
  return 0;
}

/// Options that would do nothing beside the others.
Status check_combination(const InspectArgs& args) {
  const std::string& stage = args.stage;
  const bool text_of_graph = stage.empty() || stage == "import" || stage == "graph";
  std::string compiled = args.flags.given();
  if (!stage.empty()) compiled += " --stage";
  if (!args.kernel.empty()) compiled += " --kernel";
  if (!args.after.empty()) compiled += " --after";
  if (args.constants) compiled += " --constants";
  if (args.why) compiled += " --why";
  if (!args.onnx.empty()) compiled += " --emit-onnx";
  if (args.model.ends_with(".tenon") && !compiled.empty())
    return fail("usage", cat("'", args.model,
                             "' is compiled: its tables are all that there is to "
                             "print;",
                             compiled, " needs the .onnx or .tir file"));
  if (!args.onnx.empty() && (!stage.empty() || !args.kernel.empty() || args.constants))
    return fail("usage",
                "--emit-onnx writes the graph: leave --stage, --kernel and --constants out");
  if (!args.after.empty() && !stage.empty())
    return fail("usage", "--after names a stage of its own: leave --stage out");
  if (!args.kernel.empty() && !stage.empty() && text_of_graph)
    return fail("usage",
                cat("--kernel needs --stage loop, schedule, target, llvm or asm: at stage ", stage,
                    " there are no kernels"));
  if (args.kernel.empty() && !text_of_graph && stage != "loop")
    return fail("usage", cat("--stage ", stage,
                             " prints one kernel: give --kernel INDEX or NAME; "
                             "--stage loop lists them"));
  if (args.why && args.kernel.empty())
    return fail("usage", "--why says why a kernel has its schedule: give --kernel INDEX or NAME");
  if (args.constants && (!text_of_graph || !args.kernel.empty()))
    return fail("usage", "--constants is for graphs; a kernel's text holds no constants");
  return {};
}

/// --after names a pass on graphs, or with --kernel one on kernels.
Status check_pass(const InspectArgs& args) {
  if (args.after.empty()) return {};
  TENON_TRY(const pass::Pass* const pass, compiler::find_pass(args.after));
  const bool of_kernels = pass->stage == pass::Stage::kernel;
  if (!of_kernels && !args.kernel.empty())
    return fail("usage", cat("pass '", args.after, "' works on graphs: leave --kernel out"));
  if (of_kernels && args.kernel.empty())
    return fail("usage",
                cat("pass '", args.after, "' works on kernels: give --kernel INDEX or NAME"));
  return {};
}

int inspect(const InspectArgs& args) {
  if (const Status fits = check_combination(args); !fits) return explain(fits.error());
  if (args.model.ends_with(".tenon")) return inspect_artifact(args.model);
  Result<compiler::Options> options = args.flags.resolve();
  if (!options) return explain(options.error());
  if (const Status known = check_pass(args); !known) return explain(known.error());
  if (args.kernel.empty()) options->passes.stop_after = args.after;
  Result<compiler::ImportedModel> source =
      compiler::read(compiler::Source::file(args.model), *options);
  if (!source) return explain(source.error());
  const ir::PrintOptions print{.constant_bytes = args.constants};
  if (args.stage == "import") {
    std::printf("%s", ir::print(*source->context, source->function, print).c_str());
    return 0;
  }
  const Result<compiler::Compilation> result = compiler::optimize(*std::move(source), *options);
  if (!result) return explain(result.error());
  clear_progress();
  if (!args.onnx.empty()) {
    const Status written = onnx_export::write_onnx(*result, {}, args.onnx);
    return written ? 0 : explain(written.error());
  }
  if (args.kernel.empty() && (args.stage.empty() || args.stage == "graph")) {
    std::printf("%s", ir::print(*result->context, result->function, print).c_str());
    return 0;
  }
  const std::vector<const ir::Kernel*> kernels = ir::kernels_of(result->function);
  if (args.kernel.empty()) return list_kernels(kernels);
  const std::string stage = !args.after.empty()  ? "target"
                            : args.stage.empty() ? "asm"
                                                 : args.stage;
  for (size_t i = 0; i < kernels.size(); ++i)
    if (kernels[i]->name == args.kernel || std::to_string(i) == args.kernel)
      return print_kernel(*kernels[i], stage, args, *options, *result);
  return explain(
      {{{"kernel.unknown", "no kernel is called '" + args.kernel +
                               "'; leave --kernel out and give --stage loop to list them"}}});
}

}  // namespace

void add_inspect(CLI::App& app, int& status) {
  CLI::App* command =
      app.add_subcommand("inspect", "print what a model became: graph, kernels, traces, code");
  auto args = std::make_shared<InspectArgs>();  // shared: the callback outlives this call
  command->add_option("MODEL", args->model, "an .onnx, .tir or .tenon file")->required();
  command
      ->add_option(
          "--stage", args->stage,
          "import, graph, loop, schedule, target, llvm or asm (default: graph, of a kernel asm)")
      ->check(CLI::IsMember({"import", "graph", "loop", "schedule", "target", "llvm", "asm"}));
  command
      ->add_option("--kernel", args->kernel,
                   "one kernel, by name or index; the text of stages loop, schedule and target "
                   "reads back as a .tir")
      ->check(is_named());
  command
      ->add_option("--after", args->after,
                   "the graph, or with --kernel the kernel, as it is after that pass")
      ->check(is_named());
  command->add_flag("--why", args->why,
                    "with --kernel: the schedules that were tried before this one, and what ended "
                    "them");
  command
      ->add_option("--emit-onnx", args->onnx,
                   "write the optimized graph as an ONNX model for viewers: kernels are functions")
      ->check(is_named());
  command->add_flag("--constants", args->constants,
                    "print the bytes of all constants, so that `tenon opt` can read the text");
  args->flags.add_to(*command);
  command->footer(
      "examples:\n  tenon inspect model.onnx --after sink_transposes\n"
      "  tenon inspect model.onnx --stage loop              lists the kernels\n"
      "  tenon inspect model.onnx --kernel 3 --stage loop   definition and schedule of one\n"
      "  tenon inspect model.onnx --kernel 3 --stage asm    its assembly\n"
      "  tenon inspect model.onnx --kernel 3 --after lower_blocks\n"
      "  tenon inspect model.onnx --kernel 3 --stage loop --why\n"
      "  tenon inspect model.onnx --emit-onnx optimized.onnx");
  command->callback([args, &status] { status = inspect(*args); });
}

}  // namespace tenon::cli
