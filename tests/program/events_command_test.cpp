#include <fstream>

#include <fmt/format.h>

#include "kernel/db/connection_string.hpp"
#include "kernel/db/session.hpp"
#include "kernel/json/codec.hpp"
#include "serving.hpp"

// The commands on events and the admin API that does the same, with the real program: while it serves and while it does not.
namespace polyshop {
namespace {

using http::Method;
using tests::contains;
using tests::on_each_engine;
using tests::refusal;
using tests::Variables;

struct Identified {
  std::string id;
  std::string actor;
};
BOOST_DESCRIBE_STRUCT(Identified, (), (id, actor))

struct Serving : tests::Serving {
  using tests::Serving::Serving;
  // A product, which is an event of the catalog.
  void import(const std::string& sku) {
    const auto file = folder.path() / (sku + ".csv");
    std::ofstream(file) << "sku,name,price_EUR\n" << sku << ",Cup,1.00\n";
    shop.command({"import", "products", file.string()});
  }
  std::string events(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "events");
    return shop.command(arguments);
  }
  http::ClientResponse send(Method method, const std::string& target, const std::string& body = {}) { return tests::Serving::send(method, "/events" + target, body); }
  // Until a command's answer holds a text.
  bool comes_to_say(const std::vector<std::string>& arguments, const std::string& text) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < give_up)
      if (events(arguments).find(text) != std::string::npos) return true;
    return false;
  }
  // The line that tells of a subscription, its blanks made one.
  std::string lag_of(const std::string& subscription) {
    const auto text = events({"lag"});
    std::string line;
    for (std::size_t i = text.find(subscription); i < text.size() && text[i] != '\n'; ++i)
      if (text[i] != ' ' || (!line.empty() && line.back() != ' ')) line += text[i];
    return line;
  }
};

}  // namespace

TEST_CASE("events are shown, subscriptions paused and resumed, by command and by the admin API") {
  on_each_engine([](const Variables& settings) {
    Serving serving(settings);
    serving.import("A1");
    const auto line = serving.events({"tail", "--module", "catalog", "--json"});
    CHECK(contains(line, R"("specversion":"1.0")"));
    CHECK(contains(line, R"("type":"catalog.product_changed.v1")"));
    const auto event = json::from_text<Identified>(line.substr(0, line.find('\n')), json::Mode::lenient);
    CHECK(event.actor == "command-line");
    CHECK(serving.events({"show", event.id}) == line);
    CHECK(contains(serving.events({"tail", "-n", "5"}), "pricing.prices_changed.v1"));
    CHECK(contains(serving.send(Method::get, "/" + event.id).body, event.id));
    CHECK(contains(serving.send(Method::get, "?filter[module]=catalog&limit=1").body, event.id));
    CHECK(serving.send(Method::get, "?filter[module]=none").status == 404);
    CHECK(serving.send(Method::get, "/evt_none").status == 404);
    CHECK(contains(refusal([&] { serving.events({"show", "evt_none"}); }), "There is no event evt_none."));

    CHECK(serving.comes_to_say({"lag"}, "search.catalog"));
    CHECK(contains(serving.events({"groups"}), "search.catalog  running\n    catalog.category_changed.v1"));
    serving.events({"pause", "search.catalog", "--reason", "a test"});
    serving.import("A2");
    CHECK(contains(serving.events({"groups"}), "search.catalog  paused: a test"));
    CHECK(serving.lag_of("search.catalog").starts_with("search.catalog 1 2 1 "));
    CHECK(contains(serving.lag_of("search.catalog"), "paused"));
    const auto paused = serving.send(Method::get, "/subscriptions/search.catalog").body;
    CHECK(contains(paused, R"("state":"paused","reason":"a test")"));
    CHECK(contains(paused, R"("position":1,"head":2,"lag":1)"));
    CHECK(serving.send(Method::del, "/subscriptions/search.catalog/pause").status == 204);
    CHECK(serving.comes_to_say({"groups"}, "search.catalog  running"));
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!serving.lag_of("search.catalog").starts_with("search.catalog 2 2 0 ") && std::chrono::steady_clock::now() < give_up) {}
    CHECK(serving.lag_of("search.catalog").starts_with("search.catalog 2 2 0 "));
    CHECK(serving.send(Method::put, "/subscriptions/search.catalog/pause", R"({"reason":"again"})").status == 200);
    CHECK(contains(serving.events({"groups"}), "search.catalog  paused: again"));
    serving.events({"resume", "search.catalog"});
    CHECK(contains(serving.events({"groups"}), "search.catalog  running"));
    CHECK(serving.send(Method::put, "/subscriptions/search.none/pause", R"({"reason":""})").status == 404);
    CHECK(contains(refusal([&] { serving.events({"retire", "search.catalog"}); }), "This release subscribes as search.catalog. Pause it instead."));
    CHECK(serving.send(Method::del, "/subscriptions/search.catalog").status == 409);
    CHECK(http::Client("127.0.0.1", serving.shop.port()).send(Method::get, "/v1/admin/events?filter[module]=catalog").status == 401);

    CHECK(contains(serving.events({"replay", "search"}), "search is rebuilt: "));
    if (settings.contains("POLYSHOP_DATABASE_ENGINE")) {
      // A shop that was provisioned by an earlier release has no place for it until that is done again.
      const auto database = db::target_of(settings.at("POLYSHOP_DATABASE_URL")).database;
      db::open_session({Engine::postgresql, db::with_setting(settings.at("POLYSHOP_DATABASE_ADMIN_URL"), "dbname", database), "public", false})->script("DROP SCHEMA search_rebuild");
      CHECK(contains(refusal([&] { serving.events({"replay", "search"}); }), "Run polyshop provision again"));
      serving.shop.command({"provision", "--execute"});
      CHECK(contains(serving.events({"replay", "search"}), "search is rebuilt: "));
    }
    CHECK(serving.send(Method::post, "/rebuilds", R"({"module":"catalog"})").status == 409);
    CHECK(serving.send(Method::post, "/rebuilds", R"({"module":"search"})").status == 201);
    CHECK(serving.comes_to_say({"groups"}, "search.catalog  running"));
    const auto ended = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!contains(serving.send(Method::get, "/rebuilds/search").body, R"("state":"done")") && std::chrono::steady_clock::now() < ended) {}
    CHECK(contains(serving.send(Method::get, "/rebuilds/search").body, R"("state":"done")"));
    CHECK(contains(serving.shop.command({"audit"}), "Every promise holds."));

    // The same while nothing serves.
    CHECK(serving.shop.stop() == 0);
    CHECK(serving.events({"show", event.id}) == line);
    serving.events({"pause", "search.catalog"});
    CHECK(contains(serving.events({"groups"}), "search.catalog  paused"));
  });
}

