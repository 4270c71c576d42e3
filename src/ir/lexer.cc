#include "ir/lexer.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "support/text.h"

namespace tenon::ir {
namespace {

constexpr std::array<std::string_view, 9> kDouble{
    ":=", "==", "!=", "<=", ">=", "&&", "||", "//", "->"};
constexpr std::string_view kSingle = "()[]{}<>=+-*/%!,:@.?";
constexpr std::array<std::string_view, 28> kWords{
    "as",       "alloc",  "at",    "bind", "block",  "cast",  "const",  "else", "fail",    "for",
    "function", "guard",  "if",    "init", "instr",  "let",   "packed", "reg",  "scratch", "tile",
    "with",     "kernel", "model", "note", "return", "trace", "where",  "while"};
constexpr std::array<std::string_view, 2> kTruth{"false", "true"};

bool starts_name(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool continues_name(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.';
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Lexer {
 public:
  Lexer(std::string_view text, std::string_view file) : text_(text), file_(file) {}

  Result<std::vector<Token>> run() {
    std::vector<Token> all;
    for (;;) {
      skip_space();
      Token token{TokenKind::end, {}, line_, static_cast<int>(at_ - line_start_) + 1, false};
      const size_t start = at_;
      if (at_ < text_.size()) {
        if (Status s = take(token); !s) return tl::make_unexpected(std::move(s).error());
      }
      token.spelling = text_.substr(start, at_ - start);
      all.push_back(token);
      if (token.kind == TokenKind::end) return all;
    }
  }

 private:
  [[nodiscard]] char peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  void skip_space() {
    while (at_ < text_.size()) {
      if (text_[at_] == '\n') {
        ++line_;
        line_start_ = ++at_;
      } else if (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r') {
        ++at_;
      } else if (text_[at_] == ';') {
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
      } else {
        return;
      }
    }
  }

  Status take(Token& token) {
    const char c = peek();
    if (starts_name(c)) {
      token.kind = TokenKind::name;
      while (continues_name(peek())) ++at_;
    } else if (is_digit(c)) {
      number(token);
    } else if (c == '"' || c == '`') {
      token.kind = c == '"' ? TokenKind::text : TokenKind::name;
      token.quoted = true;
      return quoted(c, token);
    } else if (c == '#') {
      token.kind = TokenKind::hash;
      ++at_;
      while (std::isxdigit(static_cast<unsigned char>(peek())) != 0) ++at_;
    } else {
      return symbol(token);
    }
    return {};
  }

  void number(Token& token) {
    token.kind = TokenKind::integer;
    while (is_digit(peek())) ++at_;
    if (peek() == '.' && is_digit(peek(1))) {
      token.kind = TokenKind::real;
      ++at_;
      while (is_digit(peek())) ++at_;
    }
    const size_t sign = peek(1) == '+' || peek(1) == '-' ? 2 : 1;
    if ((peek() == 'e' || peek() == 'E') && is_digit(peek(sign))) {
      token.kind = TokenKind::real;
      at_ += sign;
      while (is_digit(peek())) ++at_;
    }
  }

  Status quoted(char mark, const Token& token) {
    ++at_;
    while (at_ < text_.size() && text_[at_] != mark && text_[at_] != '\n')
      at_ += text_[at_] == '\\' ? 2 : 1;
    if (peek() != mark)
      return fail("text.quote", cat(file_, ":", token.line, ":", token.column,
                                    ": the quote that opens here does not close on its line"));
    ++at_;
    return {};
  }

  Status symbol(Token& token) {
    token.kind = TokenKind::symbol;
    const std::string_view two = text_.substr(at_, 2);
    if (std::find(kDouble.begin(), kDouble.end(), two) != kDouble.end()) {
      at_ += 2;
    } else if (kSingle.find(peek()) != std::string_view::npos) {
      ++at_;
    } else {
      return fail("text.character", cat(file_, ":", token.line, ":", token.column,
                                        ": unexpected character ", quote({&text_[at_], 1}, '\'')));
    }
    return {};
  }

  std::string_view text_, file_;
  size_t at_ = 0, line_start_ = 0;
  int line_ = 1;
};

int hex_digit(char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; }

}  // namespace

Result<std::vector<Token>> tokenize(std::string_view text, std::string_view file) {
  return Lexer(text, file).run();
}

std::string unquote(std::string_view spelling) {
  spelling = spelling.substr(1, spelling.size() - 2);
  std::string out;
  for (size_t i = 0; i < spelling.size(); ++i) {
    if (spelling[i] != '\\' || i + 1 == spelling.size()) {
      out += spelling[i];
      continue;
    }
    const char c = spelling[++i];
    if (c == 'n') {
      out += '\n';
    } else if (c == 't') {
      out += '\t';
    } else if (c == 'x' && i + 2 < spelling.size() &&
               std::isxdigit(static_cast<unsigned char>(spelling[i + 1])) != 0 &&
               std::isxdigit(static_cast<unsigned char>(spelling[i + 2])) != 0) {
      out += static_cast<char>(hex_digit(spelling[i + 1]) * 16 + hex_digit(spelling[i + 2]));
      i += 2;
    } else {
      out += c;
    }
  }
  return out;
}

std::string quote(std::string_view text, char mark) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out(1, mark);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == mark || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  out += mark;
  return out;
}

bool is_plain_name(std::string_view name) {
  if (name.empty() || !starts_name(name[0])) return false;
  if (!std::all_of(name.begin(), name.end(), continues_name)) return false;
  return std::find(kWords.begin(), kWords.end(), name) == kWords.end() &&
         std::find(kTruth.begin(), kTruth.end(), name) == kTruth.end();
}

}  // namespace tenon::ir
