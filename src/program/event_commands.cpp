#include <unistd.h>

#include <fmt/format.h>

#include "kernel/observe/log.hpp"
#include "program/commands.hpp"
#include "program/shop.hpp"

namespace polyshop {
namespace {

// Runs `body` with the shop that the command line names.
void with_shop(const CommandLine& line, const std::function<void(const EventsFacade& events, const Call& call)>& body) {
  auto config = line.config();
  Shop shop(config, line.data);
  body(shop.facades().events, shop.call());
}

void print_event(const bus::Event& event, bool as_json) {
  if (as_json)
    fmt::print("{}\n", json::to_text(bus::cloud_event_of(event)));
  else
    fmt::print("{}  {:>8}  {:<36} {} v{}  {}\n", format_time(event.time_ms), event.position, event.name, event.aggregate, event.version, event.actor.empty() ? "anonymous" : event.actor);
}

struct Tail {
  std::string module;
  std::int64_t count = 10;
  bool follows = false;
  bool as_json = false;
};

void tail(const EventsFacade& events, const Call& call, const Tail& wanted) {
  std::map<std::string, std::int64_t> positions;
  std::vector<bus::Event> last;
  for (const auto& log : events.logs(call, {})) {
    if (!wanted.module.empty() && log.module != wanted.module) continue;
    positions[log.module] = log.last;
    std::ranges::move(events.list(call, {log.module, log.last + 1, wanted.count}), std::back_inserter(last));
  }
  if (positions.empty()) throw Problem::not_found("module", wanted.module);
  std::ranges::sort(last, {}, [](const auto& event) { return std::pair(event.time_ms, event.position); });
  const auto skipped = std::max<std::ptrdiff_t>(0, std::ssize(last) - wanted.count);
  std::for_each(last.begin() + skipped, last.end(), [&](const auto& event) { print_event(event, wanted.as_json); });
  std::fflush(stdout);
  while (wanted.follows) {
    bool any = false;
    for (auto& [module, position] : positions)
      for (const auto& event : events.read(call, {module, position, 100})) {
        print_event(event, wanted.as_json);
        position = event.position;
        any = true;
      }
    std::fflush(stdout);
    if (!any) std::this_thread::sleep_for(std::chrono::milliseconds(250));  // as often as the shop itself looks
  }
}

std::string duration(Timestamp ms) {
  const auto s = ms / 1000;
  if (s < 120) return fmt::format("{} s", s);
  if (s < 7200) return fmt::format("{} min", s / 60);
  return fmt::format("{} h", s / 3600);
}

void print_lag(const EventsFacade& events, const Call& call) {
  fmt::print("{:<28} {:>10} {:>10} {:>8} {:>9} {:>7} {:>6}  {}\n", "SUBSCRIPTION", "POSITION", "HEAD", "LAG", "AGE", "PARKED", "DEAD", "");
  for (const auto& row : events.subscriptions(call, {}))
    fmt::print("{:<28} {:>10} {:>10} {:>8} {:>9} {:>7} {:>6}  {}\n", row.name, row.position, row.head, row.lag, duration(row.lag_ms), row.parked, row.dead,
               row.state == bus::SubscriptionState::paused ? "paused" : row.failure);
}

void print_groups(const EventsFacade& events, const Call& call) {
  for (const auto& row : events.subscriptions(call, {})) {
    fmt::print("{}  {}{}\n", row.name, json::enum_name(row.state), row.reason.empty() ? "" : ": " + row.reason);
    for (const auto& event : row.events) fmt::print("    {}\n", event);
  }
  for (const auto& log : events.logs(call, {}))
    for (const auto& reader : log.readers) fmt::print("{}  in another process, reads {} and was at {} on {}\n", reader.name, log.module, reader.position, format_time(reader.seen_ms));
  for (const auto& name : events.orphans(call, {})) fmt::print("{}  gone from this release; start the one that has it, or: polyshop events retire {}\n", name, name);
}

void print_letter(const bus::DeadLetter& letter) {
  fmt::print("{:<28} {:<9} {:<36} {}  {} attempts{}  {}\n", letter.id, json::enum_name(letter.state), letter.event.name, letter.event.aggregate, letter.attempts,
             letter.state == bus::ParkedState::parked && letter.retry_ms ? ", again at " + format_time(letter.retry_ms) : "", letter.failure);
}

void list_letters(const EventsFacade& events, const Call& call, ListDeadLetters wanted) {
  std::size_t count = 0;
  for (auto page = events.dead_letters(call, wanted); !page.empty(); page = events.dead_letters(call, wanted)) {
    for (const auto& letter : page) print_letter(letter);
    count += page.size();
    wanted.after = page.back().id;
  }
  if (count == 0) fmt::print("None.\n");
}

// One, or all of a subscription that are dead.
void redrive(const EventsFacade& events, const Call& call, const std::string& id, const std::string& subscription) {
  if (id.empty() == subscription.empty()) throw Problem::invalid("bad_arguments", "Give the id of a dead letter, or all of a subscription with --subscription NAME.");
  if (!id.empty()) {
    events.redrive(call, {id});
    fmt::print("{} is tried again.\n", id);
    return;
  }
  ListDeadLetters wanted{subscription, bus::ParkedState::dead, {}, 100};
  std::size_t count = 0;
  for (auto page = events.dead_letters(call, wanted); !page.empty(); page = events.dead_letters(call, wanted)) {
    for (const auto& letter : page) events.redrive(call, {letter.id});
    count += page.size();
    wanted.after = page.back().id;
  }
  fmt::print("{} are tried again.\n", count);
}

// Begins it and shows how far it is until it has ended.
void replay(const EventsFacade& events, const Call& call, const std::string& module) {
  events.rebuild(call, {module});
  const bool is_terminal = ::isatty(STDERR_FILENO) == 1;
  std::string said;
  while (true) {
    const auto standing = events.get_rebuild(call, {module});
    if (standing.state == bus::RebuildState::failed) {
      if (is_terminal) fmt::print(stderr, "\n");
      throw Problem(409, "rebuild_failed", fmt::format("{} was not rebuilt and is as it was. {}", module, standing.problem.value_or("")));
    }
    if (standing.state != bus::RebuildState::running) {
      if (is_terminal) fmt::print(stderr, "\n");
      fmt::print("{} is rebuilt: {} items were loaded.\n", module, standing.items);
      return;
    }
    if (is_terminal)
      fmt::print(stderr, "\r{}: {:<30} {:>10} items", module, standing.doing, standing.items);
    else if (standing.doing != said)
      log::info("rebuilding", {{"module", module}, {"doing", standing.doing}, {"items", standing.items}});
    said = standing.doing;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

void add_dead(CLI::App& events, CommandLine& line) {
  auto* dead = events.add_subcommand("dead", "Dead letters: events that a subscription could not take.");
  dead->require_subcommand(1);
  const auto id = std::make_shared<std::string>(), subscription = std::make_shared<std::string>(), state = std::make_shared<std::string>(), reason = std::make_shared<std::string>();

  auto* list = dead->add_subcommand("list", "List them; those that are still tried again as well.");
  list->add_option("--subscription", *subscription, "Only of this one, such as search.catalog.");
  list->add_option("--state", *state, "Only in this state.")->check(CLI::IsMember({"parked", "dead", "discarded"}));
  list->callback([&line, subscription, state] {
    ListDeadLetters wanted;
    if (!subscription->empty()) wanted.subscription = *subscription;
    wanted.state = json::enum_value<bus::ParkedState>(*state);
    with_shop(line, [&](const auto& facade, const Call& call) { list_letters(facade, call, wanted); });
  });
  auto* show = dead->add_subcommand("show", "Show one with its event.");
  show->add_option("id", *id, "Its id, such as search.catalog.17.")->required();
  show->callback([&line, id] {
    with_shop(line, [&](const auto& facade, const Call& call) {
      const auto letter = facade.get_dead_letter(call, {*id});
      print_letter(letter);
      print_event(letter.event, true);
    });
  });
  auto* again = dead->add_subcommand("redrive", "Have one tried again, or all of a subscription that are dead.");
  again->add_option("id", *id, "Its id.");
  again->add_option("--subscription", *subscription, "All of this one.");
  again->callback([&line, id, subscription] {
    with_shop(line, [&](const auto& facade, const Call& call) { redrive(facade, call, *id, *subscription); });
  });
  auto* discard = dead->add_subcommand("discard", "Give one up: it never takes effect, and later ones of its aggregate no longer wait.");
  discard->add_option("id", *id, "Its id.")->required();
  discard->add_option("--reason", *reason, "Why, for those who look later.");
  discard->callback([&line, id, reason] {
    with_shop(line, [&](const auto& facade, const Call& call) { facade.discard(call, {*id, *reason}); });
    fmt::print("{} is discarded.\n", *id);
  });
}

}  // namespace

void add_events(CLI::App& program, CommandLine& line) {
  auto* events = program.add_subcommand("events", "Look at the events between modules, and at those who take them.");
  events->require_subcommand(1);

  const auto wanted = std::make_shared<Tail>();
  auto* tail_command = events->add_subcommand("tail", "Print the last events.");
  tail_command->add_option("--module", wanted->module, "Only of this module.");
  tail_command->add_option("-n,--count", wanted->count, "How many.")->check(CLI::Range(0, 10'000))->capture_default_str();
  tail_command->add_flag("--follow", wanted->follows, "Go on with those that come.");
  tail_command->add_flag("--json", wanted->as_json, "As CloudEvents, one a line.");
  tail_command->callback([&line, wanted] {
    with_shop(line, [&](const auto& facade, const Call& call) { tail(facade, call, *wanted); });
  });

  const auto id = std::make_shared<std::string>(), name = std::make_shared<std::string>(), reason = std::make_shared<std::string>();
  auto* show = events->add_subcommand("show", "Print one event as a CloudEvent.");
  show->add_option("id", *id, "Its id, evt_...")->required();
  show->callback([&line, id] {
    with_shop(line, [&](const auto& facade, const Call& call) { print_event(facade.get(call, {*id}), true); });
  });
  events->add_subcommand("lag", "How far the subscriptions are behind.")->callback([&line] { with_shop(line, print_lag); });
  events->add_subcommand("groups", "The subscriptions, what they take and who reads from elsewhere.")->callback([&line] { with_shop(line, print_groups); });
  add_dead(*events, line);

  auto* pause = events->add_subcommand("pause", "Pause a subscription; it takes nothing until it is resumed.");
  pause->add_option("name", *name, "The subscription, such as search.catalog.")->required();
  pause->add_option("--reason", *reason, "Why, for those who look later.");
  pause->callback([&line, name, reason] {
    with_shop(line, [&](const auto& facade, const Call& call) { facade.pause(call, {*name, *reason}); });
    fmt::print("{} is paused.\n", *name);
  });
  auto* resume = events->add_subcommand("resume", "Resume a subscription that was paused.");
  resume->add_option("name", *name, "The subscription.")->required();
  resume->callback([&line, name] {
    with_shop(line, [&](const auto& facade, const Call& call) { facade.resume(call, {*name}); });
    fmt::print("{} is resumed.\n", *name);
  });
  auto* replay_command = events->add_subcommand("replay", "Make the database of a module anew from its sources, where all of it follows from them; the old one serves meanwhile.");
  replay_command->add_option("module", *name, "The module: search.")->required();
  replay_command->callback([&line, name] {
    with_shop(line, [&](const auto& facade, const Call& call) { replay(facade, call, *name); });
  });
  auto* retire = events->add_subcommand("retire", "Forget the cursor of a subscription that this release does not have any more.");
  retire->add_option("name", *name, "The subscription.")->required();
  retire->callback([&line, name] {
    with_shop(line, [&](const auto& facade, const Call& call) { facade.retire(call, {*name}); });
    fmt::print("{} is retired.\n", *name);
  });
}

}  // namespace polyshop
