// Schedule primitives: pure functions on a loop program. Each returns the new program (with the
// primitive appended to its trace) or the reason why it does not apply. Blocks and loops are named
// by text: a block by its name, a loop by the name of its variable (unique in the kernel after
// `normalize`). One file and one row of primitives.def a primitive, in schedule/primitives/.
//
// What a scheduled program may look like, for those who read it (interpreter, finalize):
//   blocks      The predicate and the bindings speak of loop variables outside the block (and
//   sizes),
//               the body of iterators, of its own loops, and sizes. A block may execute the same
//               point twice with the same result (compute_at with overlapping regions). Blocks may
//               nest (blockize). An iterator of kind s promises that instances with different
//               values are independent; a reduction's order is free (results differ by rounding).
//   notes       `key=value` pairs joined by `;`, on loops and blocks.
//     init=done     on a block with `update`: decompose_reduction has put the initialisation into
//     the
//                   block NAME_init, the update never initialises.
//     again=yes     on a block that may take an element in several iterations of the loops around
//     it
//                   (compute_at with overlapping regions); it starts anew each time.
//   buffers     keep the extents of the definition until finalize shrinks them. A tensorized block
//   may
//               write a whole tile where the definition ends earlier: the shrunken buffer has room
//               for the tile. Their scope is a wish until then: finalize gives each the nearest
//               that its uses allow.
//   tensorize   leaves a block with the iterators of the definition, bound to the tile's origin,
//   whose
//               body is the instruction (machine.h); iterators v_LOOP may be added for guards.
//   vector loop constant extent; loops inside it have extents free of its variable and run for all
//               lanes together; on a reduction loop the update is reduced across lanes.
//   traces      primitives name what they make deterministically: split gives LOOP_0 and LOOP_1,
//   fuse
//               OUTER_INNER, compute_at BLOCK_AXIS; a line replayed with other names on its left
//               side gives those names.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ir/node.h"
#include "machine/machine.h"
#include "pass/pass.h"
#include "schedule/decision.h"
#include "support/result.h"

namespace tenon::schedule {

using Program = std::shared_ptr<const ir::Kernel>;
using Handles = std::vector<std::string>;
/// A value that a primitive takes: a name or word, an integer, a list of integers, names.
using Argument = std::variant<std::string, int64_t, std::vector<int64_t>, Handles>;
struct Primitive;  // registry.h
namespace primitives {
struct Edited;  // program.h
}

/// A program under construction: applies primitives in place and keeps the trace. Every method
/// returns the reason for refusing as an error with code "schedule.<primitive>", leaving the
/// program unchanged.
class Schedule {
 public:
  explicit Schedule(Program program);  // normalizes loop and block names first
  /// With canonical handles: the line `schedule 1` is the first of the trace.
  [[nodiscard]] static Schedule canonical(const Program& program);
  [[nodiscard]] const Program& program() const { return program_; }

  // ---- queries
  [[nodiscard]] Handles blocks() const;                         // in program order
  [[nodiscard]] Handles loops(const std::string& block) const;  // outermost first
  [[nodiscard]] ir::Expr extent(const std::string& loop) const;

  // ---- decisions (decision.h)
  /// What was decided, in order. A name is decided once.
  [[nodiscard]] const std::vector<Decision>& decisions() const { return decisions_; }
  [[nodiscard]] std::optional<Value> decided(std::string_view name) const;
  void decide(Decision decision);
  /// The first decision that no line refers to, nullptr: none.
  [[nodiscard]] const Decision* unused_decision() const;

