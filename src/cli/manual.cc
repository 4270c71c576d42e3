#include "cli/manual.h"

#include <algorithm>
#include <sstream>
#include <vector>

#include "machine/machine.h"
#include "support/text.h"

namespace tenon::cli {
namespace {

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

/// "--target", "-o": every name of an option; none of a positional.
std::vector<std::string> names_of(const CLI::Option& o) {
  std::vector<std::string> names;
  for (const std::string& name : o.get_lnames()) names.push_back("--" + name);
  for (const std::string& name : o.get_snames()) names.push_back("-" + name);
  return names;
}

/// Options with a name, in the order of the help.
std::vector<const CLI::Option*> options_of(const CLI::App& command) {
  std::vector<const CLI::Option*> named;
  for (const CLI::Option* o : command.get_options())
    if (!names_of(*o).empty()) named.push_back(o);
  return named;
}

std::vector<const CLI::Option*> positionals_of(const CLI::App& command) {
  std::vector<const CLI::Option*> all;
  for (const CLI::Option* o : command.get_options())
    if (names_of(*o).empty()) all.push_back(o);
  return all;
}

bool takes_value(const CLI::Option& o) { return o.get_items_expected_max() > 0; }

/// The words that an option takes, where they are few: those of its check ("TEXT:{a,b}"), or the
/// machine rows.
std::vector<std::string> values_of(const CLI::Option& o) {
  std::vector<std::string> values;
  if (o.check_lname("target"))
    for (const machine::Machine& m : machine::rows()) values.push_back(m.name);
  const std::string type = o.get_type_name();
  const size_t open = type.find('{'), close = type.rfind('}');
  if (open == std::string::npos || close == std::string::npos || close < open) return values;
  std::istringstream words(type.substr(open + 1, close - open - 1));
  for (std::string word; std::getline(words, word, ',');) values.push_back(word);
  return values;
}

std::string join(const std::vector<std::string>& words, std::string_view between) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : std::string(between)) + word;
  return out;
}

std::vector<std::string> words_of(const CLI::App& command) {
  std::vector<std::string> words;
  for (const CLI::Option* o : options_of(command))
    for (const std::string& name : names_of(*o)) words.push_back(name);
  return words;
}

/// The first line of a description, without what quoting would need care for.
std::string plain(const std::string& text) {
  std::string out;
  for (const char c : text.substr(0, text.find('\n')))
    out += c == '\'' || c == '`' || c == '"' ? std::string() : c == ':' ? ";" : std::string(1, c);
  return out;
}

// ---- bash

std::string bash_script(const CLI::App& app) {
  std::vector<std::string> names;
  std::string by_command, by_option;
  for (const CLI::App* command : commands_of(app)) {
    names.push_back(command->get_name());
    by_command +=
        cat("    ", command->get_name(), ") words=\"", join(words_of(*command), " "), "\" ;;\n");
    const auto few = [&](const CLI::Option& o, const std::string& before) {
      const std::vector<std::string> values = values_of(o);
      if (values.empty()) return;
      by_option += cat("    \"", command->get_name(), " ", before, "\") values=\"",
                       join(values, " "), "\" ;;\n");
    };
    for (const CLI::Option* o : positionals_of(*command)) few(*o, command->get_name());
    for (const CLI::Option* o : options_of(*command))
      for (const std::string& name : names_of(*o)) few(*o, name);
  }
  return cat(
      "# Completion of tenon for bash.\n"
      "_tenon() {\n"
      "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command= words= "
      "values= i\n"
      "  for ((i = 1; i < COMP_CWORD; ++i)); do\n"
      "    case ${COMP_WORDS[i]} in -*) ;; *) command=${COMP_WORDS[i]}; break ;; esac\n"
      "  done\n"
      "  case $command in\n"
      "    \"\") words=\"",
      join(names, " "), " ", join(words_of(app), " "), "\" ;;\n", by_command,
      "  esac\n"
      "  case \"$command $prev\" in\n",
      by_option,
      "  esac\n"
      "  if [[ -n $values ]]; then COMPREPLY=($(compgen -W \"$values\" -- \"$cur\"))\n"
      "  elif [[ -z $command || $cur == -* ]]; then COMPREPLY=($(compgen -W \"$words\" -- "
      "\"$cur\"))\n"
      "  else COMPREPLY=($(compgen -f -- \"$cur\")); fi\n"
      "}\n"
      "complete -o filenames -F _tenon tenon\n");
}

// ---- zsh

std::string zsh_option(const CLI::Option& o) {
  std::string out;
  for (const std::string& name : names_of(o)) {
    out += cat("        '", name, "[", plain(o.get_description()), "]");
    const std::vector<std::string> values = values_of(o);
    if (!values.empty()) {
      out += cat(":value:(", join(values, " "), ")");
    } else if (takes_value(o)) {
      out += ":value:_files";
    }
    out += "' \\\n";
  }
  return out;
}

