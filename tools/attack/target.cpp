#include "attack/target.hpp"

#include <csignal>
#include <fstream>

#include <fmt/format.h>

#include "bus/saga.hpp"
#include "kernel/db/session.hpp"
#include "kernel/json/codec.hpp"
#include "kernel/security/token.hpp"

namespace polyshop::attack {

// Of POST /internal/failpoints.
struct Reached {
  std::string name;
  std::int64_t acted = 0;
};
BOOST_DESCRIBE_STRUCT(Reached, (), (name, acted))

struct FailpointCounts {
  std::vector<Reached> reached;
};
BOOST_DESCRIBE_STRUCT(FailpointCounts, (), (reached))

struct ArmFailpoints {
  std::optional<std::string> arm;
};
BOOST_DESCRIBE_STRUCT(ArmFailpoints, (), (arm))

struct Cursor {
  std::string source;
  std::int64_t position = 0;
};
BOOST_DESCRIBE_STRUCT(Cursor, (), (source, position))

struct SumAndCount {
  std::int64_t n = 0;
  std::int64_t sum = 0;
};
BOOST_DESCRIBE_STRUCT(SumAndCount, (), (n, sum))

namespace {

using std::chrono::steady_clock;

constexpr auto modules = std::to_array<std::string_view>({"auth", "customer", "catalog", "pricing", "inventory", "shipping", "cart", "payment", "order", "search", "notification", "webhook"});
constexpr Timestamp lease_ms = 61'000;  // a little longer than that of whoever runs a saga or an effect

live::Variables settings_of(const Target::Options& options, const std::optional<live::PostgresqlDatabase>& database) {
  auto settings = options.settings;
  settings.emplace("POLYSHOP_HTTP_REQUEST_MAX_S", "5");  // who waits for something that was made to fail asks again soon
  if (database) settings.merge(database->settings());
  return settings;
}

}  // namespace

Target::Target(Options options) : options_(std::move(options)), password_(make_token()), database_(options_.engine == "postgresql" ? std::optional<live::PostgresqlDatabase>(std::in_place) : std::nullopt), shop_(options_.program, options_.data, settings_of(options_, database_)) {
  const live::Folder files("polyshop-attack-files");
  const auto products = (files.path() / "products.csv").string();
  const auto stock = (files.path() / "stock.csv").string();
  std::ofstream products_file(products);
  std::ofstream stock_file(stock);
  products_file << "sku,name,price_EUR\n";
  stock_file << "sku,quantity\n";
  for (int i = 0; i < skus; ++i) {
    products_file << fmt::format("{},Thing {},{}.{:02}\n", sku(i), i, 3 + i, (i * 37) % 100);
    stock_file << fmt::format("{},{}\n", sku(i), options_.units);
  }
  products_file.close();
  stock_file.close();
  if (database_) shop_.command({"provision", "--execute"});
  shop_.command({"import", "products", products});
  shop_.command({"import", "stock", stock});
  shop_.command({"user", "create", "--email", staff_email}, password_ + "\n");
  start();
  staff().offer_free_delivery(currency());
}

void Target::start(const std::string& failpoints) {
  // What is armed stands in the command's environment: it holds from the first transaction on.
  shop_.set("POLYSHOP_RUNTIME_FAILPOINTS", with_clock(failpoints));
  shop_.serve({"--allow-failpoints"});
}

std::string Target::with_clock(const std::string& failpoints) const {
  return clock_offset_ms_ ? fmt::format("clock.now=jump,ms={};{}", clock_offset_ms_, failpoints) : failpoints;
}

void Target::crash() {
  shop_.signal(SIGKILL);
  shop_.wait(std::chrono::milliseconds(-1));
}

void Target::stop() { shop_.signal(SIGSTOP); }

bool Target::has_ended(std::chrono::milliseconds within) { return shop_.wait(within).has_value(); }

std::map<std::string, std::int64_t> Target::ask_failpoints(const std::string& body) {
  if (const auto ended = status()) throw Problem(500, "ended", fmt::format("The shop ended with {}; its log ends with\n{}", *ended, shop_.end_of_log()));
  const auto answer = http::Client(options_.data / "control.sock").send(http::Method::post, "/internal/failpoints", body);
  if (answer.status != 200) throw Problem(500, "unexpected_answer", fmt::format("The shop refuses to arm failpoints: {}", answer.body));
  std::map<std::string, std::int64_t> counts;
  for (const auto& row : json::from_text<FailpointCounts>(answer.body, json::Mode::lenient).reached) counts[row.name] = row.acted;
  return counts;
}

std::map<std::string, std::int64_t> Target::arm(const std::string& failpoints) { return ask_failpoints(json::to_text(ArmFailpoints{with_clock(failpoints)})); }
std::map<std::string, std::int64_t> Target::acted() { return ask_failpoints("{}"); }

void Target::jump(Timestamp ms, const std::string& failpoints) {
  clock_offset_ms_ += ms;
  arm(failpoints);
}

void Target::hasten() {
  constexpr auto pause = std::chrono::milliseconds(300);
  if (steady_clock::now() < next_hasten_) return;
  next_hasten_ = steady_clock::now() + pause;
  jump(++hastened_ % 5 == 0 ? lease_ms : 3'000);
}

std::unique_ptr<db::ControlledSession> Target::session_of(std::string_view module) const {
  return database_ ? db::open_session({Engine::postgresql, database_->url(), std::string(module), true})
                   : db::open_session({Engine::sqlite, (options_.data / fmt::format("{}.db", module)).string(), {}, true});
}

bool Target::must_read_archive(std::string_view consumer, std::string_view source) const {
  const auto of_source = session_of(source), of_consumer = session_of(consumer);
  const auto first = Tx(*of_source, 0, nullptr).get<std::int64_t>("SELECT coalesce(min(position), 0) AS first FROM event_log"_sql);
  const auto taken = Tx(*of_consumer, 0, nullptr).get<std::int64_t>("SELECT position FROM subscription WHERE source = :source"_sql, source);
  return taken + 1 < first;
}

Standing Target::standing() const {
  Standing standing;
  std::vector<Cursor> cursors;
  std::map<std::string, std::int64_t, std::less<>> heads;
  for (const auto module : modules) {
    const auto session = session_of(module);
    session->begin(false);
    {
      Tx tx(*session, 0, nullptr);
      // One that is late is listed as stuck and goes on; one that is given up is never woken.
      standing.sagas_open += tx.get<std::int64_t>("SELECT count(*) AS n FROM saga WHERE state NOT IN ('done', 'compensated') AND wake_ms < :never"_sql, bus::saga::never);
      standing.sagas_stuck += tx.get<std::int64_t>("SELECT count(*) AS n FROM saga WHERE state = 'stuck' AND wake_ms = :never"_sql, bus::saga::never);
      standing.effects_due += tx.get<std::int64_t>("SELECT count(*) AS n FROM effect WHERE state = 'due'"_sql);
      standing.events_parked += tx.get<std::int64_t>("SELECT count(*) AS n FROM parked_event WHERE state <> 'discarded'"_sql);
      for (auto& cursor : tx.list<Cursor>("SELECT source, position FROM subscription"_sql)) cursors.push_back(std::move(cursor));
      if (database_) standing.events_untaken += tx.get<std::int64_t>("SELECT count(*) AS n FROM event_staging"_postgresql);  // not in the log yet
      heads.emplace(module, tx.get<std::int64_t>("SELECT coalesce(max(position), 0) AS n FROM event_log"_sql));
      if (module == "inventory") {
        standing.reserved = tx.get<std::int64_t>("SELECT cast(coalesce(sum(reserved), 0) AS bigint) AS n FROM stock_level"_sql);
        standing.units_sold = tx.get<std::int64_t>("SELECT cast(coalesce(-sum(delta), 0) AS bigint) AS n FROM stock_movement WHERE reason IN ('sold', 'cancelled')"_sql);
      } else if (module == "order") {
        const auto orders = tx.get<SumAndCount>("SELECT count(*) AS n, cast(coalesce(sum(total), 0) AS bigint) AS sum FROM shop_order WHERE number IS NOT NULL"_sql);
        standing.orders = orders.n;
        standing.orders_total = orders.sum;
        standing.carts_with_two = tx.get<std::int64_t>("SELECT count(*) AS n FROM (SELECT cart_id FROM shop_order WHERE state <> 'cancelled' GROUP BY cart_id HAVING count(*) > 1) AS twice"_sql);
      } else if (module == "notification") {
        standing.mails_placed = tx.get<std::int64_t>("SELECT count(*) AS n FROM mail_message WHERE event = 'order_placed'"_sql);
        standing.mails_cancelled = tx.get<std::int64_t>("SELECT count(*) AS n FROM mail_message WHERE event = 'order_cancelled'"_sql);
      } else if (module == "payment") {
        const auto payments = tx.get<SumAndCount>("SELECT count(*) AS n, cast(coalesce(sum(captured), 0) AS bigint) AS sum FROM payment WHERE captured > 0"_sql);
        standing.payments = payments.n;
        standing.captured = payments.sum;
      }
    }
    session->rollback();
  }
  // A cursor that was read after its source's head may be past it.
  for (const auto& cursor : cursors) standing.events_untaken += std::max<std::int64_t>(0, heads.at(cursor.source) - cursor.position);
  return standing;
}

std::string Target::settle() {
  const auto give_up = steady_clock::now() + patience;
  while (true) {
    const auto now = standing();
    if (now.sagas_open == 0 && now.effects_due == 0 && now.events_parked == 0 && now.events_untaken == 0 && now.reserved == 0) return now.sagas_stuck ? fmt::format("{} sagas are stuck", now.sagas_stuck) : "";
    if (steady_clock::now() > give_up)
      return fmt::format("in the end {} sagas are open, {} effects are due, {} events are set aside, {} are not taken and {} units are reserved", now.sagas_open, now.effects_due, now.events_parked, now.events_untaken, now.reserved);
    hasten();
    live::stop_if_interrupted();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

}  // namespace polyshop::attack
