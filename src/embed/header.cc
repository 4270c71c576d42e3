#include "embed/header.h"

#include <algorithm>
#include <cctype>
#include <cstdio>

#include "support/text.h"

namespace tenon::embed {
namespace {

std::string capitals(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

/// A model's own word inside a comment: printable, and nothing that ends or nests one or that C
/// reads as another character.
std::string comment(std::string text) {
  for (char& c : text)
    if (c == '*' || c == '\\' || c == '?' || std::isprint(static_cast<unsigned char>(c)) == 0)
      c = '_';
  return text;
}

/// `text` with every @ replaced by `name`, and every $ by `name` in capitals.
std::string named(std::string_view text, const std::string& name) {
  std::string out;
  for (const char c : text) {
    if (c == '@') {
      out += name;
    } else if (c == '$') {
      out += capitals(name);
    } else {
      out += c;
    }
  }
  return out;
}

constexpr std::string_view kOutcomes =
    R"(/* What the functions return. The text of a refusal goes to the error hook. */
enum {
  $_OK = 0,
  $_ERROR_VERSION = 1,  /* this header and the object are of different compilations */
  $_ERROR_CPU = 2,      /* the CPU lacks instructions that the code was compiled for */
  $_ERROR_ARGUMENT = 3, /* a null or misaligned pointer, an extent out of range, an instance not open */
  $_ERROR_MEMORY = 4,   /* the workspace or the room of an output is too small */
  $_ERROR_CHECK = 5,    /* the model does not take these extents or values */
  $_ERROR_INDEX = 6     /* an index taken from a tensor lies outside its axis */
};

/* All may be 0. */
typedef struct @_hooks {
  void (*error)(void *user, int code, const char *text); /* why a call refuses; the text lasts for the call */
  void *error_user;
  /* Calls part(context, i) once for each i below count, at the same time if it can, and returns when
   * all have returned. Results do not depend on it. */
  void (*parallel_for)(void *user, void (*part)(void *context, size_t i), void *context, size_t count);
  void *parallel_user;
  size_t workers; /* the most parts of a loop, up to 1024; each has its share of the workspace */
  const void *weights; /* bytes of the weights' file at a multiple of $_ALIGNMENT, where there is one */
  size_t weights_bytes;
} @_hooks;

)";

constexpr std::string_view kFunctions =
    R"(/* An instance serves one call at a time; any number of instances may run at once. */
int @_open(@_instance *instance, uint64_t version, const @_hooks *hooks); /* version: $_VERSION */
/* The workspace that a run with the extents of `io` needs, for all workers, and the shapes of outputs
 * that follow from extents; the others are -1. Looks at no tensor. */
int @_size(@_instance *instance, @_io *io, size_t *workspace_bytes);
/* Inputs, outputs and workspace must not overlap. The workspace keeps nothing from run to run. */
int @_run(@_instance *instance, @_io *io, void *workspace, size_t workspace_bytes);
void @_close(@_instance *instance);
)";

class HeaderWriter {
 public:
  HeaderWriter(const HeaderFacts& facts, const Interface& face) : f_(facts), face_(face) {}

  std::string run(uint64_t version) {
    char digits[32];
    (void)std::snprintf(digits, sizeof digits, "0x%016llx",
                        static_cast<unsigned long long>(version));
    out_ = cat(
        "/* ", f_.name, ".h: model '", comment(f_.model), "' as an object of C, compiled by ",
        comment(f_.producer), " for ", f_.target, ".\n",
        " * Written by `tenon compile`. The object takes no memory, starts no thread, and needs "
        "no library. */\n");
    line("#ifndef TENON_MODEL_$_H\n#define TENON_MODEL_$_H\n");
    line("#include <stddef.h>\n#include <stdint.h>\n");
    line("#ifdef __cplusplus\nextern \"C\" {\n#endif\n");
    define("VERSION", cat("UINT64_C(", digits, ")"));
    define("ALIGNMENT", cat(kAlignment));
    sizes();
    out_ += "\n" + named(kOutcomes, f_.name);
    line(cat("/* Memory of an instance, of the caller; only the functions below look into it. */\n",
             "typedef struct @_instance {\n  uint64_t words[", f_.sizes.instance / 8,
             "];\n} @_instance;\n"));
    io();
    out_ += named(kFunctions, f_.name);
    line("\n#ifdef __cplusplus\n}\n#endif\n#endif");
    return std::move(out_);
  }

 private:
  void line(std::string_view text) { out_ += named(text, f_.name) + "\n"; }
  void define(const std::string& what, const std::string& value) {
    line(cat("#define $_", what, " ", value));
  }

  void sizes() {
    const Sizes& s = f_.sizes;
    if (s.workspace_is_known) {
      if (s.grows)
        line(
            "/* The least: elements of tensors decide how much more a run needs. One that needs "
            "more is\n"
            " * refused with $_ERROR_MEMORY. */");
      define("WORKSPACE_BYTES", cat(s.workspace));
      line("/* More for each worker behind the first. */");
      define("WORKER_BYTES", cat(s.worker));
    } else {
      line(cat("/* $_WORKSPACE_BYTES depends on extents: @_size tells it.",
               s.grows
                   ? " It is the least: elements of tensors\n * decide how much more a run needs. "
                     "One that needs more is refused with $_ERROR_MEMORY."
                   : "",
               " */"));
    }
    if (f_.weights_bytes != 0) define("WEIGHTS_BYTES", cat(f_.weights_bytes));
    for (const auto* list : {&face_.inputs, &face_.outputs})
      for (const TensorMember& t : *list)
        if (t.count >= 0) define(cat(capitals(t.member), "_COUNT"), cat(t.count));
  }

  void tensor(const TensorMember& t, bool is_output) {
    out_ += cat("  ", t.is_written ? "" : "const ", t.c_type, " *", t.member, "; /* ",
                is_output || !t.is_written ? "" : "changed by the run: ", comment(t.name), ": ",
                t.type, " ", comment(t.shape),
                !t.is_optional ? ""
                : is_output    ? "; NULL: not wanted"
                               : "; NULL: its default",
                " */\n");
    if (t.room == artifact::kNone) return;
    out_ += cat("  uint64_t ", t.member, "_bytes; /* room there */\n");
    if (t.rank > 0)
      out_ += cat("  int64_t ", t.member, "_shape[", t.rank, "]; /* set by the functions */\n");
  }

  void io() {
    line(
        "/* What a run reads and writes: dense, the last axis first in memory, at a multiple of "
        "an\n"
        " * element's size. Halves and narrower floats are their bits; bool is 0 or 1 in a byte. "
        "*/\n"
        "typedef struct @_io {");
    for (const ExtentMember& e : face_.extents) {
      std::string axes;
      for (const std::string& a : e.axes) axes += (axes.empty() ? "" : ", ") + a;
      out_ += cat("  int64_t ", e.member, "; /* ", comment(e.text), ": ", comment(axes), " */\n");
    }
    for (const TensorMember& t : face_.inputs) tensor(t, false);
    for (const TensorMember& t : face_.outputs) tensor(t, true);
    if (face_.words == 0) out_ += "  void *nothing;\n";
    line(
        "} @_io;\n"
        "/* The object counts on members of 8 bytes each. */\n"
        "typedef char @_has_64_bits[sizeof(void *) == 8 && sizeof(size_t) == 8 ? 1 : -1];\n");
  }

  const HeaderFacts& f_;
  const Interface& face_;
  std::string out_;
};

}  // namespace

std::string header_text(const HeaderFacts& facts, const Interface& face, uint64_t version) {
  return HeaderWriter(facts, face).run(version);
}

}  // namespace tenon::embed
