// The text form: parse(print(x)) == x for graphs (models) and loop programs (kernels).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ir/node.h"
#include "support/result.h"

namespace tenon::ir {

struct PrintOptions {
  bool locations = false;       // at "file:node" behind statements
  bool constant_bytes = false;  // small constants are always printed in full; this prints all of them
};

[[nodiscard]] std::string print(Expr e);                       // one expression or statement
[[nodiscard]] std::string print(Type type);                    // f32[batch, 768]
[[nodiscard]] std::string print(const Context& c, const Function& f, const PrintOptions& options = {});
[[nodiscard]] std::string print(const Kernel& kernel);
/// Text in which nominal names are replaced by their order of appearance and the kernel's name is
/// left out: equal text means equal code. The key for deduplication, caches and databases.
[[nodiscard]] std::string canonical_text(const Kernel& kernel);

/// A .tir file: any number of functions and kernels; the last `model` is the entry.
struct Module {
  std::shared_ptr<Context> context;  // shared with kernels
  std::vector<const Function*> functions;
  std::vector<std::shared_ptr<Kernel>> kernels;
};
[[nodiscard]] Result<Module> parse(std::string_view text, std::string_view file);

}  // namespace tenon::ir