std::string zsh_script(const CLI::App& app) {
  std::string list, cases;
  for (const CLI::App* command : commands_of(app)) {
    list += cat("    '", command->get_name(), ":", plain(command->get_description()), "'\n");
    cases += cat("    ", command->get_name(), ")\n      _arguments \\\n");
    for (const CLI::Option* o : options_of(*command)) cases += zsh_option(*o);
    std::string rest = "_files";
    for (const CLI::Option* o : positionals_of(*command))
      if (!values_of(*o).empty()) rest = cat("(", join(values_of(*o), " "), ")");
    cases += cat("        '*:argument:", rest, "' ;;\n");
  }
  return cat(
      "#compdef tenon\n"
      "# Completion of tenon for zsh.\n"
      "_tenon() {\n"
      "  local -a commands\n"
      "  commands=(\n",
      list,
      "  )\n"
      "  if (( CURRENT == 2 )); then _describe command commands; return; fi\n"
      "  local command=$words[2]\n"
      "  shift words; (( CURRENT-- ))\n"
      "  case $command in\n",
      cases,
      "  esac\n"
      "}\n"
      "if [[ ${funcstack[1]:-} == _tenon ]]; then _tenon \"$@\"; else compdef _tenon tenon; fi\n");
}

// ---- fish

std::string fish_script(const CLI::App& app) {
  std::string out =
      "# Completion of tenon for fish.\n"
      "complete -c tenon -n __fish_use_subcommand -f\n";
  for (const CLI::App* command : commands_of(app)) {
    out += cat("complete -c tenon -n __fish_use_subcommand -a ", command->get_name(), " -d '",
               plain(command->get_description()), "'\n");
    for (const CLI::Option* o : positionals_of(*command))
      if (!values_of(*o).empty())
        out += cat("complete -c tenon -n '__fish_seen_subcommand_from ", command->get_name(),
                   "' -x -a '", join(values_of(*o), " "), "'\n");
    for (const CLI::Option* o : options_of(*command)) {
      out += cat("complete -c tenon -n '__fish_seen_subcommand_from ", command->get_name(), "'");
      for (const std::string& name : o->get_lnames()) out += cat(" -l ", name);
      for (const std::string& name : o->get_snames()) out += cat(" -s ", name);
      const std::vector<std::string> values = values_of(*o);
      if (!values.empty()) {
        out += cat(" -x -a '", join(values, " "), "'");
      } else if (takes_value(*o)) {
        out += " -r";
      }
      out += cat(" -d '", plain(o->get_description()), "'\n");
    }
  }
  return out;
}

// ---- man

/// Text for roff: backslashes and leading dots are its own.
std::string roff(std::string_view text) {
  std::string out;
  bool line_starts = true;
  for (const char c : text) {
    if (line_starts && (c == '.' || c == '\'')) out += "\\&";
    line_starts = c == '\n';
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

std::string man_option(const CLI::Option& o) {
  std::string head;
  for (const std::string& name : names_of(o)) head += (head.empty() ? "" : ", ") + name;
  if (takes_value(o))
    head += " " + (values_of(o).empty() ? std::string("VALUE") : join(values_of(o), "|"));
  std::string text = cat(".TP\n.B ", roff(head), "\n", roff(o.get_description()), "\n");
  if (!o.get_default_str().empty()) text += cat("Default: ", roff(o.get_default_str()), ".\n");
  return text;
}

std::string man_examples(const CLI::App& command) {
  return cat(".PP\n.nf\n", roff(command.get_footer()), "\n.fi\n");
}

std::string man_command(const CLI::App& command) {
  std::string usage = "tenon " + command.get_name();
  for (const CLI::Option* o : positionals_of(command)) usage += " " + o->get_name(true);
  std::string text =
      cat(".SS ", roff(usage), " [options]\n", roff(command.get_description()), ".\n");
  for (const CLI::Option* o : options_of(command)) text += man_option(*o);
  return text + man_examples(command);
}

}  // namespace

std::span<const Shell> shells() {
  static constexpr Shell kShells[] = {
      {"bash", "tenon completion bash > tenon.bash && source tenon.bash", bash_script},
      {"zsh", "source <(tenon completion zsh)", zsh_script},
      {"fish", "tenon completion fish | source", fish_script},
  };
  return kShells;
}

std::span<const Variable> variables() {
  static constexpr Variable kVariables[] = {
      {"TENON_CACHE_DIR", "folder of compiled models"},
      {"XDG_CACHE_HOME", "without TENON_CACHE_DIR they are in its folder tenon"},
      {"TENON_CACHE_SIZE", "bound of that folder, such as 500M; 8G by default"},
      {"TENON_PERF_MAP", "if set, perf learns the names of kernels from /tmp/perf-PID.map"},
  };
  return kVariables;
}

std::string man_page(const CLI::App& app) {
  std::string text = cat(".TH TENON 1\n.SH NAME\ntenon \\- ", roff(plain(app.get_description())),
                         "\n.SH SYNOPSIS\n.B tenon\n.I command\n[options]\n.SH OPTIONS\n");
  for (const CLI::Option* o : options_of(app)) text += man_option(*o);
  text += man_examples(app) + ".SH COMMANDS\n";
  for (const CLI::App* command : commands_of(app)) text += man_command(*command);
  text +=
      ".SH EXIT STATUS\n0 success; 1 a failure that was explained; 2 wrong usage; 130 ended by "
      "Ctrl\\-C, with what was known until then.\n.SH ENVIRONMENT\n";
  for (const Variable& v : variables())
    text += cat(".TP\n.B ", v.name, "\n", roff(v.meaning), ".\n");
  return text;
}

}  // namespace tenon::cli
