#include "ownership_check/compiled_statement.hpp"

#include <charconv>

#include <fmt/format.h>

#include "kernel/types/problem.hpp"

namespace polyshop::ownership {
namespace {

// Takes a symbol apart from the left.
class Reader {
 public:
  explicit Reader(std::string_view symbol) : symbol_(symbol), rest_(symbol) {}

  bool take(std::string_view token) {
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  void expect(std::string_view token) {
    if (!take(token)) fail();
  }
  // Digits; "n" stands for the minus of a negative number.
  long number() {
    const bool negative = take("n");
    long value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc()) fail();
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return negative ? -value : value;
  }
  // An array of char without the zeros at its end: "tlA9_c" "Lc83E" "Lc69E" ... "E". Where a text happens to be as long as the
  // array for the file's name, the second type is a back reference: "tlS4_" in the place of "tlA112_c".
  std::string characters() {
    std::string text;
    expect("tl");
    if (take("A")) {
      number();
      expect("_c");
    } else {
      expect("S");
      rest_.remove_prefix(std::min(rest_.find('_'), rest_.size()));
      expect("_");
    }
    while (!take("E")) {
      expect("Lc");
      text.push_back(static_cast<char>(number()));
      expect("E");
    }
    return text;
  }
  [[noreturn]] void fail() const {
    throw Problem::invalid("unreadable_statement", fmt::format("The symbol of a statement is not named as db::Sql is today, at its byte {}. Let tools/ownership_check/compiled_statement.cpp and kernel/db/sql.hpp agree.",
                                                               symbol_.size() - rest_.size()));
  }

 private:
  const std::string_view symbol_;
  std::string_view rest_;
};

}  // namespace

std::optional<CompiledStatement> statement_of(std::string_view symbol) {
  if (!symbol.starts_with("_ZN8polyshop2db3SqlI") || !symbol.ends_with("E7storageE")) return {};
  Reader reader(symbol);
  CompiledStatement statement;
  reader.expect("_ZN8polyshop2db3SqlIXtlNS0_7SqlTextILm");
  reader.number();
  reader.expect("EEE");
  statement.text = reader.characters();
  statement.file = reader.characters();
  if (reader.take("Li")) {
    statement.line = static_cast<int>(reader.number());
    reader.expect("E");
  }
  reader.expect("EELNS0_7DialectE");
  const auto dialect = reader.number();
  if (dialect < 0 || dialect > static_cast<long>(db::Dialect::postgresql)) reader.fail();
  statement.dialect = static_cast<db::Dialect>(dialect);
  reader.expect("EE7storageE");
  return statement;
}

std::set<CompiledStatement> statements_of(const std::set<std::string>& defined_symbols) {
  std::set<CompiledStatement> statements;
  for (const auto& symbol : defined_symbols)
    if (auto statement = statement_of(symbol)) statements.insert(std::move(*statement));
  return statements;
}

}  // namespace polyshop::ownership
