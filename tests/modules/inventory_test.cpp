#include <doctest/doctest.h>

#include "../../src/modules/catalog/module.hpp"
#include "../../src/modules/inventory/module.hpp"
#include "ground.hpp"
#include "inventory/events.hpp"

namespace polyshop::inventory {
namespace {

using http::Method;
using tests::Ground;
using tests::on_each_engine;

constexpr Timestamp ttl_ms = 900'000;

// A shop that sells A, B and C.
struct Shop {
  explicit Shop(Ground& on) : ground(on), catalog(on.platform()), inventory(on.platform(), catalog.facade()), bands(inventory.node(), 5), reservations(inventory.node(), bands, ttl_ms) {
    ground.open();
    stock = inventory.node().use(inventory.facade(), "inventory");
    for (const auto* sku : {"A", "B", "C"}) {
      catalog::CreateProduct wanted;
      wanted.texts = {{"en", {Text<1, 300>(sku), {}}}};
      wanted.variants = {{catalog::Sku(sku), {}, 100}};
      catalog.facade().create_product(ground.as_system(), wanted);
    }
  }

  Call call() const { return ground.as_system(); }
  Call later(Timestamp ms) const {
    auto call = ground.as_system();
    call.now += ms;
    return call;
  }

  ImportResult count(std::vector<ImportedStock> rows, bool dry_run = false) const { return stock.import_stock(call(), {dry_run, std::move(rows)}); }
  void put(const std::string& sku, std::int64_t quantity, std::optional<std::string> location = {}) const { REQUIRE(count({{1, sku, quantity, std::move(location)}}).faults.empty()); }
  Reservation reserve(const std::string& reference, std::vector<StockLine> lines) const { return stock.reserve(call(), {reference, std::move(lines)}); }
  std::int64_t available(const std::string& sku) const { return stock.get_availability(call(), {{sku}}).at(0).available; }

