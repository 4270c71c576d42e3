// A compiled model as an object of C: a relocatable object, an archive or a shared object with the
// functions NAME_open, NAME_size, NAME_run and NAME_close, and the header that declares them. It
// needs no library, allocates nothing and starts no thread (decision 0024).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "artifact/model.h"
#include "support/result.h"

namespace tenon::embed {

enum class Form { object, archive, shared };

/// The form that the suffix of a path says: .o, .a or .so; nullopt for others.
[[nodiscard]] std::optional<Form> form_of(std::string_view path);

struct Options {
  std::string path;  // of the object
  Form form = Form::object;
  std::string header;        // path of the header: header_of
  std::string name;          // what the functions' names begin with: identifier_of, is_identifier
  std::string weights = {};  // path of a file for the constants; "": they lie in the object
};

/// A name in C made of the file's: "my-model.o" gives "my_model".
[[nodiscard]] std::string identifier_of(std::string_view path, Form form);
/// The path with .h in place of its ending, and without the "lib" of a library's name.
[[nodiscard]] std::string header_of(std::string_view path, Form form);
[[nodiscard]] bool is_identifier(std::string_view name);

/// Writes the files, each of them whole or not at all. Refuses a model with states ("embed.state"),
/// devices or functions of a host ("embed.device"), extents read from elements that are no integers
/// of whole bytes ("embed.element"), and constants of more than a GiB in an object
/// ("embed.weights").
[[nodiscard]] Status write(const artifact::Model& model, const Options& options);

}  // namespace tenon::embed
