// tenon targets: the machine rows, and which of them this CPU can run.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/json.h"

namespace tenon::cli {

void add_targets(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("targets", "list the machines that tenon compiles for");
  auto as_json = std::make_shared<bool>(false);  // shared: the callback outlives this call
  command->add_flag("--json", *as_json, "print a JSON object");
  command->footer("example:\n  tenon targets");
  command->callback([as_json, &status] {
    status = 0;
    nlohmann::json rows = nlohmann::json::array();
    for (const machine::Machine& m : machine::rows()) {
      const bool runs = machine::missing(m).empty();
      const bool host = m.name == machine::host().name;
      if (*as_json) {
        rows.push_back({{"name", m.name},
                        {"cpu", m.llvm_cpu},
                        {"vector_bytes", m.vector_bytes},
                        {"needs", m.needs},
                        {"units", m.units},
                        {"runs_here", runs},
                        {"host", host}});
      } else {
        std::printf("%-16s %3d-bit vectors, %2d registers  %s%s\n", m.name.c_str(),
                    m.vector_bytes * 8, m.vector_registers,
                    runs ? "runs here" : "cross-compile only", host ? ", host" : "");
      }
    }
    if (*as_json) print_json("targets", {{"targets", rows}});
  });
}

}  // namespace tenon::cli
