// tenon env: what is in force here, as an issue form asks for it.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/manual.h"
#include "compiler/cache.h"
#include "runtime/thread_pool.h"
#include "support/available_memory.h"
#include "support/cpu.h"
#include "support/text.h"
#include "support/threads.h"

namespace tenon::cli {
namespace {

/// Of those that machine rows speak of.
std::vector<std::string> features_of_this_cpu() {
  std::set<std::string> all;
  for (const machine::Machine& m : machine::rows())
    for (const auto* list : {&m.needs, &m.units})
      for (const std::string& name : *list)
        if (has_feature(name)) all.insert(name);
  return {all.begin(), all.end()};
}

nlohmann::json targets() {
  nlohmann::json names = nlohmann::json::array();
  for (const target::Target& t : target::targets()) names.push_back(t.name);
  return names;
}

nlohmann::json environment() {
  const machine::Machine& host = machine::host();
  nlohmann::json set = nlohmann::json::object();
  for (const Variable& v : variables())
    if (const char* value = std::getenv(v.name)) set[v.name] = value;
  return {{"version", TENON_VERSION},
          {"code_generator", target::code_generator()},
          {"targets", targets()},
          {"host", host.name},
          {"cpu", machine::cpu_name()},
          {"features", features_of_this_cpu()},
          {"cache_bytes", {host.l1_bytes, host.l2_bytes, host.l3_bytes}},
          {"threads", runtime::default_threads()},
          {"cpus",
           {{"online", sysconf(_SC_NPROCESSORS_ONLN)},
            {"usable", available_cpus()},
            {"quota", cpu_quota()}}},
          {"memory_bytes", available_memory()},
          {"model_cache", compiler::Cache::folder()},
          {"variables", set}};
}

std::string words(const nlohmann::json& list) {
  std::string out;
  for (const auto& word : list) out += (out.empty() ? "" : " ") + word.get<std::string>();
  return out;
}

void print_text(const nlohmann::json& e) {
  const auto line = [](const char* what, const std::string& value) {
    std::printf("%-14s %s\n", what, value.c_str());
  };
  line("tenon", e["version"]);
  line("code", cat(e["code_generator"].get<std::string>(), "; targets ", words(e["targets"])));
  line("cpu", cat(e["cpu"].get<std::string>(), "; compiled for as ", e["host"].get<std::string>()));
  line("features", words(e["features"]));
  const auto& caches = e["cache_bytes"];
  line("caches", cat("L1 ", bytes_text(caches[0]), ", L2 ", bytes_text(caches[1]), ", L3 ",
                     bytes_text(caches[2])));
  const double quota = e["cpus"]["quota"];
  line("threads", cat(e["threads"].get<int>(), " by default; ", e["cpus"]["usable"].get<int>(),
                      " of ", e["cpus"]["online"].get<long>(), " processors may be used",
                      quota > 0 ? cat(", quota ", quota) : ""));
  line("memory", cat(bytes_text(e["memory_bytes"]), " may be taken"));
  line("model cache", e["model_cache"]);
  for (const Variable& v : variables())
    line(v.name,
         e["variables"].contains(v.name) ? e["variables"][v.name].get<std::string>() : "not set");
}

}  // namespace

std::string version_text() {
  return cat("tenon ", TENON_VERSION, "\n", target::code_generator(), "; targets ",
             words(targets()), "\nthis CPU: ", machine::host().name, " (",
             words(features_of_this_cpu()), ")");
}

void add_env(CLI::App& app, int& status) {
  CLI::App* command =
      app.add_subcommand("env", "print versions, CPU, limits and variables that are in force");
  auto as_json = std::make_shared<bool>(false);  // shared: the callback outlives this call
  command->add_flag("--json", *as_json, "print a JSON object");
  command->footer("example:\n  tenon env");
  command->callback([as_json, &status] {
    status = 0;
    const nlohmann::json e = environment();
    if (*as_json) {
      print_json("env", e);
    } else {
      print_text(e);
    }
  });
}

}  // namespace tenon::cli
