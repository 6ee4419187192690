#include <map>
#include <regex>

#include <fmt/format.h>

#include "kernel/types/problem.hpp"
#include "suite/replay.hpp"

namespace polyshop::bench {
namespace {

// An id as every table has them; its first ten characters are the time at which it was made.
const std::regex& id_pattern() {
  static const std::regex pattern("([a-z]{2,5})_([0-9a-hjkmnp-tv-z]{26})");
  return pattern;
}

// As write_catalogue makes them: a product's number and a variant.
const std::regex& sku_pattern() {
  static const std::regex pattern("B[0-9]{7}(?=-[SM])");
  return pattern;
}

class Script {
 public:
  Script(const Trace& trace, const TracedRun& run) : trace_(trace), run_(run) {
    for (const auto& transaction : trace.transactions)
      for (const auto& statement : transaction.statements)
        for (const auto& value : statement.values)
          for (std::sregex_iterator at(value.text.begin(), value.text.end(), sku_pattern()), end; statement.is_write && at != end; ++at) bought_.try_emplace(at->str(), 0);
    for (std::size_t i = 0; auto& [product, number] : bought_) number = i++;
  }

  std::string text() {
    std::string body;
    for (const auto& transaction : trace_.transactions) {
      body += "BEGIN;\n";
      bool is_sequencer = false;
      for (const auto& statement : transaction.statements) {
        if (!statement.is_write) continue;
        const auto& sql = trace_.texts[statement.sql];
        // A module of the shop has one sequencer, where 64 clients would stand in a queue for its lock: who does not get it at
        // once leaves the events to who has it.
        if (sql == locking_head) {
          is_sequencer = true;
          body += fmt::format("SELECT count(*) AS leads FROM (SELECT position FROM \"{}\".event_head FOR UPDATE SKIP LOCKED) AS head \\gset\n\\if :leads\n", transaction.where);
        } else {
          body += filled(qualified(sql, transaction.where), statement) + ";\n";
        }
      }
      body += is_sequencer ? "\\endif\nCOMMIT;\n" : "COMMIT;\n";
    }
    // What every run of the script has for its own.
    return "\\set run random(1, 1000000000000000)\n" + drawing() + body;
  }

 private:
  static constexpr std::string_view locking_head = "SELECT position FROM event_head FOR UPDATE";

  // A share of all products for each that was bought, in their order: rows are then locked in the same order as the shop locks them.
  std::string drawing() const {
    std::string out;
    const auto count = static_cast<std::int64_t>(bought_.size());
    for (std::int64_t i = 0; i < count; ++i) out += fmt::format("\\set product_{} random({}, {})\n", i, run_.products * i / count, run_.products * (i + 1) / count - 1);
    return out;
  }

  // Connections of the shop have a schema each; pgbench has one connection for all. A name after WITH is no table, nor is a function
  // that rows come from, nor the row that a conflict excluded.
  static std::string qualified(const std::string& sql, const std::string& schema) {
    static const std::regex table(R"(\b(INTO|UPDATE|(?:FROM|JOIN)(?=\s+[a-z_]+\b(?!\s*[(.])))(\s+)([a-z_]+)\b)");
    static const std::regex named(R"(WITH\s+([a-z_]+)\s+AS)");
    std::smatch with;
    const auto own = std::regex_search(sql, with, named) ? with[1].str() : std::string();
    std::string out;
    auto from = sql.cbegin();
    for (std::sregex_iterator at(sql.begin(), sql.end(), table), end; at != end; ++at) {
      out.append(from, (*at)[0].first);
      const auto name = (*at)[3].str();
      out += (*at)[1].str() + (*at)[2].str() + (name == own ? name : fmt::format(R"("{}".{})", schema, name));
      from = (*at)[0].second;
    }
    return out.append(from, sql.cend());
  }

