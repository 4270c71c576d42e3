// tenon check: everything that is unsupported in a model, all at once.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/json.h"
#include "compiler/session.h"
#include "ir/default_value.h"
#include "ir/param_role.h"
#include "ir/rewrite.h"
#include "ir/text.h"
#include "support/text.h"

namespace tenon::cli {
namespace {

struct CheckArgs {
  std::string model;
  bool json = false;
};

/// The model, if all stages of the compiler take it: what a later stage refuses is unsupported too.
Result<compiler::ImportedModel> supported(const CheckArgs& args) {
  const compiler::Options options = terminal_options();
  TENON_TRY(compiler::ImportedModel source,
            compiler::read(compiler::Source::file(args.model), options));
  TENON_TRY_VOID(compiler::compile(source, options));
  return source;
}

int check(const CheckArgs& args) {
  const Result<compiler::ImportedModel> source = supported(args);
  if (!source) {
    if (!args.json) return explain(source.error());
    clear_progress();
    nlohmann::json problems = nlohmann::json::array();
    for (const Diagnostic& d : source.error().diagnostics)
      problems.push_back({{"code", d.code}, {"message", d.message}});
    print_json("check", {{"supported", false}, {"problems", problems}});
    return 1;
  }
  clear_progress();
  const size_t nodes = ir::post_order(source->function.results).size();
  if (args.json) {
    print_json("check",
               {{"supported", true}, {"nodes", nodes}, {"problems", nlohmann::json::array()}});
    return 0;
  }
  std::printf("%s: supported, %zu graph nodes\n", args.model.c_str(), nodes);
  for (const ir::Expr p : source->function.params) {
    const ir::ParamRole role = ir::role_of(p);
    const std::string word(role == ir::ParamRole::in ? "input" : ir::role_name(role));
    std::printf(
        "  %-6s %s: %s%s%s\n", word.c_str(), p->string_attr(ir::Key::name).c_str(),
        ir::print(p->type).c_str(),
        role == ir::ParamRole::state ? cat(" ", ir::growth_text(ir::growth_of(p))).c_str() : "",
        ir::default_of(p) == nullptr ? "" : ", with a default");
  }
  for (size_t i = 0; i < source->function.results.size(); ++i)
    std::printf("  output %s: %s\n", source->function.result_names[i].c_str(),
                ir::print(source->function.results[i]->type).c_str());
  return 0;
}

}  // namespace

void add_check(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("check",
                                         "compile a model for nothing but the answer whether it is "
                                         "supported; name every problem at once");
  auto args = std::make_shared<CheckArgs>();  // shared: the callback outlives this call
  command->add_option("MODEL", args->model, "an .onnx or .tir file")->required();
  command->add_flag("--json", args->json, "print a JSON object");
  command->footer("example:\n  tenon check model.onnx");
  command->callback([args, &status] { status = check(*args); });
}

}  // namespace tenon::cli