  // ---- loops
  /// tail: "predicate" (guard), "peel" (a second loop for the rest, named LOOP_tail), "pad" needs
  /// divisibility proof
  [[nodiscard]] Result<Handles> split(const std::string& loop, const Number& factor,
                                      const std::string& tail = "predicate");
  [[nodiscard]] Result<std::string> fuse(const std::string& outer, const std::string& inner);
  [[nodiscard]] Status reorder(const Handles& loops);
  [[nodiscard]] Result<Handles> tile(const std::string& a, const std::string& b, int64_t fa,
                                     int64_t fb);
  [[nodiscard]] Status parallel(const std::string& loop);
  [[nodiscard]] Status vectorize(const std::string& loop);
  [[nodiscard]] Status unroll(const std::string& loop);
  [[nodiscard]] Status annotate(const std::string& target, const std::string& key,
                                const std::string& value);
  /// Copies the loop's body under conditions extent <= bounds[0], <= bounds[1], ...: the copy for a
  /// bound sees the loop `inner` (whose extent is symbolic) with that constant extent and a guard.
  [[nodiscard]] Status specialize(const std::string& loop, const std::string& inner,
                                  const std::vector<int64_t>& bounds);

  // ---- blocks
  [[nodiscard]] Status compute_at(const std::string& block, const std::string& loop);
  [[nodiscard]] Status reverse_compute_at(const std::string& block, const Term& loop);
  [[nodiscard]] Status inline_block(const std::string& block);    // producer into its consumers
  [[nodiscard]] Status reverse_inline(const std::string& block);  // consumer into its producer
  [[nodiscard]] Result<std::string> cache_read(const std::string& block, const std::string& buffer,
                                               const std::string& scope);
  [[nodiscard]] Result<std::string> cache_write(const std::string& block, const std::string& scope);
  /// Stores a buffer in another order: constants are repacked at compile time, others by a new
  /// block whose name is returned ("" for constants).
  [[nodiscard]] Result<std::string> pack(const std::string& block, const std::string& buffer,
                                         const ir::Packing& layout);
  /// The same with factors that come from decisions.
  [[nodiscard]] Result<std::string> pack(const std::string& block, const std::string& buffer,
                                         const std::vector<Number>& factors,
                                         const std::vector<int64_t>& perm);
  [[nodiscard]] Result<std::string> widen(const std::string& block, const std::string& buffer,
                                          ir::DType type);
  [[nodiscard]] Status set_scope(const std::string& block, const std::string& scope);
  [[nodiscard]] Result<std::string> decompose_reduction(const std::string& block,
                                                        const std::string& loop);
  [[nodiscard]] Result<std::string> rfactor(const std::string& block, const std::string& loop);
  [[nodiscard]] Result<std::string> blockize(const std::string& loop);
  [[nodiscard]] Status tensorize(const std::string& loop, const Term& instruction,
                                 const std::vector<Number>& params);

  /// The primitive of that name (registry.h): the names of what it made. Most have a method above;
  /// this is for those that no default schedule uses.
  [[nodiscard]] Result<Handles> run(std::string_view primitive,
                                    const std::vector<Argument>& arguments);
  /// One trace line, as printed: `i_0, i_1 = split(i, 12, tail = predicate)`. Names on the left
  /// that differ from those that the primitive gives rename what it made. A first line `schedule 1`
  /// gives the program canonical handles; another version is refused. A line `NAME =
  /// sample(...)
  /// -> VALUE` decides; it is kept in the trace before the first line that refers to it.
  [[nodiscard]] Status apply(const std::string& line);

 private:
  [[nodiscard]] Status apply_version(const std::string& line);
  [[nodiscard]] Result<Handles> run(const Primitive& primitive,
                                    const std::vector<Argument>& arguments, const Handles& wanted,
                                    const std::vector<std::string>& texts = {});

