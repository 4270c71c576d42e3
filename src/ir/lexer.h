// Tokens of the text form. A comment runs from ';' to the end of its line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "support/result.h"

namespace tenon::ir {

enum class TokenKind : uint8_t { name, integer, real, text, hash, symbol, end };

struct Token {
  TokenKind kind = TokenKind::end;
  std::string_view spelling;  // in the source; of a quoted name or a text with its quotes
  int line = 0, column = 0;
  bool quoted = false;
};

/// The tokens, the last of kind `end`. Symbols are the longest of: := == != <= >= && || // -> and
/// the single characters. Refuses characters that start no token and quotes that do not close
/// ("text.character", "text.quote").
[[nodiscard]] Result<std::vector<Token>> tokenize(std::string_view text, std::string_view file);

/// What a quoted name or text stands for: \n \t \\ \" \` and \xHH replaced.
[[nodiscard]] std::string unquote(std::string_view spelling);
/// The same backwards, with `mark` as the quote.
[[nodiscard]] std::string quote(std::string_view text, char mark);

/// True for a name that needs no quotes: a letter or _, then letters, digits, _ and dots, and none
/// of the words that the grammar uses.
[[nodiscard]] bool is_plain_name(std::string_view name);

}  // namespace tenon::ir
