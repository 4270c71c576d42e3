#include "target/x86/math.h"

#include "support/check.h"

namespace tenon::target::x86 {

using llvm::Value;

Value* emit_math(Builder& b, ir::Op op, Value* x) {
  (void)b;
  (void)op;
  return x;
}
Value* emit_math(Builder& b, ir::Op op, Value* x, Value* y) {
  (void)b;
  (void)op;
  (void)y;
  return x;
}

}  // namespace tenon::target::x86