  Program program_;
  std::vector<Decision> decisions_;
  std::set<std::string, std::less<>> in_trace_;  // names of decisions
};

/// The version of the schedule language: of primitives, of the names that they give to what they
/// make, and of canonical handles. A trace that begins with `schedule 1` speaks of canonical
/// handles and so fits every kernel that computes the same; without that line it is of version 1 as
/// well, and speaks of the names in the text that it stands in.
inline constexpr int64_t kScheduleVersion = 1;

/// Applies trace lines, as printed, to a program in definition form. A line that does not apply is
/// the error, with `places[i]` (FILE:LINE), where there is one, before it; so is a decision that no
/// line refers to. Decisions alone, which `follow` completes, leave the program as it is.
[[nodiscard]] Result<Program> replay(const Program& program, std::span<const std::string> trace,
                                     std::span<const std::string> places = {});

/// Who decided a schedule.
enum class Origin : uint8_t {
  standard,  // default_schedule
  trace,     // the kernel's trace lines
  book,      // a page of the book
  written,   // the kernel is not in definition form: it runs as it stands
};
/// An attempt at a schedule that ended at a primitive.
struct Refusal {
  std::string attempt;  // "contraction"; "plain" where a block was left as the loops that it is
  std::string block;    // the anchor
  std::string reason;
};
struct Choice {
  Program program;     // scheduled; its trace are the lines that were applied
  Program definition;  // to which they were applied, without a trace
  Origin origin;
  /// What stands in profiles: of the default schedules the attempt that went through, "plain" being
  /// the last resort; else "trace", "file" or "written".
  std::string name;
  std::string file = {};  // of a page
  std::vector<Refusal> refusals = {};
  std::vector<Decision> decisions = {};  // that a default schedule made, in order
};

/// The default schedule for the kernel's anchor on that machine; deterministic, no trials.
[[nodiscard]] Result<Choice> default_schedule(const Program& program,
                                              const machine::Machine& machine);

/// Schedules that were written for kernels, found by what a kernel computes, whatever its names.
class Book {
 public:
  struct Page {
    Program kernel;                   // with its trace
    std::vector<std::string> places;  // of the trace lines: FILE:LINE
    std::string file;
  };
  /// Refuses a second page for the same computation ("schedule.twice").
  [[nodiscard]] Status add(Page page);
  /// By ir::canonical_text of a kernel without its trace; nullptr: none.
  [[nodiscard]] const Page* find(const std::string& canonical) const;
  [[nodiscard]] const std::map<std::string, Page>& pages() const { return pages_; }

 private:
  std::map<std::string, Page> pages_;
};

/// The schedule of trace lines. Where they are decisions alone, it is the default one under these
/// decisions; one that it does not make, or that ends at a primitive, is refused with its place.
[[nodiscard]] Result<Choice> follow(const Program& program, const machine::Machine& machine,
                                    std::span<const std::string> trace,
                                    std::span<const std::string> places = {});

/// The program as it stands, without a schedule.
[[nodiscard]] Choice as_written(const Program& program);

/// The schedule of a kernel as a file or the graph gives it: lines of its trace are still to be
/// applied. Without any, a kernel in definition form gets the schedule of the book's page, if there
/// is one with lines, whose every line must apply; else the default one.
[[nodiscard]] Result<Choice> choose(const Program& program, const machine::Machine& machine,
                                    const Book* book = nullptr);

/// True if the default schedule of a kernel with a sum of sums makes and uses up the first sums
/// block by block: never whole in memory, and by instructions of the machine.
[[nodiscard]] bool streams(const Program& program, const machine::Machine& machine);

/// True if no loop has a kind and no instruction stands in the program: nothing was scheduled yet.
[[nodiscard]] bool is_definition(const ir::Kernel& kernel);

/// A scheduled program as text that reads back as the same program: the lines that were applied
/// stand above it as comments.
[[nodiscard]] std::string print_scheduled(const ir::Kernel& kernel);

/// Scheduled program to target stage: block iterators replaced by their bindings, predicates to
/// conditions, reductions to init + update, buffers compacted to what is live, indices simplified,
/// top-level statements normalised to launches (each one parallel loop or a serial statement).
/// Runs the passes of finalize/passes.def for the machine's registers; refuses only what the
/// verifier finds.
using OnPass = std::function<void(const pass::Pass& pass, double seconds, const ir::Kernel& after)>;
[[nodiscard]] Result<Program> finalize(const Program& program, const machine::Machine& machine,
                                       const pass::Options& options = {},
                                       const OnPass& on_pass = {});

}  // namespace tenon::schedule
