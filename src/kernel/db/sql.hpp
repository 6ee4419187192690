#pragma once

#include <array>
#include <cstddef>
#include <string_view>

// SQL statements as literals: "SELECT name FROM product WHERE id = :id"_sql. The literal is the only way to make one, so a
// statement built at run time does not compile. Every one registers itself with its file and line, which is how the tools
// list and prepare all of them. Parameters are :names, each bound once however often it stands there.
namespace polyshop::db {

enum class Dialect { common, sqlite, postgresql };

template <std::size_t N>
struct SqlText;
template <SqlText Text, Dialect D>
struct Sql;

// Made by a literal and by nothing else: whatever can be run is known when it is compiled, stands in the name of a symbol, and is
// looked at by the checker of ownership.
class Statement {
 public:
  const std::string_view text;
  const std::string_view file;
  const int line;
  const Dialect dialect;
  const Statement* next = nullptr;  // in the list of all statements

 private:
  template <SqlText Text, Dialect D>
  friend struct Sql;
  consteval Statement(std::string_view text_of_it, std::string_view in_file, int at_line, Dialect of) : text(text_of_it), file(in_file), line(at_line), dialect(of) {}
};

// The statements of everything that is linked into this program, in no order.
const Statement* all_statements();
const Statement* register_statement(Statement& statement);

// The text of a literal with the place where it stands.
template <std::size_t N>
struct SqlText {
  char text[N]{};
  char file[112]{};
  int line;
  consteval SqlText(const char (&literal)[N], const char* at_file = __builtin_FILE(), int at_line = __builtin_LINE()) : line(at_line) {
    for (std::size_t i = 0; i < N; ++i) text[i] = literal[i];
    for (std::size_t i = 0; i + 1 < sizeof file && at_file[i]; ++i) file[i] = at_file[i];
  }
  constexpr SqlText() : line(0) {}
  constexpr std::string_view view() const { return {text, N - 1}; }
};

// A part of a statement, also a literal: statements that share a filter are put together from parts by the compiler, and
// registered whole, with the place of the first part that is not shared. sql("SELECT ..."_part + filter + " ORDER BY ..."_part)
template <SqlText Text>
struct Part {};

template <std::size_t A, std::size_t B>
consteval SqlText<A + B - 1> joined(const SqlText<A>& a, const SqlText<B>& b) {
  SqlText<A + B - 1> both;
  for (std::size_t i = 0; i + 1 < A; ++i) both.text[i] = a.text[i];
  for (std::size_t i = 0; i < B; ++i) both.text[A - 1 + i] = b.text[i];
  const bool is_a_shared = a.line == 0;
  for (std::size_t i = 0; i < sizeof a.file; ++i) both.file[i] = is_a_shared ? b.file[i] : a.file[i];
  both.line = is_a_shared ? b.line : a.line;
  return both;
}
template <std::size_t N>
consteval SqlText<N> without_place(SqlText<N> text) {
  text.line = 0;
  return text;
}
template <SqlText A, SqlText B>
consteval Part<joined(A, B)> operator+(Part<A>, Part<B>) {
  return {};
}
// A part that several statements share.
template <SqlText Text>
consteval Part<without_place(Text)> shared(Part<Text>) {
  return {};
}

struct Names {
  static constexpr std::size_t max = 48;
  std::array<std::string_view, max> name{};
  std::size_t size = 0;
  constexpr std::size_t index_of(std::string_view wanted) const {
    for (std::size_t i = 0; i < size; ++i)
      if (name[i] == wanted) return i;
    return max;
  }
  constexpr void add(std::string_view text) {
    if (size == max) throw "a statement has too many parameters or columns";
    name[size++] = text;
  }
};

namespace detail {

constexpr bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }
constexpr char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }
constexpr bool equals_upper(std::string_view text, std::string_view upper_word) {
  if (text.size() != upper_word.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (upper(text[i]) != upper_word[i]) return false;
  return true;
}

// Walks the tokens of a statement; calls visit(token, depth), where a token is a word, a :name, or one other character.
// String literals and comments are passed over.
template <class Visit>
constexpr void walk(std::string_view sql, Visit visit) {
  int depth = 0;
  for (std::size_t i = 0; i < sql.size();) {
    const char c = sql[i];
    std::size_t end = i + 1;
    if (c == '\'' || c == '"') {
      while (end < sql.size() && sql[end] != c) ++end;
      if (c == '"') visit(sql.substr(i + 1, end - i - 1), depth);
      else visit(std::string_view("'"), depth);
      i = end + 1;
      continue;
    }
    if (c == '-' && end < sql.size() && sql[end] == '-') {
      while (i < sql.size() && sql[i] != '\n') ++i;
      continue;
    }
    if (is_word(c) || (c == ':' && end < sql.size() && is_word(sql[end]))) {
      while (end < sql.size() && is_word(sql[end])) ++end;
    } else if (c == ':' && end < sql.size() && sql[end] == ':') {
      ++end;
    } else if (c == '(') {
      visit(sql.substr(i, 1), depth);
      ++depth;
      i = end;
      continue;
    } else if (c == ')') {
      --depth;
    } else if (c == ' ' || c == '\n' || c == '\t' || c == '\r') {
      i = end;
      continue;
    }
    visit(sql.substr(i, end - i), depth);
    i = end;
  }
}

constexpr Names parameters_of(std::string_view sql) {
  Names names;
  walk(sql, [&](std::string_view token, int) {
    if (token.size() > 1 && token[0] == ':' && token[1] != ':' && names.index_of(token.substr(1)) == Names::max) names.add(token.substr(1));
  });
  return names;
}

// The names of the columns that the statement answers: of the outermost SELECT's list, or of RETURNING. A column is called
// by its alias, else by its last word.
constexpr Names columns_of(std::string_view sql) {
  Names names;
  bool changes = false, inside = false, ended = false;
  std::string_view last;
  walk(sql, [&](std::string_view token, int depth) {
    if (depth != 0) return;
    if (equals_upper(token, "INSERT") || equals_upper(token, "UPDATE") || equals_upper(token, "DELETE")) {
      if (!inside) changes = true;
    } else if (!ended && ((equals_upper(token, "SELECT") && !changes) || equals_upper(token, "RETURNING"))) {
      inside = true;
      last = {};
      return;
    }
    if (!inside) return;
    const bool end = equals_upper(token, "FROM") || equals_upper(token, "WHERE") || equals_upper(token, "UNION") || equals_upper(token, "ORDER") || equals_upper(token, "LIMIT");
    if (end || token == ",") {
      if (!last.empty()) names.add(last);
      last = {};
      if (end) {
        inside = false;
        ended = true;
      }
    } else if (is_word(token[0]) && !equals_upper(token, "DISTINCT")) {
      last = token;
    } else if (last.empty()) {
      last = token;
    }
  });
  if (inside && !last.empty()) names.add(last);
  return names;
}

}  // namespace detail

