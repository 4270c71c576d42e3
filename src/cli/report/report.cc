#include "cli/report/report.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "compiler/cache.h"
#include "ir/text.h"
#include "schedule/schedule.h"
#include "support/file.h"
#include "support/text.h"
#include "support/threads.h"

namespace tenon::cli {

using nlohmann::json;

namespace {

/// Of events on a page; the trace file has all.
constexpr size_t kMostEventsOnPage = 10'000;
/// Of a kernel's texts, each; and of all texts together.
constexpr size_t kMostCode = 24'000;
constexpr size_t kMostCodeOfAll = 1'000'000;

template <class List>
json values_of(const List& list) {
  json all = json::array();
  for (const auto& v : list) {
    json dims = json::array();
    for (const auto& d : v.dims) dims.push_back(d.text);
    all.push_back({{"name", v.name}, {"type", artifact::info(v.dtype).name}, {"shape", dims}});
  }
  return all;
}

json model_of(const Profiled& p) {
  const artifact::Model& t = p.subject.ready.session.model->tables();
  json given = json::array();
  for (const runtime::Tensor& input : p.subject.ready.inputs) given.push_back(input.dims);
  return {{"file", p.subject.file},          {"name", t.name},
          {"inputs", values_of(t.inputs)},   {"given_shapes", given},
          {"outputs", values_of(t.outputs)}, {"symbols", t.symbols},
          {"producer", t.producer},          {"target", t.target},
          {"precision", t.precision}};
}

json machine_of(const CorePeaks& peaks) {
  const machine::Machine& host = machine::host();
  return {{"cpu", machine::cpu_name()},
          {"host", host.name},
          {"cpus", available_cpus()},
          {"cache_bytes", {host.l1_bytes, host.l2_bytes, host.l3_bytes}},
          {"peaks_of_a_core",
           {{"f32_gflops", peaks.plain.f32_gflops},
            {"l1_gbs", peaks.plain.l1_gbs},
            {"l2_gbs", peaks.plain.l2_gbs},
            {"dram_gbs", peaks.plain.dram_gbs},
            {"instruction_gops", peaks.instruction_gops}}}};
}

std::string shortened(std::string text, size_t most) {
  if (text.size() <= most) return text;
  text.resize(text.rfind('\n', most) + 1);
  return text + "; ... the rest is left out; `tenon inspect --kernel` prints all of it\n";
}

json code_of(const compiler::CompiledKernel& kernel, size_t most) {
  ir::Kernel definition = *kernel.choice.definition;
  definition.trace.clear();
  json code{{"trace", kernel.choice.program->trace},
            {"definition", shortened(ir::print(definition), most)}};
  if (kernel.loops != nullptr) {
    ir::Kernel loops = *kernel.loops;
    loops.trace.clear();
    code["loops"] = shortened(ir::print(loops), most);
  }
  return code;
}

/// The distinct kernels of the compilation that rows of the kernel table have: by row.
std::map<size_t, size_t> code_by_row(const Profiled& p) {
  std::map<size_t, size_t> found;
  const auto& made = *p.subject.compiled;
  for (const artifact::Step& s : p.subject.ready.session.model->tables().steps)
    if (s.kind == artifact::StepKind::launch)
      found[s.e] = made.compilation.kernel_of.at(made.notes.calls[s.a]->kernel_attr());
  return found;
}

json kernels_of(const Profiled& p, const std::map<size_t, size_t>& code) {
  json all = json::array();
  for (const KernelRow& k : p.measured.kernels) {
    json row{{"row", k.index},
             {"name", k.info->name},
             {"operator", k.info->op},
             {"shape", k.info->shape},
             {"schedule", k.info->schedule},
             {"instructions", k.info->instructions},
             {"key", k.info->key},
             {"calls", k.calls},
             {"time_s", k.time_s},
             {"sol_s", k.sol_s},
             {"flops", k.flops},
             {"bytes", k.bytes},
             {"peak_gops", p.measured.peaks.gops(k.info->instructions)}};
    if (const auto at = code.find(k.index); at != code.end()) row["code"] = at->second;
    all.push_back(std::move(row));
  }
  return all;
}

/// Sums over kernels with the same anchor operator, largest time first.
json operators_of(const Profiled& p) {
  struct Sum {
    double calls = 0, time = 0, sol = 0;
    int64_t flops = 0, bytes = 0;
    size_t kernels = 0;
  };
  std::map<std::string, Sum> sums;
  for (const KernelRow& k : p.measured.kernels) {
    Sum& s = sums[k.info->op];
    s.calls += k.calls;
    s.time += k.time_s;
    s.sol += k.sol_s;
    s.flops += k.flops;
    s.bytes += k.bytes;
    ++s.kernels;
  }
  json all = json::array();
  for (const auto& [name, s] : sums)
    all.push_back({{"operator", name},
                   {"kernels", s.kernels},
                   {"calls", s.calls},
                   {"time_s", s.time},
                   {"sol_s", s.sol},
                   {"flops", s.flops},
                   {"bytes", s.bytes}});
  std::sort(all.begin(), all.end(), [](const json& a, const json& b) {
    return std::pair(b["time_s"], a["operator"]) < std::pair(a["time_s"], b["operator"]);
  });
  return all;
}

json passes_of(const Compiled& c) {
  json all = json::array();
  const auto add = [&](const std::string& name, double seconds, bool of_kernels) {
    all.push_back({{"name", name}, {"time_s", seconds}, {"of_kernels", of_kernels}});
  };
  add("read", c.read_s, false);
  for (const compiler::PassTime& t : c.compilation.times) add(t.name, t.seconds, t.of_kernels);
  add("package", c.package_s, false);
  return all;
}

/// Microseconds since the run began, to a nanosecond.
double since(runtime::Profile::Clock::time_point at, runtime::Profile::Clock::time_point begin) {
  return static_cast<double>(
             std::chrono::duration_cast<std::chrono::nanoseconds>(at - begin).count()) /
         1e3;
}

/// Of launches and of what took a microsecond or more: [step, thread or -1, begin, duration] in us.
json timeline_of(const Profiled& p) {
  const artifact::Model& t = p.subject.ready.session.model->tables();
  const Recording& r = p.recording;
  json events = json::array();
  json memory = json::array();
  const std::vector<uint64_t> live = live_bytes(p.subject);
  size_t left_out = r.left_out;
  for (const runtime::StepEvent& e : r.events) {
    const double begin = since(e.begin, r.begin);
    const double took = since(e.end, e.begin);
    const bool launch = t.steps[e.step].kind == artifact::StepKind::launch;
    if (!launch && took < 1) continue;
    if (events.size() >= kMostEventsOnPage) {
      ++left_out;
      continue;
    }
    events.push_back({e.step, e.thread, begin, took});
    if (e.thread == runtime::StepEvent::kWhole) memory.push_back({begin, took, live[e.step]});
  }
  json steps = json::object();
  for (const json& e : events) {
    const size_t index = e[0];
    const artifact::Step& s = t.steps[index];
    json step{{"kind", artifact::kStepNames[static_cast<size_t>(s.kind)]}};
    if (s.kind == artifact::StepKind::launch) step["row"] = s.e, step["call"] = s.a;
    steps[std::to_string(index)] = std::move(step);
  }
  return {{"time_us", since(r.end, r.begin)},
          {"events", events},
          {"steps", steps},
          {"memory", memory},
          {"left_out", left_out}};
}

/// Has what a comparison reads.
bool is_whole(const json& report) {
  using Pointer = json::json_pointer;
  const auto is_number = [](const json& object, const char* at) {
    const Pointer pointer(at);
    return object.contains(pointer) && object.at(pointer).is_number();
  };
  const auto is_text = [](const json& object, const char* at) {
    const Pointer pointer(at);
    return object.contains(pointer) && object.at(pointer).is_string();
  };
  for (const char* at : {"/latency_s/median", "/kernel_time_s", "/memory_bytes/arena",
                         "/setup_s/compile", "/threads"})
    if (!is_number(report, at)) return false;
  if (!is_text(report, "/model/file") || !is_text(report, "/machine/cpu")) return false;
  for (const char* list : {"kernels", "operators"}) {
    if (!report.contains(list) || !report[list].is_array()) return false;
    for (const json& row : report[list])
      if (!row.is_object() || !is_number(row, "/time_s") || !is_text(row, "/operator"))
        return false;
  }
  return std::all_of(report["kernels"].begin(), report["kernels"].end(), [&](const json& row) {
    return is_text(row, "/name") && is_text(row, "/shape") && is_text(row, "/key");
  });
}

}  // namespace

std::vector<double> call_times(const Profiled& p) {
  const artifact::Model& t = p.subject.ready.session.model->tables();
  std::vector<double> times(t.calls.size());
  for (size_t i = 0; i < p.steps.size(); ++i)
    if (t.steps[i].kind == artifact::StepKind::launch)
      times[t.steps[i].a] += p.steps[i].seconds / std::max(p.measured.rounds, 1);
  return times;
}

json report_of(const Profiled& p) {
  const compiler::Session& session = p.subject.ready.session;
  const runtime::Executor& executor = *p.subject.ready.executor;
  const artifact::Model& t = session.model->tables();
  const Measured& m = p.measured;
  const std::map<size_t, size_t> rows =
      p.subject.compiled ? code_by_row(p) : std::map<size_t, size_t>{};
  json report{{"schema", cat(kReportSchema, kReportVersion)},
              {"interrupted", false},
              {"model", model_of(p)},
              {"machine", machine_of(m.peaks)},
              {"threads", executor.threads()},
              {"setup_s", {{"compile", session.compile_s}, {"load", session.load_s}}},
              {"latency_s", json::parse(runtime::latency_json(m.latency))},
              {"memory_bytes",
               {{"weights", artifact::constant_bytes(t)},
                {"code", t.code.size()},
                {"arena", executor.memory_bytes()},
                {"peak_rss", peak_rss()}}},
              {"kernel_time_s", m.kernel_time()},
              {"sol_s", m.sol_s},
              {"flops", m.flops},
              {"schedules", schedule_counts(t)},
              {"operators", operators_of(p)},
              {"kernels", kernels_of(p, rows)},
              {"timeline", timeline_of(p)}};
  if (!p.subject.compiled) return report;
  report["passes"] = passes_of(*p.subject.compiled);
  json code = json::array();
  const auto& kernels = p.subject.compiled->compilation.kernels;
  const size_t most =
      std::min(kMostCode, kMostCodeOfAll / (2 * std::max<size_t>(kernels.size(), 1)));
  for (const auto& kernel : kernels) code.push_back(code_of(*kernel, most));
  report["code"] = std::move(code);
  report["graph"] = graph_of(p);
  return report;
}

Result<json> read_report(const std::string& path) {
  TENON_TRY(std::string text, read_file(path));
  static constexpr std::string_view kBegin = "<script id=\"report\" type=\"application/json\">";
  if (const size_t at = text.find(kBegin); at != std::string::npos) {
    text.erase(0, at + kBegin.size());
    text.resize(std::min(text.find("</script>"), text.size()));
  }
  json report = json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto refuse = [&] {
    return fail("profile.format", cat(path,
                                      ": is no report of `tenon profile`; give a file that its "
                                      "--json printed or its --html wrote"));
  };
  if (!report.is_object() || !report.contains("schema") || !report["schema"].is_string())
    return refuse();
  std::string_view version = report["schema"].get_ref<const std::string&>();
  if (!version.starts_with(kReportSchema)) return refuse();
  version.remove_prefix(kReportSchema.size());
  int number = 0;
  const auto read = std::from_chars(version.data(), version.data() + version.size(), number);
  if (read.ec != std::errc{} || read.ptr != version.data() + version.size()) return refuse();
  if (number > kReportVersion)
    return fail("profile.version",
                cat(path, ": is a report of version ", number, ", and this tenon reads up to ",
                    kReportVersion, "; use the newer one"));
  if (!is_whole(report)) return refuse();
  return report;
}

Status write_text(const std::string& path, const std::string& text) {
  return write_file(path, std::as_bytes(std::span(text)));
}

}  // namespace tenon::cli
