#include <fmt/chrono.h>
#include <fmt/format.h>

#include "program/commands.hpp"
#include "program/sagas.hpp"
#include "program/shop.hpp"

namespace polyshop {
namespace {

struct Page {
  std::optional<std::string> next_cursor;
};
BOOST_DESCRIBE_STRUCT(Page, (), (next_cursor))

struct SagaPage {
  std::vector<SagaView> data;
  Page page;
};
BOOST_DESCRIBE_STRUCT(SagaPage, (), (data, page))

struct Reason {
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(Reason, (), (reason))

struct Wanted {
  std::string id;
  std::string state = "unended";
  std::string kind;
  std::string reason;
  std::int64_t version = 0;
};

std::string time_text(Timestamp time_ms) { return fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::gmtime(static_cast<std::time_t>(time_ms / 1000))); }

std::string path_of(const std::string& id) {
  if (!bus::SagaId::parse(id)) throw Problem::invalid("bad_saga_id", fmt::format("{} is no saga's id; polyshop saga list shows them.", id));
  return "/v1/admin/sagas/" + id;
}

SagaDetail read(Shop& shop, const std::string& id) { return json::from_text<SagaDetail>(shop.send(http::Method::get, path_of(id)), json::Mode::lenient); }

void list(const CommandLine& line, const Wanted& wanted) {
  auto config = line.config();
  Shop shop(config, line.data);
  std::string filter = "limit=100";
  if (wanted.state != "all") filter += "&filter[state]=" + wanted.state;
  if (!wanted.kind.empty()) filter += "&filter[kind]=" + wanted.kind;
  std::size_t count = 0;
  for (std::string cursor; true;) {
    const auto page = json::from_text<SagaPage>(shop.send(http::Method::get, "/v1/admin/sagas?" + filter + (cursor.empty() ? "" : "&cursor=" + cursor)), json::Mode::lenient);
    for (const auto& saga : page.data) fmt::print("{}  {}  {:<12}  {:<20}  {}{}\n", saga.id.view(), time_text(saga.created_ms), json::enum_name(saga.state), saga.module + "." + saga.kind, saga.step, saga.failure.empty() ? "" : "  " + saga.failure);
    count += page.data.size();
    if (!page.page.next_cursor) break;
    cursor = *page.page.next_cursor;
  }
  if (count == 0) fmt::print("No sagas{}.\n", wanted.state == "all" && wanted.kind.empty() ? "" : " like that");
}

void print(const SagaDetail& saga) {
  fmt::print("{}  {}.{} (version {} of its steps)\n", saga.id.view(), saga.module, saga.kind, saga.definition);
  fmt::print("state     {}{}\n", json::enum_name(saga.state), saga.step.empty() || saga.state == bus::SagaState::done ? "" : " at " + saga.step);
  fmt::print("started   {}, deadline {}, last changed {}\n", time_text(saga.created_ms), time_text(saga.deadline_ms), time_text(saga.updated_ms));
  if (saga.wake_ms) fmt::print("next      {}\n", time_text(*saga.wake_ms));
  if (!saga.failure.empty()) fmt::print("failure   {} ({} attempts)\n", saga.failure, saga.attempts);
  if (saga.outcome) fmt::print("undone    {}\n", saga.outcome->text);
  fmt::print("data      {}\nversion   {}\n", saga.data.text, saga.version);
  for (const auto& entry : saga.log) {
    fmt::print("{:>3}  {}  {:<8} {}", entry.number, time_text(entry.time_ms), entry.direction == "none" ? "" : entry.direction, entry.step);
    fmt::print("{}\n", entry.result.empty() ? "" : fmt::format("  {} by {}: {}", entry.result, entry.actor, entry.reason));
  }
}

void intervene(const CommandLine& line, const Wanted& wanted, const std::string& action) {
  auto config = line.config();
  Shop shop(config, line.data);
  // Where no version was asked for, one that moves while it is read is read again: those that wait are looked at every second.
  constexpr int tries_max = 50;
  for (int tries = 1;; ++tries) {
    const auto version = wanted.version ? wanted.version : read(shop, wanted.id).version;
    try {
      shop.send(http::Method::post, path_of(wanted.id) + "/" + action, json::to_text(Reason{wanted.reason}), {{"If-Match", http::etag_of(version)}});
      break;
    } catch (const Problem& problem) {
      if (wanted.version || tries == tries_max || (problem.code != "version_changed" && problem.code != "saga_running")) throw;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
  print(read(shop, wanted.id));
}

}  // namespace

void add_saga(CLI::App& program, CommandLine& line) {
  auto* saga = program.add_subcommand("saga", "Look at sagas, and help those that cannot help themselves.");
  saga->require_subcommand(1);
  const auto wanted = std::make_shared<Wanted>();
  auto* listing = saga->add_subcommand("list", "List sagas, the latest first: those that have not ended, or others by --state.");
  listing->add_option("--state", wanted->state, "unended, running, waiting, unknown, compensating, done, compensated, stuck or all.")
      ->check(CLI::IsMember({"unended", "running", "waiting", "unknown", "compensating", "done", "compensated", "stuck", "all"}))
      ->capture_default_str();
  listing->add_option("--kind", wanted->kind, "Only of this kind, such as checkout.")->check(CLI::Validator([](const std::string& kind) { return std::ranges::all_of(kind, [](unsigned char c) { return std::isalnum(c) || c == '_'; }) ? "" : "has letters, digits and _ only"; }, "KIND"));
  listing->callback([&line, wanted] { list(line, *wanted); });
  auto* show = saga->add_subcommand("show", "Show a saga with its data and its log.");
  show->add_option("id", wanted->id, "The saga.")->required();
  show->callback([&line, wanted] {
    auto config = line.config();
    Shop shop(config, line.data);
    print(read(shop, wanted->id));
  });
  const auto add = [&](const std::string& name, const std::string& action, const std::string& description) {
    auto* command = saga->add_subcommand(name, description);
    command->add_option("id", wanted->id, "The saga.")->required();
    command->add_option("--reason", wanted->reason, "Why; it is kept in the saga's log.")->required();
    command->add_option("--version", wanted->version, "Only where the saga still has this version, as show prints it; where it is not given, as it stands now.");
    command->callback([&line, wanted, action] { intervene(line, *wanted, action); });
  };
  add("retry", "retries", "Run its step again now, also that of a stuck one.");
  add("skip", "skips", "Count its failing step as done, which you have done by hand; a pivot cannot be skipped.");
  add("compensate", "compensations", "Undo what a stuck one did; not past its pivot.");
  add("cancel", "cancellations", "Give up one that is under way; not past its pivot.");
}

}  // namespace polyshop