  std::string filled(const std::string& sql, const TracedStatement& statement) {
    static const std::regex parameter(R"(\$(\d+))");
    const bool numbers_order = sql.find("number = $1") != std::string::npos;
    const bool moves_events = sql.find("row_number()") != std::string::npos;
    const bool counts_moved = sql.find("event_head SET position = position +") != std::string::npos;
    std::string out;
    auto from = sql.cbegin();
    for (std::sregex_iterator at(sql.begin(), sql.end(), parameter), end; at != end; ++at) {
      out.append(from, (*at)[0].first);
      const auto index = std::stoul((*at)[1].str()) - 1;
      const auto& value = statement.values.at(index);
      // Some values are this run's without being ids: an order's number, and the places in a log that the sequencer has just locked.
      if (numbers_order && index == 0)
        out += fmt::format("(:run::text || '-{}')", ++orders_);
      else if (moves_events && index == 0)
        out += fmt::format("(SELECT position FROM {}.event_head)", schema_of(sql));
      else if (counts_moved && index == 0)  // as many as were there, not as many as in the traced run
        out += fmt::format("((SELECT max(position) FROM {}.event_log) - position)", schema_of(sql));
      else
        out += value.kind == 'n' ? "NULL" : literal(value.text);
      from = (*at)[0].second;
    }
    // pgbench takes a statement to be one line or several up to a semicolon; blanks within do not matter.
    return out.append(from, sql.cend());
  }

  static std::string schema_of(const std::string& sql) {
    static const std::regex pattern(R"((?:INTO|UPDATE)\s+("[a-z_]+")\.)");
    std::smatch found;
    if (!std::regex_search(sql, found, pattern)) throw Problem::internal();
    return found[1].str();
  }

  // A quoted text in which ids of the traced run, its idempotency keys and what it bought are those of this run of the script.
  std::string literal(const std::string& text) {
    std::map<std::size_t, std::pair<std::size_t, std::string>> pieces;  // by where they begin: how long, and what stands there instead
    for (std::sregex_iterator at(text.begin(), text.end(), id_pattern()), end; at != end; ++at)
      if ((*at)[2].str() >= run_.first_id)  // others were made before, such as a product's
        pieces[static_cast<std::size_t>(at->position())] = {at->length(), fmt::format("{}_{:06}' || lpad(:run::text, 20, '0') || '", (*at)[1].str(), number_of(at->str()))};
    for (std::sregex_iterator at(text.begin(), text.end(), sku_pattern()), end; at != end; ++at)
      pieces[static_cast<std::size_t>(at->position())] = {at->length(), fmt::format("B' || lpad(:product_{}::text, 7, '0') || '", bought_.at(at->str()))};
    if (const auto at = text.find(run_.keys); at != std::string::npos) pieces[at] = {run_.keys.size(), "' || :run::text || '"};
    std::string out = "'";
    std::size_t from = 0;
    for (const auto& [at, piece] : pieces) {
      quote(out, text.substr(from, at - from));
      out += piece.second;
      from = at + piece.first;
    }
    quote(out, text.substr(from));
    return pieces.empty() ? out + "'" : "(" + out + "')";
  }

  std::size_t number_of(const std::string& id) { return numbers_.try_emplace(id, numbers_.size()).first->second; }

  // pgbench takes a colon and a letter for a variable even within quotes, and a semicolon only outside of them.
  static void quote(std::string& out, const std::string& text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      out += text[i];
      if (text[i] == '\'') out += '\'';
      if (text[i] == ':' && i + 1 < text.size() && (std::isalnum(static_cast<unsigned char>(text[i + 1])) || text[i + 1] == '_')) out += "' || '";
    }
  }

  const Trace& trace_;
  const TracedRun& run_;
  std::map<std::string, std::size_t> numbers_;
  std::map<std::string, std::size_t> bought_;  // products, numbered in their order
  int orders_ = 0;                              // numbered so far
};

}  // namespace

std::string pgbench_script(const Trace& trace, const TracedRun& run) { return Script(trace, run).text(); }

}  // namespace polyshop::bench
