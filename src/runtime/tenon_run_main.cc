// tenon-run: runs a compiled model with nothing but the runtime.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "runtime/executor.h"
#include "runtime/inputs.h"
#include "runtime/report.h"
#include "support/number_range.h"
#include "support/text.h"

namespace tenon::runtime {
namespace {

constexpr const char* kHelp =
    "usage: tenon-run MODEL.tenon [options]\n"
    "Runs a compiled model and prints name, type, shape and smallest, mean and largest value of "
    "each output.\n"
    "\n"
    "  --input NAME=FILE.npy       value of an input\n"
    "  --shape NAME=1x3x224x224    shape of an input without a file; also SYMBOL=N\n"
    "  --fill random:SEED|zeros    fill inputs that have no file\n"
    "  --save DIR                  write each output to DIR/NAME.npy\n"
    "  --threads N                 threads to use (default: all cores that this process may use)\n"
    "  --repeat N                  run N times and report the latency\n"
    "  --json                      print one JSON object\n"
    "  --help                      print this\n"
    "\n"
    "example: tenon-run resnet50.tenon --input x=photo.npy --save out --threads 4\n";

struct Options {
  std::string model, save;
  InputOptions inputs;
  std::vector<std::string> given;  // options that may be given once
  int threads = 0, repeat = 0;
  bool json = false, help = false;
};

Result<int> parse_count(const std::string& option, const std::string& text,
                        const NumberRange& range) {
  TENON_TRY(const double n, parse_number(option, text, range));
  return static_cast<int>(n);
}

Status take_value(Options& o, const std::string& option, const std::string& value) {
  if (option == "--input") return add_input_option(o.inputs, value);
  if (option == "--shape") return add_shape_option(o.inputs, value);
  if (std::find(o.given.begin(), o.given.end(), option) != o.given.end())
    return fail("usage", cat(option, " is given twice; give it once"));
  o.given.push_back(option);
  if (option == "--fill") {
    TENON_TRY(o.inputs.fill, parse_fill_option(value));
  } else if (option == "--save") {
    if (value.empty()) return fail("usage", "--save needs the name of a folder");
    o.save = value;
  } else if (option == "--threads") {
    TENON_TRY(o.threads, parse_count(option, value, kThreadsRange));
  } else {
    TENON_TRY(o.repeat, parse_count(option, value, kRepeatRange));
  }
  return {};
}

Result<Options> parse_options(int argc, char** argv) {
  static const std::vector<std::string> known{"--input", "--shape",   "--fill",
                                              "--save",  "--threads", "--repeat"};
  Options o;
  for (int i = 1; i < argc; ++i) {
    std::string arg = argv[i];
    if (arg == "--help" || arg == "-h") {
      o.help = true;
    } else if (arg == "--json") {
      o.json = true;
    } else if (arg.starts_with("--")) {
      const size_t equals = arg.find('=');
      const std::string option = arg.substr(0, equals);
      if (std::find(known.begin(), known.end(), option) == known.end()) {
        const std::string_view near = closest_name(option, known);
        return fail("usage",
                    cat("unknown option '", option, "'",
                        near.empty() ? std::string() : cat("; did you mean '", near, "'?")));
      }
      if (equals == std::string::npos && i + 1 == argc)
        return fail("usage", cat(option, " needs a value"));
      TENON_TRY_VOID(
          take_value(o, option, equals == std::string::npos ? argv[++i] : arg.substr(equals + 1)));
    } else if (o.model.empty()) {
      o.model = arg;
    } else {
      return fail("usage", cat("more than one model: '", o.model, "' and '", arg, "'"));
    }
  }
  if (o.model.empty() && !o.help) return fail("usage", "no model given; see tenon-run --help");
  return o;
}

void print(const Options& o, const Executor& executor, const std::vector<double>& seconds) {
  const auto outputs = outputs_of(executor);
  const Latency latency = summarize_latency(seconds);
  if (!o.json) {
    std::fputs(outputs_text(outputs).c_str(), stdout);
    if (o.repeat > 0)
      std::printf("latency: min %.3f ms, median %.3f ms, p90 %.3f ms, p99 %.3f ms over %zu runs\n",
                  latency.min * 1e3, latency.median * 1e3, latency.p90 * 1e3, latency.p99 * 1e3,
                  latency.count);
    return;
  }
  const artifact::Model& m = executor.model().tables();
  std::printf(
      "{\"model\": %s, \"target\": %s, \"precision\": %s, \"threads\": %d, \"outputs\": %s, "
      "\"latency_s\": %s}\n",
      json_quote(m.name).c_str(), json_quote(m.target).c_str(), json_quote(m.precision).c_str(),
      executor.threads(), outputs_json(outputs).c_str(), latency_json(latency).c_str());
}

Status run(const Options& o) {
  TENON_TRY(const auto model, Model::open(o.model));
  TENON_TRY(const auto inputs, make_inputs(*model, o.inputs, o.threads));
  TENON_TRY(const auto executor, Executor::create(model, o.threads));
  for (size_t i = 0; i < inputs.size(); ++i)
    TENON_TRY_VOID(executor->set_input(i, inputs[i].view()));
  std::vector<double> seconds;
  if (o.repeat > 1) TENON_TRY_VOID(executor->run());  // warm caches and memory
  for (int i = 0; i < std::max(o.repeat, 1); ++i) {
    const auto begin = std::chrono::steady_clock::now();
    TENON_TRY_VOID(executor->run());
    seconds.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  if (!o.save.empty()) TENON_TRY_VOID(save_outputs(outputs_of(*executor), o.save));
  print(o, *executor, seconds);
  return {};
}

int report(const Error& error) {
  for (const Diagnostic& d : error.diagnostics)
    std::fprintf(stderr, "tenon-run: error: %s\n", d.text().c_str());
  return error.diagnostics[0].code == "usage" ? 2 : 1;
}

int run_main(int argc, char** argv) {
  const auto options = parse_options(argc, argv);
  if (!options) return report(options.error());
  if (options->help) {
    std::fputs(kHelp, stdout);
    return 0;
  }
  const Status status = run(*options);
  return status ? 0 : report(status.error());
}

}  // namespace
}  // namespace tenon::runtime

int main(int argc, char** argv) { return tenon::runtime::run_main(argc, argv); }
