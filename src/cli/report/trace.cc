// Trace events in the form that Chrome introduced: times in microseconds, "X" a piece of work, "M"
// a name, "C" a counter.
#include <algorithm>
#include <cmath>

#include "cli/report/report.h"
#include "support/text.h"

namespace tenon::cli {

using nlohmann::json;
using runtime::Profile;
using runtime::StepEvent;

namespace {

constexpr int kCompiler = 1;  // processes of the trace
constexpr int kRun = 2;

class Trace {
 public:
  explicit Trace(Profile::Clock::time_point zero) : zero_(zero) {}

  void name_process(int pid, const std::string& name) {
    add({{"name", "process_name"}, {"ph", "M"}, {"ts", 0}, {"pid", pid}, {"tid", 0}},
        {{"name", name}});
  }
  void name_thread(int pid, int tid, const std::string& name) {
    add({{"name", "thread_name"}, {"ph", "M"}, {"ts", 0}, {"pid", pid}, {"tid", tid}},
        {{"name", name}});
    add({{"name", "thread_sort_index"}, {"ph", "M"}, {"ts", 0}, {"pid", pid}, {"tid", tid}},
        {{"sort_index", tid}});
  }
  void work(const std::string& name, const char* category, int pid, int tid,
            Profile::Clock::time_point begin, double took_us, json args = json::object()) {
    add({{"name", name.empty() ? "unnamed" : name},
         {"cat", category},
         {"ph", "X"},
         {"ts", time(begin)},
         {"dur", std::round(took_us * 1e3) / 1e3},
         {"pid", pid},
         {"tid", tid}},
        std::move(args));
  }
  void count(const char* name, int pid, Profile::Clock::time_point at, const char* unit,
             uint64_t value) {
    add({{"name", name}, {"ph", "C"}, {"ts", time(at)}, {"pid", pid}, {"tid", 0}}, {{unit, value}});
  }

  [[nodiscard]] double time(Profile::Clock::time_point at) const { return us(zero_, at); }
  static double us(Profile::Clock::time_point from, Profile::Clock::time_point to) {
    return static_cast<double>(
               std::chrono::duration_cast<std::chrono::nanoseconds>(to - from).count()) /
           1e3;
  }
  json events = json::array();

 private:
  void add(json event, json args) {
    event["args"] = std::move(args);
    events.push_back(std::move(event));
  }
  Profile::Clock::time_point zero_;
};

void add_passes(Trace& trace, const Compiled& c) {
  trace.name_process(kCompiler, "compiler");
  trace.name_thread(kCompiler, 0, "passes");
  trace.work("read", "pass", kCompiler, 0, c.read_at, c.read_s * 1e6);
  for (const compiler::PassTime& t : c.compilation.times) {
    if (t.of_kernels) continue;  // sums over threads; what each kernel took follows
    json rules = json::object();
    for (const auto& [rule, times] : t.rules) rules[rule] = times;
    trace.work(t.name, "pass", kCompiler, 0, t.begin, t.seconds * 1e6, {{"rules", rules}});
  }
  trace.work("package", "pass", kCompiler, 0, c.package_at, c.package_s * 1e6);
}

/// Kernels are compiled in parallel: each stands in the first row that is free when it begins.
void add_compiled_kernels(Trace& trace, const compiler::Compilation& c) {
  std::vector<const compiler::CompiledKernel*> kernels;
  for (const auto& k : c.kernels)
    if (!k->times.empty()) kernels.push_back(k.get());
  std::sort(kernels.begin(), kernels.end(), [](const auto* a, const auto* b) {
    return a->times.front().begin < b->times.front().begin;
  });
  const auto end_of = [](const compiler::PassTime& t) {
    return t.begin + std::chrono::duration_cast<Profile::Clock::duration>(
                         std::chrono::duration<double>(t.seconds));
  };
  std::vector<Profile::Clock::time_point> busy_until;
  for (const compiler::CompiledKernel* k : kernels) {
    const Profile::Clock::time_point begin = k->times.front().begin;
    size_t row = 0;
    while (row < busy_until.size() && busy_until[row] > begin) ++row;
    if (row == busy_until.size()) {
      busy_until.emplace_back();
      trace.name_thread(kCompiler, static_cast<int>(row) + 1, cat("kernels ", row));
    }
    busy_until[row] = end_of(k->times.back());
    json stages = json::object();
    for (const compiler::PassTime& t : k->times) stages[t.name + "_us"] = t.seconds * 1e6;
    trace.work(k->definition->name, "kernel", kCompiler, static_cast<int>(row) + 1, begin,
               Trace::us(begin, busy_until[row]), std::move(stages));
  }
}

std::string name_of(const artifact::Model& t, const artifact::Step& s) {
  if (s.kind == artifact::StepKind::launch) return t.kernels[s.e].name;
  return std::string(artifact::kStepNames[static_cast<size_t>(s.kind)]);
}

void add_run(Trace& trace, const Subject& subject, const Recording& r) {
  const runtime::Executor& executor = *subject.ready.executor;
  const artifact::Model& t = executor.model().tables();
  trace.name_process(kRun, "run");
  trace.name_thread(kRun, 0, "steps");
  for (int i = 0; i < executor.threads(); ++i) trace.name_thread(kRun, i + 1, cat("thread ", i));
  const std::vector<uint64_t> live = live_bytes(subject);
  trace.work("run", "run", kRun, 0, r.begin, Trace::us(r.begin, r.end),
             {{"events_left_out", r.left_out}});
  for (const StepEvent& e : r.events) {
    const artifact::Step& s = t.steps[e.step];
    json args{{"step", e.step}};
    if (s.kind == artifact::StepKind::launch) {
      const artifact::KernelInfo& k = t.kernels[s.e];
      args.update({{"operator", k.op}, {"shape", k.shape}, {"schedule", k.schedule}});
    }
    const bool whole = e.thread == StepEvent::kWhole;
    trace.work(name_of(t, s), whole ? "step" : "kernel", kRun, whole ? 0 : e.thread + 1, e.begin,
               Trace::us(e.begin, e.end), std::move(args));
    if (whole) trace.count("arena", kRun, e.begin, "bytes", live[e.step]);
  }
  trace.count("arena", kRun, r.end, "bytes", 0);
}

}  // namespace

json trace_of(const Subject& subject, const Recording& recording) {
  Trace trace(subject.compiled ? subject.compiled->read_at : recording.begin);
  if (subject.compiled) {
    add_passes(trace, *subject.compiled);
    add_compiled_kernels(trace, subject.compiled->compilation);
  }
  add_run(trace, subject, recording);
  return {{"displayTimeUnit", "ms"}, {"traceEvents", std::move(trace.events)}};
}

}  // namespace tenon::cli
