#include <algorithm>
#include <set>

#include "kernel/db/schema_files.hpp"
#include "kernel/db/sql.hpp"

namespace polyshop::db {
namespace {

// The first words of a statement tell what becomes of a table: CREATE [VIRTUAL] TABLE [IF NOT EXISTS] a, DROP TABLE [IF EXISTS] a,
// ALTER TABLE a RENAME TO b.
void run_statement(const std::vector<std::string_view>& words, std::set<std::string, std::less<>>& tables) {
  std::vector<std::string_view> said;
  for (const auto word : words)
    if (!std::ranges::any_of(std::initializer_list<std::string_view>{"VIRTUAL", "IF", "NOT", "EXISTS"}, [&](auto filler) { return detail::equals_upper(word, filler); })) said.push_back(word);
  const auto is = [&](std::size_t at, std::string_view word) { return at < said.size() && detail::equals_upper(said[at], word); };
  if (said.size() < 3 || !is(1, "TABLE")) return;
  if (is(0, "CREATE")) tables.emplace(said[2]);
  if (is(0, "DROP")) tables.erase(std::string(said[2]));
  if (is(0, "ALTER") && is(3, "RENAME") && is(4, "TO") && said.size() > 5) {
    tables.erase(std::string(said[2]));
    tables.emplace(said[5]);
  }
}

}  // namespace

std::vector<std::string> tables_left_by(std::span<const SchemaFile> files) {
  std::set<std::string, std::less<>> tables;
  for (const auto& file : files) {
    std::vector<std::string_view> words;
    detail::walk(file.text, [&](std::string_view token, int depth) {
      if (token == ";") {
        run_statement(words, tables);
        words.clear();
      } else if (depth == 0) {
        words.push_back(token);
      }
    });
  }
  return {tables.begin(), tables.end()};
}

std::vector<std::string> tables_of(std::string_view owner) {
  std::vector<SchemaFile> own;
  std::ranges::copy_if(schema_files(), std::back_inserter(own), [&](const auto& file) { return file.path.starts_with(std::string(owner) + '/'); });
  std::ranges::sort(own, {}, &SchemaFile::path);
  return tables_left_by(own);
}

}  // namespace polyshop::db