  std::vector<Level> levels(const std::string& sku) {
    return inventory.node().db.read(call(), [&](Tx& tx) {
      return tx.list<Level>("SELECT sku, location_id, on_hand, reserved, on_hand - reserved AS available FROM stock_level WHERE sku = :sku ORDER BY location_id"_sql, sku);
    });
  }
  std::int64_t on_hand(const std::string& sku) {
    std::int64_t sum = 0;
    for (const auto& level : levels(sku)) sum += level.on_hand;
    return sum;
  }
  std::int64_t reserved(const std::string& sku) {
    std::int64_t sum = 0;
    for (const auto& level : levels(sku)) sum += level.reserved;
    return sum;
  }
  std::vector<std::int64_t> deltas(const std::string& sku) {
    return inventory.node().db.read(call(), [&](Tx& tx) { return tx.list<std::int64_t>("SELECT delta FROM stock_movement WHERE sku = :sku ORDER BY id"_sql, sku); });
  }
  std::vector<AvailabilityChanged> changes(const std::string& sku) {
    while (inventory.node().log.sequence()) {}
    std::vector<AvailabilityChanged> all;
    for (const auto& event : inventory.node().log.read_after(0, 10'000)) {
      CHECK(event.name == AvailabilityChanged::event_name);
      if (event.aggregate == sku) all.push_back(json::from_text<AvailabilityChanged>(event.data, json::Mode::lenient));
    }
    return all;
  }
  void check_sound() {
    const auto findings = stock.audit(call(), {});
    CHECK(findings.size() == 5);
    for (const auto& finding : findings) {
      INFO(finding.check << ": " << finding.example);
      CHECK(finding.violations == 0);
    }
  }

  Ground& ground;
  catalog::Module catalog;
  Module inventory;
  Bands bands;
  Reservations reservations;  // of the same database, to run its job by hand
  Facade stock;
};

void on_each_shop(const std::function<void(Shop&)>& body) {
  on_each_engine([&](Ground& ground) {
    Shop shop(ground);
    body(shop);
    shop.check_sound();
  });
}

template <class F>
std::optional<Problem> problem_of(F&& run) {
  try {
    run();
  } catch (const Problem& problem) {
    return problem;
  }
  return {};
}
template <class F>
std::string code_of(F&& run) {
  const auto problem = problem_of(run);
  return problem ? problem->code : "";
}

std::string id_in(const http::Response& response) {
  const auto at = response.body.find("\"id\":\"") + 6;
  return response.body.substr(at, response.body.find('"', at) - at);
}

std::size_t occurrences(const std::string& text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

}  // namespace

TEST_CASE("a reservation is all or nothing, and says every line that is short") {
  on_each_shop([](Shop& shop) {
    shop.put("A", 10);
    shop.put("B", 1);
    // Two lines share a SKU: neither alone is too many, both together are.
    const auto problem = problem_of([&] { shop.reserve("ord_1", {{"B", 1, "/lines/0"}, {"A", 6, "/lines/1"}, {"B", 1, "/lines/2"}, {"C", 1, "/lines/3"}, {"A", 4, "/lines/4"}}); });
    REQUIRE(problem);
    CHECK(problem->status == 409);
    CHECK(problem->code == "sold_out");
    std::vector<std::string> pointers;
    for (const auto& error : problem->errors) pointers.push_back(error.pointer);
    CHECK(pointers == std::vector<std::string>{"/lines/0", "/lines/2", "/lines/3"});
    CHECK(shop.available("A") == 10);
    CHECK(shop.reserved("A") == 0);

    const auto reservation = shop.reserve("ord_1", {{"A", 6, ""}, {"B", 1, ""}, {"A", 4, ""}});
    CHECK(reservation.state == ReservationState::open);
    CHECK(reservation.expires_ms == shop.call().now + ttl_ms);
    CHECK(shop.available("A") == 0);
    CHECK(shop.reserved("A") == 10);
    CHECK(shop.on_hand("A") == 10);
    CHECK(code_of([&] { shop.reserve("ord_2", {{"A", 1, ""}}); }) == "sold_out");
  });
}

TEST_CASE("what cannot be reserved") {
  Ground ground(Engine::sqlite);
  Shop shop(ground);
  struct Case {
    const char* code;
    std::string reference;
    std::vector<StockLine> lines;
  };
  const std::vector<Case> cases{
      {"bad_reference", "", {{"A", 1, ""}}},
      {"bad_reference", std::string(201, 'x'), {{"A", 1, ""}}},
      {"lines_out_of_range", "o", {}},
      {"lines_out_of_range", "o", std::vector<StockLine>(1001, {"A", 1, ""})},
      {"quantity_out_of_range", "o", {{"A", 0, "/l"}}},
      {"quantity_out_of_range", "o", {{"A", -1, "/l"}}},
      {"quantity_out_of_range", "o", {{"A", 1'000'000'001, "/l"}}},
      {"sold_out", "o", {{"NONE", 1, ""}}},
      {"sold_out", "o", std::vector<StockLine>(1000, {"A", 1'000'000'000, ""})},
  };
  for (const auto& one : cases) CHECK(code_of([&] { shop.reserve(one.reference, one.lines); }) == one.code);
  shop.check_sound();
}

TEST_CASE("to reserve again for a reference answers the same reservation, for ever") {
  on_each_shop([](Shop& shop) {
    shop.put("A", 10);
    const std::vector<StockLine> lines{{"A", 1, ""}, {"A", 2, ""}};
    const auto first = shop.reserve("ord_1", lines);
    shop.ground.clock().advance(48 * 3600'000);
    CHECK(shop.reserve("ord_1", lines).id == first.id);
    CHECK(shop.reserve("ord_1", {{"A", 3, ""}}).id == first.id);
    CHECK(code_of([&] { shop.reserve("ord_1", {{"A", 2, ""}}); }) == "reference_reused");
    CHECK(code_of([&] { shop.reserve("ord_1", {{"A", 3, ""}, {"B", 1, ""}}); }) == "reference_reused");
    CHECK(shop.reserved("A") == 3);
    shop.stock.hold(shop.call(), {"ord_1"});
    CHECK(shop.reserve("ord_1", lines).state == ReservationState::held);
    shop.stock.consume(shop.call(), {{"ord_1"}});
    CHECK(shop.reserve("ord_1", lines).state == ReservationState::consumed);
    CHECK(shop.on_hand("A") == 7);
    CHECK(shop.reserved("A") == 0);

    // What has ended without its goods gives way to a new one.
    const auto other = shop.reserve("ord_2", lines);
    shop.stock.release(shop.call(), {"ord_2"});
    const auto again = shop.reserve("ord_2", {{"A", 1, ""}});
    CHECK(again.id != other.id);
    CHECK(shop.stock.hold(shop.call(), {"ord_2"}).id == again.id);
    CHECK(shop.reserved("A") == 1);
  });
}

TEST_CASE("what is reserved as held does not expire until it may") {
  on_each_shop([](Shop& shop) {
    shop.put("A", 3);
    const ReserveStock wanted{"ord_1", {{"A", 2, ""}}, true};
    CHECK(shop.stock.reserve(shop.call(), wanted).state == ReservationState::held);
    CHECK(shop.reservations.expire(shop.later(2 * ttl_ms)) == 0);
    CHECK(shop.reserved("A") == 2);
    shop.stock.let_expire(shop.call(), {"ord_1"});
    CHECK(shop.stock.reserve(shop.call(), wanted).state == ReservationState::open);  // a repetition answers how it stands
    CHECK(shop.reservations.expire(shop.later(ttl_ms - 1)) == 0);
    CHECK(shop.reservations.expire(shop.later(ttl_ms)) == 1);
    CHECK(shop.reserved("A") == 0);
    shop.check_sound();
  });
}

TEST_CASE("every way through the states, each step twice") {
  // Steps: h hold, l let it expire, c consume, r release, b restock (back), x expire. An upper-case letter is refused with reservation_ended,
  // N with reservation_not_consumed.
  struct Case {
    const char* steps;
    ReservationState state;
    std::int64_t on_hand;
    std::int64_t reserved;
  };
  const std::vector<Case> cases{
      {"", ReservationState::open, 10, 4},         {"h", ReservationState::held, 10, 4},         {"c", ReservationState::consumed, 6, 0},      {"hc", ReservationState::consumed, 6, 0},
      {"r", ReservationState::released, 10, 0},    {"hr", ReservationState::released, 10, 0},    {"x", ReservationState::expired, 10, 0},      {"hx", ReservationState::held, 10, 4},
      {"cr", ReservationState::consumed, 6, 0},    {"cx", ReservationState::consumed, 6, 0},     {"cb", ReservationState::released, 10, 0},    {"cbr", ReservationState::released, 10, 0},
      {"xr", ReservationState::expired, 10, 0},    {"xH", ReservationState::expired, 10, 0},     {"xC", ReservationState::expired, 10, 0},     {"rH", ReservationState::released, 10, 0},
      {"rC", ReservationState::released, 10, 0},   {"cH", ReservationState::consumed, 6, 0},     {"cbC", ReservationState::released, 10, 0},   {"N", ReservationState::open, 10, 4},
      {"hN", ReservationState::held, 10, 4},       {"xb", ReservationState::expired, 10, 0},     {"rb", ReservationState::released, 10, 0},    {"hxc", ReservationState::consumed, 6, 0},
      {"l", ReservationState::open, 10, 4},        {"hl", ReservationState::open, 10, 4},        {"hlx", ReservationState::expired, 10, 0},    {"hlh", ReservationState::held, 10, 4},
      {"hlc", ReservationState::consumed, 6, 0},   {"cl", ReservationState::consumed, 6, 0},    {"xl", ReservationState::expired, 10, 0},     {"rl", ReservationState::released, 10, 0},
  };
  on_each_shop([&](Shop& shop) {
    for (const auto& one : cases) {
      const std::string steps = one.steps;
      CAPTURE(steps);
      shop.put("A", 10 + shop.reserved("A"));
      const auto on_hand = shop.on_hand("A"), reserved = shop.reserved("A");
      const OfReference of{"ord_" + steps};
      const auto id = shop.reserve(of.reference, {{"A", 4, ""}}).id;
      const auto state = [&] { return shop.inventory.node().db.read(shop.call(), [&](Tx& tx) { return tx.get<ReservationState>("SELECT state FROM reservation WHERE id = :id"_sql, id); }); };
      for (const auto step : steps)
        for (int times = 0; times < 2; ++times) {
          switch (step) {
            case 'h': CHECK(shop.stock.hold(shop.call(), of).state == ReservationState::held); break;
            case 'l': CHECK(shop.stock.let_expire(shop.call(), of).id == id); break;
            case 'c':
              shop.stock.consume(shop.call(), {{of.reference}});
              CHECK(state() == ReservationState::consumed);
              break;
            case 'r': CHECK(shop.stock.release(shop.call(), of).id == id); break;
            case 'b': CHECK(shop.stock.restock(shop.call(), of).id == id); break;
            case 'x': shop.reservations.expire(shop.later(ttl_ms)); break;
            case 'H': CHECK(code_of([&] { shop.stock.hold(shop.call(), of); }) == "reservation_ended"); break;
            case 'C': CHECK(code_of([&] { shop.stock.consume(shop.call(), {{of.reference}}); }) == "reservation_ended"); break;
            case 'N': CHECK(code_of([&] { shop.stock.restock(shop.call(), of); }) == "reservation_not_consumed"); break;
          }
        }
      CHECK(shop.on_hand("A") == on_hand - 10 + one.on_hand);
      CHECK(shop.reserved("A") == reserved + one.reserved);
      CHECK(state() == one.state);
      CHECK(shop.stock.release(shop.call(), of).id == id);  // leaves what has ended, and clears the way for the next
      CHECK(shop.available("A") == shop.on_hand("A") - shop.reserved("A"));
      shop.check_sound();
    }
    CHECK(code_of([&] { shop.stock.hold(shop.call(), {"nobody"}); }) == "not_found");
    CHECK(code_of([&] { shop.stock.let_expire(shop.call(), {"nobody"}); }) == "not_found");
    CHECK(code_of([&] { shop.stock.consume(shop.call(), {{"nobody"}}); }) == "not_found");
    CHECK(code_of([&] { shop.stock.restock(shop.call(), {"nobody"}); }) == "not_found");
    CHECK(shop.stock.release(shop.call(), {"nobody"}).state == ReservationState::released);
  });
}

TEST_CASE("goods come from one location where one has them, by priority, else from several") {
  on_each_shop([](Shop& shop) {
    const auto call = shop.ground.as_staff({"inventory.read", "inventory.write"});
    const auto far = shop.ground.send(Method::post, "/v1/admin/stock-locations", R"({"code":"far","name":"Far away","priority":9})", call);
    REQUIRE(far.status == 201);
    const auto near = shop.ground.send(Method::post, "/v1/admin/stock-locations", R"({"code":"near","name":"Near","priority":5})", call);
    REQUIRE(near.status == 201);
    shop.put("A", 3);           // main, priority 0
    shop.put("A", 2, "near");
    shop.put("A", 8, "far");
    const auto reserved_at = [&](const std::string& location) {
      for (const auto& level : shop.levels("A"))
        if (level.location_id.view() == location) return level.reserved;
      return std::int64_t(-1);
    };
    const auto main = std::string(main_location), near_id = id_in(near), far_id = id_in(far);
    shop.reserve("o1", {{"A", 2, ""}});
    CHECK(reserved_at(main) == 2);
    shop.reserve("o2", {{"A", 4, ""}});  // only one has as many
    CHECK(reserved_at(far_id) == 4);
    shop.reserve("o3", {{"A", 6, ""}});  // nobody has as many: 1 of main, 2 of near, 3 of far
    CHECK(reserved_at(main) == 3);
    CHECK(reserved_at(near_id) == 2);
    CHECK(reserved_at(far_id) == 7);
    CHECK(shop.available("A") == 1);
    shop.check_sound();
    // No more places than needed.
    for (const auto* place : {"p1", "p2", "p3", "p4"}) shop.put("C", 2, place);
    shop.reserve("o5", {{"C", 3, ""}});
    CHECK(shop.reserved("C") == 3);
    CHECK(std::ranges::count(shop.levels("C"), 0, &Level::reserved) == 2);
    shop.stock.consume(shop.call(), {{"o3"}});
    CHECK(shop.on_hand("A") == 7);
    shop.stock.restock(shop.call(), {"o3"});
    CHECK(shop.on_hand("A") == 13);
    CHECK(shop.available("A") == 7);

    // Who has the lower number is asked first from now on.
    CHECK(shop.ground.send(Method::patch, "/v1/admin/stock-locations/" + far_id, R"({"priority":0,"name":"Not so far"})", call).status == 428);
    CHECK(shop.ground.send(Method::patch, "/v1/admin/stock-locations/" + main, R"({"priority":20})", call, {{"If-Match", "\"1\""}}).status == 200);
    CHECK(shop.ground.send(Method::patch, "/v1/admin/stock-locations/" + main, R"({"priority":21})", call, {{"If-Match", "\"1\""}}).status == 412);
    shop.reserve("o4", {{"A", 1, ""}});
    CHECK(reserved_at(near_id) == 1);
    const auto list = shop.ground.send(Method::get, "/v1/admin/stock-locations", "", call);
    CHECK(list.body.find("near") < list.body.find("far"));
    CHECK(list.body.find("far") < list.body.find("\"main\""));
    CHECK(shop.ground.send(Method::post, "/v1/admin/stock-locations", R"({"code":"far","name":"Other"})", call).status == 409);
    CHECK(shop.ground.send(Method::post, "/v1/admin/stock-locations", R"({"code":"no blanks","name":"Other"})", call).status == 422);
    CHECK(shop.ground.send(Method::get, "/v1/admin/stock-locations/" + far_id, "", call).body.find("Far away") != std::string::npos);
  });
}

TEST_CASE("a SKU tells of another band only, each time with its next version") {
  on_each_shop([](Shop& shop) {
    const auto bands = [&] {
      std::vector<Band> all;
      for (const auto& change : shop.changes("A")) {
        all.push_back(change.band);
        CHECK(change.version == static_cast<std::int64_t>(all.size()));
      }
      return all;
    };
    shop.put("A", 8);
    shop.put("A", 7);  // within the band
    CHECK(bands() == std::vector{Band::in_stock});
    shop.reserve("o1", {{"A", 1, ""}});
    CHECK(bands().size() == 1);
    shop.reserve("o2", {{"A", 1, ""}});
    CHECK(bands() == std::vector{Band::in_stock, Band::low});
    shop.reserve("o3", {{"A", 5, ""}});
    CHECK(bands().back() == Band::sold_out);
    CHECK(code_of([&] { shop.reserve("o4", {{"A", 1, ""}}); }) == "sold_out");
    shop.stock.consume(shop.call(), {{"o3"}});  // sold before and after
    CHECK(bands().size() == 3);
    shop.reservations.expire(shop.later(ttl_ms));
    CHECK(bands() == std::vector{Band::in_stock, Band::low, Band::sold_out, Band::low});
    shop.stock.restock(shop.call(), {"o3"});
    CHECK(bands().back() == Band::in_stock);

    shop.put("B", 5);
    const auto availability = shop.stock.get_availability(shop.call(), {{"B", "NONE", "A"}});
    REQUIRE(availability.size() == 3);
    CHECK(availability[0].band == Band::low);
    CHECK(availability[1].band == Band::sold_out);
    CHECK(availability[1].available == 0);
    CHECK(availability[2].available == 7);
    const auto exported = shop.stock.export_bands(shop.call(), {});
    REQUIRE(exported.size() == 2);
    CHECK(exported[0].sku == "A");
    CHECK(exported[0].version == 5);
    CHECK(exported[1].band == Band::low);
    CHECK(shop.stock.export_bands(shop.call(), {"A", 1}).at(0).sku == "B");
    CHECK(code_of([&] { shop.stock.get_availability(shop.call(), {std::vector<std::string>(1001, "A")}); }) == "too_many");
  });
}

TEST_CASE("an import counts: it is safe to repeat, and bad rows are left aside alone") {
  on_each_shop([](Shop& shop) {
    shop.put("C", 9);
    shop.reserve("o1", {{"C", 4, ""}});
    const std::vector<ImportedStock> rows{{2, "B", 5, {}},     {3, "A", 7, "shop"},  {4, "A", 3, {}},    {5, "NONE", 1, "nowhere"}, {6, "", 1, {}},
                                          {7, "A", -1, {}},    {8, "A", 1, "no no"}, {9, "C", 3, {}},    {10, "A", 4, {}},          {11, "C", 9, {}}};
    const auto dry = shop.count(rows, true);
    CHECK(shop.available("A") == 0);
    const auto first = shop.count(rows);
    for (const auto& result : {dry, first}) {
      CHECK(result.changed == 4);  // of two rows with the same place the last has the last word
      CHECK(result.unchanged == 1);
      std::vector<std::string> faults;
      for (const auto& fault : result.faults) faults.push_back(std::to_string(fault.line) + ' ' + fault.code);
      CHECK(faults == std::vector<std::string>{"5 unknown_sku", "6 bad_sku", "7 bad_quantity", "8 bad_location", "9 below_reserved"});
    }
    CHECK(shop.available("A") == 11);
    CHECK(shop.deltas("A").size() == 3);
    const auto again = shop.count({{1, "B", 5, {}}, {2, "A", 7, "shop"}, {3, "A", 4, {}}});
    CHECK(again.unchanged == 3);
    CHECK(again.changed == 0);
    CHECK(shop.deltas("A").size() == 3);
    // A count is of what is on hand, reserved or not.
    shop.put("C", 4);
    CHECK(shop.available("C") == 0);
    const auto locations = shop.ground.send(Method::get, "/v1/admin/stock-locations", "", shop.ground.as_staff({"inventory.read"}));
    CHECK(locations.body.find("\"shop\"") != std::string::npos);
    CHECK(locations.body.find("nowhere") == std::string::npos);
    CHECK(code_of([&] { shop.count(std::vector<ImportedStock>(1001)); }) == "too_many");
  });
}

TEST_CASE("the stock of a removed product stays, and can be written off") {
  on_each_shop([](Shop& shop) {
    shop.put("A", 2);
    const auto variant = shop.catalog.facade().find_variants(shop.call(), {{"A"}}).at(0);
    const auto call = shop.ground.as_staff({"catalog.write", "inventory.write"});
    REQUIRE(shop.ground.send(Method::del, "/v1/admin/products/" + variant.product_id.str(), "", call, {{"If-Match", "\"1\""}}).status == 204);
    shop.ground.deliver_events();
    CHECK(shop.available("A") == 2);
    CHECK(shop.ground.send(Method::post, "/v1/admin/stock-adjustments", R"({"sku":"A","delta":-1,"reason":"damaged"})", call, {{"Idempotency-Key", "k"}}).status == 201);
    CHECK(shop.count({{1, "A", 0, {}}}).changed == 1);
    CHECK(shop.available("A") == 0);
  });
}

TEST_CASE("adjustments are movements with a reason, listed, and made once") {
  on_each_shop([](Shop& shop) {
    const auto keeper = [&] { return shop.ground.as_staff({"inventory.read", "inventory.write"}, "usr_keeper"); };
    int key = 0;
    const auto adjust = [&](const std::string& body) { return shop.ground.send(Method::post, "/v1/admin/stock-adjustments", body, keeper(), {{"Idempotency-Key", "k" + std::to_string(key++)}}); };
    CHECK(shop.ground.send(Method::post, "/v1/admin/stock-adjustments", R"({"sku":"A","delta":5,"reason":"received"})", keeper()).status == 400);
    const auto received = adjust(R"({"sku":"A","delta":5,"reason":"received","note":"Pallet 7"})");
    REQUIRE(received.status == 201);
    CHECK(received.body.find("usr_keeper") != std::string::npos);
    CHECK(received.body.find(main_location) != std::string::npos);
    key = 0;
    CHECK(adjust(R"({"sku":"A","delta":5,"reason":"received","note":"Pallet 7"})").body == received.body);
    CHECK(shop.available("A") == 5);
    shop.reserve("o1", {{"A", 3, ""}});

    struct Case {
      int status;
      const char* code;
      const char* body;
    };
    const std::vector<Case> cases{
        {409, "below_reserved", R"({"sku":"A","delta":-3,"reason":"lost"})"},
        {409, "below_reserved", R"({"sku":"B","delta":-1,"reason":"correction"})"},
        {422, "delta_zero", R"({"sku":"A","delta":0,"reason":"correction"})"},
        {422, "delta_of_wrong_sign", R"({"sku":"A","delta":-1,"reason":"found"})"},
        {422, "delta_of_wrong_sign", R"({"sku":"A","delta":1,"reason":"damaged"})"},
        {422, "unknown_sku", R"({"sku":"NONE","delta":1,"reason":"found"})"},
        {422, "unknown_location", R"({"sku":"A","delta":1,"reason":"found","location_id":"loc_00000000000000000000000000"})"},
        {422, "validation_failed", R"({"sku":"A","delta":1,"reason":"sold"})"},
        {422, "validation_failed", R"({"sku":"A","delta":1000000001,"reason":"found"})"},
    };
    for (const auto& one : cases) {
      const auto response = adjust(one.body);
      CAPTURE(one.body);
      CHECK(response.status == one.status);
      CHECK(response.body.find(one.code) != std::string::npos);
    }
    shop.ground.clock().advance(1);
    CHECK(adjust(R"({"sku":"A","delta":-2,"reason":"lost"})").status == 201);
    CHECK(shop.available("A") == 0);
    shop.ground.clock().advance(1);
    shop.stock.consume(shop.call(), {{"o1"}});

    const auto get = [&](const std::string& target) { return shop.ground.send(Method::get, target, "", keeper()); };
    const auto list = get("/v1/admin/stock-adjustments?limit=1");
    CHECK(list.body.find("\"lost\"") != std::string::npos);
    CHECK(list.body.find("\"has_more\":true") != std::string::npos);
    const auto at = list.body.find("\"next_cursor\":\"") + 15;
    const auto rest = get("/v1/admin/stock-adjustments?limit=1&cursor=" + list.body.substr(at, list.body.find('"', at) - at));
    CHECK(rest.body.find("Pallet 7") != std::string::npos);
    CHECK(rest.body.find("\"has_more\":false") != std::string::npos);
    CHECK(get("/v1/admin/stock-adjustments/" + id_in(received)).body == received.body);
    const auto movements = get("/v1/admin/stock-movements?filter[sku]=A");
    CHECK(occurrences(movements.body, "\"delta\"") == 3);
    CHECK(movements.body.find("\"sold\"") < movements.body.find("\"lost\""));
    CHECK(occurrences(get("/v1/admin/stock-movements?filter[sku]=B").body, "\"delta\"") == 0);
    CHECK(occurrences(get("/v1/admin/stock-movements").body, "\"delta\"") == 3);
    const auto levels = get("/v1/admin/stock-levels?filter[sku]=A&filter[location_id]=" + std::string(main_location));
    CHECK(levels.body.find(R"("on_hand":0,"reserved":0,"available":0)") != std::string::npos);
    CHECK(occurrences(get("/v1/admin/stock-levels?filter[location_id]=loc_00000000000000000000000000").body, "\"sku\"") == 0);
  });
}

TEST_CASE("staff see levels and reservations page by page; nobody else gets in") {
  on_each_shop([](Shop& shop) {
    const auto call = shop.ground.as_staff({"inventory.read"});
    for (const auto* sku : {"A", "B", "C"}) shop.put(sku, 10);
    shop.put("B", 10, "east");
    for (int i = 0; i < 5; ++i) shop.reserve("o" + std::to_string(i), {{"B", 3, ""}, {"A", 1, ""}});
    shop.stock.hold(shop.call(), {"o2"});
    for (const auto& [target, part, wanted] : {std::tuple<std::string, std::string, std::size_t>{"/v1/admin/stock-levels?limit=3", "\"on_hand\"", 4}, {"/v1/admin/reservations?limit=2", "\"reference\"", 5},
                                               {"/v1/admin/reservations?limit=2&filter[state]=open", "\"reference\"", 4}, {"/v1/admin/reservations?limit=2&filter[state]=held", "\"reference\":\"o2\"", 1},
                                               {"/v1/admin/stock-movements?limit=1", "\"delta\"", 4}}) {
      std::size_t seen = 0;
      std::string cursor;
      for (int pages = 0; pages < 10; ++pages) {
        const auto page = shop.ground.send(Method::get, target + (cursor.empty() ? "" : "&cursor=" + cursor), "", call);
        REQUIRE(page.status == 200);
        seen += occurrences(page.body, part);
        const auto at = page.body.find("\"next_cursor\":\"");
        if (at == std::string::npos) break;
        cursor = page.body.substr(at + 15, page.body.find('"', at + 15) - at - 15);
      }
      CAPTURE(target);
      CHECK(seen == wanted);
    }
    CHECK(shop.ground.send(Method::get, "/v1/admin/reservations?filter[state]=gone", "", call).status == 422);
    CHECK(shop.ground.send(Method::get, "/v1/admin/stock-levels", "", shop.ground.call()).status == 401);
    CHECK(shop.ground.send(Method::get, "/v1/admin/stock-levels", "", shop.ground.as_customer("usr_x")).status == 403);
    CHECK(shop.ground.send(Method::post, "/v1/admin/stock-locations", R"({"code":"x","name":"X"})", call).status == 403);
    CHECK(shop.ground.send(Method::post, "/v1/admin/stock-adjustments", R"({"sku":"A","delta":5,"reason":"received"})", call, {{"Idempotency-Key", "k"}}).status == 403);
  });
}

TEST_CASE("a cart of a thousand lines is reserved, consumed and taken back") {
  on_each_shop([](Shop& shop) {
    std::vector<ImportedStock> rows;
    std::vector<StockLine> lines;
    shop.inventory.node().db.write(shop.call(), [&](Tx& tx) {
      for (int i = 0; i < 1000; ++i) tx.exec("INSERT INTO stock_item (sku, available, band, version) VALUES (:sku, 0, 'sold_out', 0)"_sql, "S" + std::to_string(i));
    });
    for (int i = 0; i < 1000; ++i) {
      rows.push_back({i, "S" + std::to_string(i), 3, {}});
      lines.push_back({"S" + std::to_string(i), 2, "/lines/" + std::to_string(i)});
    }
    CHECK(shop.count(rows).changed == 1000);
    shop.reserve("big", lines);
    const auto problem = problem_of([&] { shop.reserve("other", lines); });
    REQUIRE(problem);
    CHECK(problem->errors.size() == 1000);
    shop.stock.hold(shop.call(), {"big"});
    shop.stock.consume(shop.call(), {{"big"}});
    CHECK(shop.available("S7") == 1);
    shop.stock.restock(shop.call(), {"big"});
    CHECK(shop.available("S7") == 3);
    CHECK(shop.reservations.expire(shop.later(ttl_ms)) == 0);
  });
}

TEST_CASE("expiry takes what is due, all of it, and nothing else") {
  on_each_shop([](Shop& shop) {
    shop.put("A", 400);
    for (int i = 0; i < 130; ++i) shop.reserve("o" + std::to_string(i), {{"A", 1, ""}});
    shop.stock.hold(shop.call(), {"o7"});
    shop.stock.consume(shop.call(), {{"o8"}});
    CHECK(shop.reservations.expire(shop.later(ttl_ms - 1)) == 0);
    shop.ground.clock().advance(1);
    shop.reserve("young", {{"A", 1, ""}});
    CHECK(shop.reservations.expire(shop.later(ttl_ms - 1)) == 128);
    CHECK(shop.reserved("A") == 2);
    CHECK(shop.available("A") == 397);
    CHECK(shop.stock.hold(shop.later(ttl_ms + 1), {"young"}).state == ReservationState::held);  // late, and still there
    CHECK(shop.reservations.expire(shop.later(ttl_ms + 1)) == 0);
  });
}

TEST_CASE("the jobs of a running module expire reservations and settle bands") {
  on_each_shop([](Shop& shop) {
    shop.put("A", 100);
    shop.reserve("o1", {{"A", 1, ""}});
    // As if the setting had been another when the band was last changed.
    shop.inventory.node().db.write(shop.call(), [&](Tx& tx) { tx.exec("UPDATE stock_item SET band = 'low' WHERE sku = 'A'"_sql); });
    shop.ground.clock().advance(ttl_ms);
    shop.inventory.node().start();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while ((shop.reserved("A") > 0 || shop.stock.export_bands(shop.call(), {}).at(0).band != Band::in_stock) && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    shop.inventory.node().stop();
    CHECK(shop.reserved("A") == 0);
    CHECK(shop.stock.export_bands(shop.call(), {}).at(0).version == 2);
    CHECK(shop.changes("A").back().band == Band::in_stock);
  });
}

TEST_CASE("the auditor finds what does not add up") {
  struct Case {
    const char* check;
    std::function<void(Tx&)> spoil;
  };
  const std::vector<Case> cases{
      {"on_hand_differs_from_movements", [](Tx& tx) { tx.exec("UPDATE stock_movement SET delta = delta + 1 WHERE reason = 'count'"_sql); }},
      {"reserved_differs_from_reservations", [](Tx& tx) { tx.exec("UPDATE reservation SET state = 'expired', ended_ms = 1 WHERE reference = 'held'"_sql); }},
      {"available_differs_from_levels", [](Tx& tx) { tx.exec("UPDATE stock_item SET available = available + 1"_sql); }},
      {"reservation_ended_twice", [](Tx& tx) { tx.exec("UPDATE reservation SET state = 'released' WHERE reference = 'gone'"_sql); }},
      {"reservation_ended_twice", [](Tx& tx) { tx.exec("INSERT INTO stock_movement SELECT 'mov_x', sku, location_id, delta, reason, reference, note, actor, time_ms FROM stock_movement WHERE reason = 'sold'"_sql); }},
  };
  for (const auto engine : tests::engines())
    for (const auto& one : cases) {
      Ground ground(engine);
      Shop shop(ground);
      shop.put("A", 10);
      shop.reserve("held", {{"A", 1, ""}});
      shop.stock.hold(shop.call(), {"held"});
      shop.reserve("gone", {{"A", 1, ""}});
      shop.stock.consume(shop.call(), {{"gone"}});
      shop.check_sound();
      shop.inventory.node().db.write(shop.call(), [&](Tx& tx) { one.spoil(tx); });
      std::int64_t violations = 0;
      for (const auto& finding : shop.stock.audit(shop.call(), {}))
        if (finding.check == one.check) {
          violations = finding.violations;
          CHECK(!finding.example.empty());
        }
      CAPTURE(one.check);
      CHECK(violations == 1);
    }
}

}  // namespace polyshop::inventory