template <SqlText Text, Dialect D = Dialect::common>
struct Sql {
 private:
  inline static Statement storage{Text.view(), Text.file, Text.line, D};

 public:
  static constexpr auto literal = Text;
  static constexpr Names parameters = detail::parameters_of(literal.view());
  static constexpr Names columns = detail::columns_of(literal.view());
  static const Statement& statement() { return *registered; }
  inline static const Statement* registered = register_statement(storage);
};

template <SqlText Text>
auto sql(Part<Text>) {
  (void)Sql<Text>::registered;
  return Sql<Text>{};
}
template <SqlText Text>
auto sqlite(Part<Text>) {
  (void)Sql<Text, Dialect::sqlite>::registered;
  return Sql<Text, Dialect::sqlite>{};
}
template <SqlText Text>
auto postgresql(Part<Text>) {
  (void)Sql<Text, Dialect::postgresql>::registered;
  return Sql<Text, Dialect::postgresql>{};
}

// The two forms of a statement that no common SQL can say: one_of("..."_sqlite, "..."_postgresql). Parameters and columns
// have the same names in both, in the same order.
template <class ForSqlite, class ForPostgresql>
struct OneOf {
  static constexpr Names parameters = ForSqlite::parameters;
  static constexpr Names columns = ForSqlite::columns;
  static constexpr bool agree() {
    if (parameters.size != ForPostgresql::parameters.size || columns.size != ForPostgresql::columns.size) return false;
    for (std::size_t i = 0; i < parameters.size; ++i)
      if (parameters.name[i] != ForPostgresql::parameters.name[i]) return false;
    for (std::size_t i = 0; i < columns.size; ++i)
      if (columns.name[i] != ForPostgresql::columns.name[i]) return false;
    return true;
  }
  static_assert(agree(), "both forms of a statement must have the same parameters and columns in the same order");
};
template <class A, class B>
constexpr OneOf<A, B> one_of(A, B) {
  return {};
}

template <SqlText Text, Dialect D>
const Statement& statement_for(Sql<Text, D>, bool) {
  return Sql<Text, D>::statement();
}
template <class A, class B>
const Statement& statement_for(OneOf<A, B>, bool is_sqlite) {
  return is_sqlite ? statement_for(A{}, true) : statement_for(B{}, false);
}

}  // namespace polyshop::db

namespace polyshop {

template <db::SqlText Text>
auto operator""_sql() {
  (void)db::Sql<Text>::registered;
  return db::Sql<Text>{};
}
template <db::SqlText Text>
consteval db::Part<Text> operator""_part() {
  return {};
}
template <db::SqlText Text>
auto operator""_sqlite() {
  (void)db::Sql<Text, db::Dialect::sqlite>::registered;
  return db::Sql<Text, db::Dialect::sqlite>{};
}
template <db::SqlText Text>
auto operator""_postgresql() {
  (void)db::Sql<Text, db::Dialect::postgresql>::registered;
  return db::Sql<Text, db::Dialect::postgresql>{};
}

}  // namespace polyshop
