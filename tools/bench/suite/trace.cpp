#include "suite/trace.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <thread>

#include <fmt/format.h>

#include "kernel/types/problem.hpp"
#include "live/process.hpp"

namespace polyshop::bench {
namespace {

// A line's letter and fields.
class Lines {
 public:
  Lines(const std::filesystem::path& file, std::uintmax_t from) {
    std::ifstream in(file, std::ios::binary);
    in.seekg(static_cast<std::streamoff>(from));
    text_.assign(std::istreambuf_iterator<char>(in), {});
    if (!in) throw Problem::unavailable("file_unreadable", fmt::format("{} cannot be read.", file.string()));
  }

  bool next(char& letter, std::vector<std::string>& fields) {
    fields.clear();
    if (at_ >= text_.size()) return false;
    letter = text_[at_++];
    while (at_ < text_.size() && text_[at_] != '\n') {
      std::size_t size = 0;
      const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), size);
      const auto start = static_cast<std::size_t>(end - text_.data()) + 1;
      // The program may have been killed within its last line.
      if (error != std::errc() || start + size >= text_.size()) return false;
      fields.push_back(text_.substr(start, size));
      at_ = start + size;
    }
    ++at_;
    return true;
  }

 private:
  std::string text_;
  std::size_t at_ = 0;
};

class Texts {
 public:
  explicit Texts(std::vector<std::string>& all) : all_(all) {}
  std::size_t number_of(const std::string& text) {
    const auto [entry, is_new] = numbers_.try_emplace(text, all_.size());
    if (is_new) all_.push_back(text);
    return entry->second;
  }

 private:
  std::vector<std::string>& all_;
  std::map<std::string, std::size_t> numbers_;
};

TracedStatement statement_of(const std::vector<std::string>& fields, Texts& texts) {
  TracedStatement statement{fields.at(2) == "r", fields.at(2) == "w", texts.number_of(fields.at(3)), {}};
  for (std::size_t i = 4; i < fields.size(); ++i) {
    TracedValue value{fields[i].front(), fields[i].substr(1)};
    if (value.kind == 'i') value.integer = std::stoll(value.text);
    if (value.kind == 'd') value.real = std::stod(value.text);
    statement.values.push_back(std::move(value));
  }
  return statement;
}

// Of one connection: the jobs of a group are committed together, unless all of it is rolled back.
struct Open {
  bool has_begun = false;
  std::vector<TracedTransaction> done;
  TracedTransaction current;
};

}  // namespace

bool TracedTransaction::is_read() const { return std::ranges::all_of(statements, &TracedStatement::is_read); }
bool TracedTransaction::is_write() const { return std::ranges::any_of(statements, &TracedStatement::is_write); }

std::string kind_of(const Trace& trace, const TracedTransaction& transaction) {
  auto kind = transaction.where;
  for (const auto& statement : transaction.statements) kind += '\n' + trace.texts[statement.sql];
  return kind;
}

Trace read_trace(const std::filesystem::path& file, std::uintmax_t from) {
  Lines lines(file, from);
  Trace trace;
  auto& all = trace.transactions;
  Texts texts(trace.texts);
  std::map<std::string, Open> open;  // by connection
  char letter = 0;
  std::vector<std::string> fields;
  while (lines.next(letter, fields)) {
    auto& here = open[fields.at(0)];
    here.current.where = fields.at(1);
    if (letter == 'Q') {
      here.current.statements.push_back(statement_of(fields, texts));
      if (!here.has_begun) all.push_back(std::exchange(here.current, {}));  // a single statement, which is a transaction of its own
      continue;
    }
    const auto& text = fields.at(2);
    if (text.starts_with("BEGIN")) here.has_begun = true;
    if (text.starts_with("RELEASE")) here.done.push_back(std::exchange(here.current, {}));
    if (text.starts_with("ROLLBACK TO") || text.starts_with("SAVEPOINT")) here.current = {};
    if (text == "ROLLBACK") here = {};
    if (text == "COMMIT") {
      if (!here.current.statements.empty()) here.done.push_back(std::exchange(here.current, {}));
      std::ranges::move(here.done, std::back_inserter(all));
      here = {};
    }
  }
  return trace;
}

std::uintmax_t settled_size(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::uintmax_t size = 0;
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  for (auto quiet_since = std::chrono::steady_clock::now(); std::chrono::steady_clock::now() < std::min(give_up, quiet_since + std::chrono::seconds(1));) {
    live::stop_if_interrupted();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    in.clear();
    const std::string more{std::istreambuf_iterator<char>(in), {}};
    size += more.size();
    if (more.find("1:w") != std::string::npos) quiet_since = std::chrono::steady_clock::now();
  }
  return size;
}

}  // namespace polyshop::bench