TEST_CASE("dead letters are listed, shown, tried again and discarded, by command and by the admin API") {
  on_each_engine([](const Variables& settings) {
    Serving serving(settings);
    CHECK(serving.events({"dead", "list"}) == "None.\n");
    // Every handler of search fails, for as long as it takes, and when it is tried again too.
    serving.arm("subscription.applied/search.catalog=error,times=1000000;subscription.retried/search.catalog=error,times=1000000");
    for (const auto* sku : {"A1", "A2", "A3"}) serving.import(sku);
    CHECK(serving.comes_to_say({"dead", "list", "--subscription", "search.catalog"}, "search.catalog.3"));
    CHECK(contains(serving.events({"dead", "show", "search.catalog.2"}), R"("position":"2")"));
    CHECK(contains(serving.send(Method::get, "/dead-letters/search.catalog.1").body, R"("state":"parked")"));
    const auto page = serving.send(Method::get, "/dead-letters?filter[subscription]=search.catalog&limit=2").body;
    CHECK(contains(page, "search.catalog.2"));
    CHECK_FALSE(contains(page, "search.catalog.3"));
    const auto start = page.find(R"("next_cursor":")") + 15;
    const auto next = serving.send(Method::get, "/dead-letters?filter[subscription]=search.catalog&limit=2&cursor=" + page.substr(start, page.find('"', start) - start)).body;
    CHECK(contains(next, "search.catalog.3"));
    CHECK_FALSE(contains(next, "search.catalog.2"));

    serving.events({"dead", "discard", "search.catalog.1", "--reason", "a test"});
    CHECK(contains(serving.events({"dead", "list", "--state", "discarded"}), "discarded by command-line: a test"));
    CHECK(serving.send(Method::del, "/dead-letters/search.catalog.2?reason=another").status == 204);
    CHECK(contains(serving.send(Method::get, "/dead-letters/search.catalog.2").body, R"("state":"discarded")"));
    serving.arm("");
    CHECK(contains(serving.events({"dead", "redrive", "search.catalog.3"}), "is tried again"));
    CHECK(serving.comes_to_say({"dead", "list"}, "None."));
    const auto redriven = serving.send(Method::post, "/dead-letters/search.catalog.1/redrives");
    CHECK(redriven.status == 201);
    CHECK(redriven.field("Location") == "/v1/admin/events/dead-letters/search.catalog.1");
    CHECK(serving.comes_to_say({"dead", "list"}, "None."));
    CHECK(serving.send(Method::get, "/dead-letters/search.catalog.1").status == 404);
    CHECK(serving.send(Method::post, "/dead-letters/search.catalog.1/redrives").status == 404);
    CHECK(contains(refusal([&] { serving.events({"dead", "show", "nonsense"}); }), "There is no dead letter nonsense."));
  });
}

TEST_CASE("an event that ends the real process again and again is stopped, and the shop serves on") {
  on_each_engine([](const Variables& settings) {
    Serving serving(settings);
    serving.import("A1");
    CHECK(serving.comes_to_say({"lag"}, "search.catalog"));
    serving.events({"pause", "search.catalog"});
    serving.import("A2");
    serving.events({"resume", "search.catalog"});
    CHECK(serving.comes_to_say({"lag"}, "search.catalog"));
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!serving.lag_of("search.catalog").starts_with("search.catalog 2 2 0 ") && std::chrono::steady_clock::now() < give_up) {}
    serving.events({"pause", "search.catalog"});
    serving.import("A3");
    CHECK(serving.shop.stop() == 0);
    serving.events({"resume", "search.catalog"});

    // Armed from the start, in each process.
    serving.shop.set("POLYSHOP_RUNTIME_FAILPOINTS", "subscription.applied/search.catalog=crash");
    int ends = 0;
    bool is_stopped = false;
    for (; ends < 10 && !is_stopped; ends += !is_stopped) {
      try {
        serving.shop.serve({"--allow-failpoints"});
        while (!is_stopped && !serving.shop.wait(std::chrono::milliseconds(50))) is_stopped = contains(serving.events({"dead", "list", "--state", "dead"}), "3 processes ended while they took it");
      } catch (const Problem&) {
        // It ended before it served, or while it was asked.
      }
    }
    CHECK(is_stopped);
    CHECK(ends == 4);
    CHECK(serving.lag_of("search.catalog").starts_with("search.catalog 3 3 0 "));
  });
}

}  // namespace polyshop
