#include "target/llvm/codegen.h"

#include <llvm/Analysis/AliasAnalysis.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Verifier.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/ErrorHandling.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Transforms/IPO/AlwaysInliner.h>
#include <llvm/Transforms/IPO/GlobalDCE.h>
#include <llvm/Transforms/InstCombine/InstCombine.h>
#include <llvm/Transforms/Scalar/DeadStoreElimination.h>
#include <llvm/Transforms/Scalar/EarlyCSE.h>
#include <llvm/Transforms/Scalar/GVN.h>
#include <llvm/Transforms/Scalar/LICM.h>
#include <llvm/Transforms/Scalar/LoopPassManager.h>
#include <llvm/Transforms/Scalar/SROA.h>
#include <llvm/Transforms/Scalar/SimplifyCFG.h>
#include <llvm/Transforms/Utils/LCSSA.h>
#include <llvm/Transforms/Utils/LoopSimplify.h>

#include <mutex>

#include "support/check.h"

namespace tenon::target::via_llvm {
namespace {

/// Registers all targets with LLVM: its registry may not change while others read it.
void prepare_llvm() {
  static const bool done = [] {
    // What LLVM calls fatal ends this call and not the process.
    llvm::install_fatal_error_handler([](void*, const char* reason, bool) {
      throw InternalError(std::string("LLVM: ") + reason);
    });
    for (const Target& t : targets())
      if (t.backend != nullptr) t.backend->register_with_llvm();
    return true;
  }();
  TENON_CHECK(done, "LLVM has no targets");
}

const llvm::Target& find_target(const char* triple) {
  prepare_llvm();
  std::string error;
  const llvm::Target* found = llvm::TargetRegistry::lookupTarget(triple, error);
  TENON_CHECK(found != nullptr, error);
  return *found;
}

void generate(Unit& unit, llvm::raw_pwrite_stream& out, llvm::CodeGenFileType type) {
  llvm::legacy::PassManager passes;
  const bool refused = unit.target->addPassesToEmitFile(passes, out, nullptr, type);
  TENON_CHECK(!refused, "LLVM cannot emit this kind of file");
  passes.run(*unit.module);
}

}  // namespace

Unit make_unit(const std::string& name, const Backend& backend, const machine::Machine& machine) {
  Unit unit;
  unit.context = std::make_unique<llvm::LLVMContext>();
  unit.module = std::make_unique<llvm::Module>(name, *unit.context);
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  options.FunctionSections = false;
  unit.target.reset(find_target(backend.triple)
                        .createTargetMachine(backend.triple, backend.cpu, machine.llvm_features,
                                             options, llvm::Reloc::PIC_, llvm::CodeModel::Small,
                                             llvm::CodeGenOptLevel::Default));
  unit.module->setTargetTriple(backend.triple);
  unit.module->setDataLayout(unit.target->createDataLayout());
  unit.module->setPICLevel(llvm::PICLevel::BigPIC);
  return unit;
}

void optimize(Unit& unit) {
  std::string problem;
  llvm::raw_string_ostream stream(problem);
  if (llvm::verifyModule(*unit.module, &stream)) {
    unit.module->print(stream, nullptr);
    TENON_CHECK(false, problem);
  }
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graphs;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(unit.target.get());
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graphs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graphs, modules);
  llvm::FunctionPassManager f;
  f.addPass(llvm::SROAPass(llvm::SROAOptions::ModifyCFG));
  f.addPass(llvm::EarlyCSEPass(true));
  f.addPass(llvm::InstCombinePass());
  f.addPass(llvm::SimplifyCFGPass());
  f.addPass(llvm::LoopSimplifyPass());
  f.addPass(llvm::LCSSAPass());
  f.addPass(llvm::createFunctionToLoopPassAdaptor(llvm::LICMPass(llvm::LICMOptions()), true));
  f.addPass(llvm::GVNPass());
  f.addPass(llvm::SROAPass(llvm::SROAOptions::ModifyCFG));
  f.addPass(llvm::DSEPass());
  f.addPass(llvm::InstCombinePass());
  f.addPass(llvm::SimplifyCFGPass());
  llvm::ModulePassManager m;
  m.addPass(llvm::createModuleToFunctionPassAdaptor(std::move(f)));
  m.run(*unit.module, modules);
}

std::vector<std::byte> object_code(Unit& unit) {
  llvm::SmallVector<char, 0> buffer;
  llvm::raw_svector_ostream out(buffer);
  generate(unit, out, llvm::CodeGenFileType::ObjectFile);
  const auto* first = reinterpret_cast<const std::byte*>(buffer.data());
  return {first, first + buffer.size()};
}

std::string assembly(Unit& unit) {
  llvm::SmallVector<char, 0> buffer;
  llvm::raw_svector_ostream out(buffer);
  generate(unit, out, llvm::CodeGenFileType::AssemblyFile);
  return {buffer.data(), buffer.size()};
}

}  // namespace tenon::target::via_llvm
