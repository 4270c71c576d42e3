// tenon completion, tenon man: what shells and readers of manuals want from the option table.
#include <cstdio>

#include "cli/cli.h"
#include "cli/manual.h"
#include "support/text.h"

namespace tenon::cli {

void add_completion(CLI::App& app, int& status) {
  CLI::App* command =
      app.add_subcommand("completion", "print a script that completes commands and options");
  auto name = std::make_shared<std::string>();  // shared: the callback outlives this call
  std::vector<std::string> names;
  std::string examples = "examples:";
  for (const Shell& shell : shells()) {
    names.emplace_back(shell.name);
    examples += cat("\n  ", shell.usage);
  }
  command->add_option("SHELL", *name, "of which shell")->required()->check(CLI::IsMember(names));
  command->footer(examples);
  command->callback([name, &app, &status] {
    for (const Shell& shell : shells())
      if (shell.name == *name) std::fputs(shell.script(app).c_str(), stdout);
    status = 0;
  });
}

void add_man(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("man", "print the manual page tenon(1)");
  command->footer("example:\n  tenon man > tenon.1 && man ./tenon.1");
  command->callback([&app, &status] {
    std::fputs(man_page(app).c_str(), stdout);
    status = 0;
  });
}

}  // namespace tenon::cli
