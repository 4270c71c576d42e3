#include <llvm/IR/IntrinsicsX86.h>

#include "target/llvm/math_builder.h"
#include "target/x86/backend.h"

namespace tenon::target::x86 {

using llvm::Value;

Value* scale(const via_llvm::MathBuilder& m, Value* x, Value* n) {
  const llvm::Function* f = m.b.GetInsertBlock()->getParent();
  const unsigned width = via_llvm::width_of(m.f);
  if (m.is_f64 || (width != 16 && width != 8 && width != 4) ||
      !f->getFnAttribute("target-features").getValueAsString().contains("+avx512vl"))
    return nullptr;
  Value* all = llvm::Constant::getAllOnesValue(m.b.getIntNTy(width == 16 ? 16 : 8));
  if (width == 16)
    return m.b.CreateIntrinsic(llvm::Intrinsic::x86_avx512_mask_scalef_ps_512, {},
                               {x, n, x, all, m.b.getInt32(4)});
  const auto id = width == 8 ? llvm::Intrinsic::x86_avx512_mask_scalef_ps_256
                             : llvm::Intrinsic::x86_avx512_mask_scalef_ps_128;
  return m.b.CreateIntrinsic(id, {}, {x, n, x, all});
}

}  // namespace tenon::target::x86
