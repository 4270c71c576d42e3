// tenon-run: runs a compiled model with nothing but the runtime, by way of the C API. What its
// options say about inputs is the runtime's own (inputs.h).
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "c_api/objects.h"
#include "runtime/inputs.h"
#include "runtime/report.h"
#include "support/file.h"
#include "support/number_range.h"
#include "support/text.h"

namespace tenon::c_api {
namespace {

using runtime::InputOptions;

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
    "  --warmup N                  run N times before that (default: 1 with --repeat above 1)\n"
    "  --json                      print one JSON object\n"
    "  --help                      print this\n"
    "\n"
    "example: tenon-run resnet50.tenon --input x=photo.npy --save out --threads 4\n";

/// Released when it goes out of scope.
template <class T, void (*release)(T*)>
struct Release {
  void operator()(T* handle) const { release(handle); }
};
template <class T, void (*release)(T*)>
using Handle = std::unique_ptr<T, Release<T, release>>;

struct Options {
  std::string model, save;
  InputOptions inputs;
  std::vector<std::string> given;  // options that may be given once
  int threads = 0, repeat = 0;
  int warmup = -1;  // none given
  bool json = false, help = false;
};

Result<int> parse_count(const std::string& option, const std::string& text,
                        const NumberRange& range) {
  TENON_TRY(const double n, parse_number(option, text, range));
  return static_cast<int>(n);
}

Status take_value(Options& o, const std::string& option, const std::string& value) {
  if (option == "--input") return runtime::add_input_option(o.inputs, value);
  if (option == "--shape") return runtime::add_shape_option(o.inputs, value);
  if (std::find(o.given.begin(), o.given.end(), option) != o.given.end())
    return fail("usage", cat(option, " is given twice; give it once"));
  o.given.push_back(option);
  if (option == "--fill") {
    TENON_TRY(o.inputs.fill, runtime::parse_fill_option(value));
  } else if (option == "--save") {
    if (value.empty()) return fail("usage", "--save needs the name of a folder");
    o.save = value;
  } else if (option == "--threads") {
    TENON_TRY(o.threads, parse_count(option, value, kThreadsRange));
  } else if (option == "--warmup") {
    TENON_TRY(o.warmup, parse_count(option, value, kWarmupRange));
  } else {
    TENON_TRY(o.repeat, parse_count(option, value, kRepeatRange));
  }
  return {};
}

Result<Options> parse_options(int argc, char** argv) {
  static const std::vector<std::string> known{"--input",   "--shape",  "--fill",  "--save",
                                              "--threads", "--repeat", "--warmup"};
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

/// A refusal of the C API as one of this program.
Status taken(tenon_error* refused) {
  const Handle<tenon_error, tenon_error_release> error(refused);
  if (error == nullptr) return {};
  Error all;
  for (size_t i = 0; i < tenon_error_count(error.get()); ++i)
    all.diagnostics.push_back(
        {tenon_error_code(error.get(), i), tenon_error_message(error.get(), i)});
  return tl::make_unexpected(std::move(all));
}

Result<std::vector<runtime::NamedTensor>> outputs_of(tenon_instance* instance,
                                                     const tenon_model& model) {
  std::vector<runtime::NamedTensor> all;
  for (size_t i = 0; i < model.outputs.rows.size(); ++i) {
    tenon_tensor t{};
    t.struct_size = sizeof t;
    TENON_TRY_VOID(taken(tenon_output(instance, i, &t)));
    all.push_back(
        {model.outputs.rows[i].name,
         {static_cast<runtime::DType>(t.type), {t.shape, static_cast<size_t>(t.rank)}, t.data}});
  }
  return all;
}

void print(const Options& o, const tenon_model& model, int threads,
           std::span<const runtime::NamedTensor> outputs, double first,
           const std::vector<double>& seconds) {
  const runtime::Latency latency = runtime::summarize_latency(seconds);
  if (!o.json) {
    std::fputs(runtime::outputs_text(outputs).c_str(), stdout);
    if (o.repeat > 0)
      std::printf("latency: %s; first run %s\n", runtime::latency_text(latency).c_str(),
                  runtime::milliseconds(first).c_str());
    return;
  }
  const artifact::Model& m = model.model->tables();
  std::printf(
      "{\"schema\": \"tenon.run/1\", \"model\": %s, \"target\": %s, \"precision\": %s, "
      "\"threads\": %d, \"outputs\": %s, "
      "\"first_run_s\": %.9g, \"latency_s\": %s}\n",
      json_quote(m.name).c_str(), json_quote(m.target).c_str(), json_quote(m.precision).c_str(),
      threads, runtime::outputs_json(outputs).c_str(), first,
      runtime::latency_json(latency).c_str());
}

Status bind(tenon_instance* instance, size_t index, runtime::Tensor& value) {
  tenon_tensor t{};
  t.struct_size = sizeof t;
  t.type = static_cast<tenon_type>(value.dtype);
  t.rank = static_cast<int32_t>(value.dims.size());
  t.shape = value.dims.data();
  t.data = value.bytes.data();
  t.bytes = value.bytes.size();
  return taken(tenon_bind_input(instance, index, &t));
}

Status run(const Options& o) {
  tenon_model* loaded = nullptr;
  TENON_TRY_VOID(taken(tenon_load(o.model.c_str(), nullptr, &loaded)));
  const Handle<tenon_model, tenon_model_release> model(loaded);
  TENON_TRY(auto inputs, runtime::make_inputs(*model->model, o.inputs, o.threads));
  tenon_pool_options threads{};
  threads.struct_size = sizeof threads;
  threads.threads = o.threads;
  tenon_pool* made = nullptr;
  TENON_TRY_VOID(taken(tenon_pool_create(&threads, &made)));
  const Handle<tenon_pool, tenon_pool_release> pool(made);
  tenon_instance_options options{};
  options.struct_size = sizeof options;
  options.pool = made;
  tenon_instance* created = nullptr;
  TENON_TRY_VOID(taken(tenon_instance_create(loaded, &options, &created)));
  const Handle<tenon_instance, tenon_instance_release> instance(created);
  for (size_t i = 0; i < inputs.size(); ++i) TENON_TRY_VOID(bind(created, i, inputs[i]));
  std::vector<double> seconds;  // those that warm caches and memory come first
  const int warmup = o.warmup >= 0 ? o.warmup : o.repeat > 1 ? 1 : 0;
  for (int i = 0; i < warmup + std::max(o.repeat, 1); ++i) {
    const auto begin = std::chrono::steady_clock::now();
    TENON_TRY_VOID(taken(tenon_run(created)));
    seconds.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  const double first = seconds[0];
  seconds.erase(seconds.begin(), seconds.begin() + warmup);
  TENON_TRY(const auto outputs, outputs_of(created, *model));
  if (!o.save.empty()) TENON_TRY_VOID(runtime::save_outputs(outputs, o.save));
  print(o, *model, tenon_pool_threads(made), outputs, first, seconds);
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
  Status status;
  if (options->help)
    std::fputs(kHelp, stdout);
  else
    status = run(*options);
  if (status) status = flush_output();
  return status ? 0 : report(status.error());
}

}  // namespace
}  // namespace tenon::c_api

int main(int argc, char** argv) { return tenon::c_api::run_main(argc, argv); }
