#include <doctest/doctest.h>

#include <set>
#include <thread>

#include "../../src/modules/shipping/module.hpp"
#include "../../src/modules/shipping/rate.hpp"
#include "ground.hpp"

namespace polyshop::shipping {
namespace {

using tests::Ground;
using tests::on_each_engine;
using Verb = http::Method;

Currency currency(std::string_view code) { return Currency::parse(code).value(); }
const Currency eur = currency("EUR");
const Currency usd = currency("USD");

template <class F>
Problem problem_of(F&& run) {
  try {
    run();
  } catch (const Problem& problem) {
    return problem;
  }
  return Problem(200, "", "");
}

void opened(Ground& ground, const std::function<void(const Facade&)>& body) {
  Module module(ground.platform());
  ground.open();
  body(module.node().use(module.facade(), "shipping"));
}

CreateMethod parcel(const ZoneId& zone) {
  CreateMethod wanted;
  wanted.zone_id = zone;
  wanted.names = {{"en", Text<1, 200>("Parcel")}, {"de", Text<1, 200>("Paket")}};
  wanted.kind = RateKind::by_weight;
  wanted.rates = {{eur, {{1000, 490}, {5000, 790}}}, {usd, {{{}, 1200}}}};
  return wanted;
}

// One member of each entry of a list, read in pages of one; ids of one millisecond have no order.
std::multiset<std::string> listed(Ground& ground, const Call& call, const std::string& path, const std::string& member) {
  std::multiset<std::string> found;
  std::string cursor;
  for (bool more = true; more;) {
    const auto page = json::parse(ground.send(Verb::get, path + "?limit=1" + cursor, "", call).body);
    REQUIRE(page.at("data").as_array().size() == 1);
    found.insert(boost::json::serialize(page.at("data").at(0).at(member)));
    more = page.at("page").at("has_more").as_bool();
    if (more) cursor = "&cursor=" + std::string(page.at("page").at("next_cursor").as_string());
  }
  return found;
}

std::string location_of(const http::Response& response) {
  REQUIRE(response.status == 201);
  return std::ranges::find(response.fields, "Location", [](const auto& f) { return f.first; })->second;
}

}  // namespace

TEST_CASE("what a rate costs") {
  struct Case {
    std::string what;
    RateKind kind;
    std::vector<RateStep> steps;
    std::int64_t weight_g, lines_total;
    std::optional<std::int64_t> amount;
  };
  const std::vector<RateStep> flat{{{}, 490}}, bounded{{1000, 490}, {5000, 790}}, open{{0, 900}, {5000, 490}, {{}, 0}};
  const std::vector<Case> cases{
      {"flat, whatever it is", RateKind::flat, flat, 1'000'000, 1'000'000, 490},
      {"nothing in it", RateKind::by_weight, bounded, 0, 9999, 490},
      {"a bound belongs to its step", RateKind::by_weight, bounded, 1000, 0, 490},
      {"one gram more", RateKind::by_weight, bounded, 1001, 0, 790},
      {"the last bound", RateKind::by_weight, bounded, 5000, 0, 790},
      {"beyond it", RateKind::by_weight, bounded, 5001, 0, {}},
      {"by total the weight says nothing", RateKind::by_total, bounded, 9'999'999, 1000, 490},
      {"beyond the last total", RateKind::by_total, bounded, 0, 5001, {}},
      {"a bound of 0", RateKind::by_total, open, 0, 0, 900},
      {"in the middle", RateKind::by_total, open, 0, 1, 490},
      {"free from here on", RateKind::by_total, open, 0, 5001, 0},
      {"without bound", RateKind::by_weight, open, std::numeric_limits<std::int64_t>::max(), 0, 0},
  };
  for (const auto& one : cases) {
    CAPTURE(one.what);
    const std::vector<Rate> rates{{usd, {{{}, 77}}}, {eur, one.steps}};
    CHECK(price_of(one.kind, rates, {"DE", eur, one.weight_g, one.lines_total}) == one.amount);
    CHECK(price_of(one.kind, rates, {"DE", usd, one.weight_g, one.lines_total}) == 77);
    CHECK(!price_of(one.kind, rates, {"DE", currency("JPY"), one.weight_g, one.lines_total}));
  }
}

TEST_CASE("the rules of a rate") {
  struct Case {
    std::string code;
    std::string pointer;
    RateKind kind;
    std::vector<Rate> rates;
  };
  const std::vector<Case> cases{
      {"rate_required", "/rates", RateKind::flat, {}},
      {"bad_currency", "/rates/0/currency", RateKind::flat, {{{}, {{{}, 1}}}}},
      {"currency_twice", "/rates/1/currency", RateKind::flat, {{eur, {{{}, 1}}}, {eur, {{{}, 1}}}}},
      {"steps_out_of_range", "/rates/0/steps", RateKind::by_weight, {{eur, {}}}},
      {"steps_out_of_range", "/rates/0/steps", RateKind::by_weight, {{eur, std::vector<RateStep>(101)}}},
      {"rate_not_flat", "/rates/0/steps", RateKind::flat, {{eur, {{1000, 1}}}}},
      {"rate_not_flat", "/rates/0/steps", RateKind::flat, {{eur, {{1000, 1}, {{}, 1}}}}},
      {"negative_amount", "/rates/0/steps/1/amount", RateKind::by_total, {{eur, {{1000, 1}, {{}, -1}}}}},
      {"negative_bound", "/rates/0/steps/0/up_to", RateKind::by_total, {{eur, {{-1, 1}}}}},
      {"bound_missing", "/rates/0/steps/0/up_to", RateKind::by_total, {{eur, {{{}, 1}, {1000, 1}}}}},
      {"bounds_not_ascending", "/rates/0/steps/1/up_to", RateKind::by_total, {{eur, {{1000, 1}, {1000, 2}}}}},
      {"bounds_not_ascending", "/rates/1/steps/2/up_to", RateKind::by_weight, {{eur, {{{}, 0}}}, {usd, {{5, 1}, {7, 2}, {6, 3}}}}},
  };
  for (const auto& one : cases) {
    CAPTURE(one.code);
    const auto problem = problem_of([&] { check_rates(one.kind, one.rates); });
    CHECK(problem.code == one.code);
    REQUIRE(problem.errors.size() == 1);
    CHECK(problem.errors[0].pointer == one.pointer);
  }
  CHECK_NOTHROW(check_rates(RateKind::by_weight, {{eur, {{0, 0}, {1, 5}, {{}, 9}}}, {usd, {{7, 1}}}}));
  CHECK_NOTHROW(check_rates(RateKind::flat, {{eur, {{{}, 0}}}}));
}

TEST_CASE("what is offered follows from country, currency, weight and total") {
  on_each_engine([](Ground& ground) {
    opened(ground, [&](const Facade& shipping) {
      const auto call = ground.as_system();
      const auto options = [&](std::string country, Currency in, std::int64_t weight_g, std::int64_t total, std::string language = "en") {
        auto asking = call;
        asking.language = std::move(language);
        std::vector<std::string> found;
        for (const auto& one : shipping.get_options(asking, {std::move(country), in, weight_g, total})) {
          CHECK(one.currency == in);
          found.push_back(one.name + " " + std::to_string(one.amount));
        }
        return found;
      };
      using Options = std::vector<std::string>;
      CHECK(options("DE", eur, 0, 0).empty());

      const auto home = shipping.create_zone(call, {Text<1, 100>("Home"), {Text<2, 2>("DE"), Text<2, 2>("AT")}});
      CHECK(home.countries == std::vector<std::string>{"AT", "DE"});
      CHECK(options("DE", eur, 0, 0).empty());
      CHECK(shipping.create_method(call, parcel(home.id)).version == 1);
      auto express = parcel(home.id);
      express.names = {{"fr", Text<1, 200>("Express")}};
      express.kind = RateKind::by_total;
      express.rates = {{eur, {{9999, 1500}, {{}, 0}}}};
      express.position = 2;
      shipping.create_method(call, express);
      auto pickup = parcel(home.id);
      pickup.names = {{"en", Text<1, 200>("Pickup")}};
      pickup.position = 1;
      pickup.kind = RateKind::flat;
      pickup.rates = {{eur, {{{}, 0}}}};
      shipping.create_method(call, pickup);

      CHECK(options("DE", eur, 1000, 9999) == Options{"Parcel 490", "Pickup 0", "Express 1500"});
      CHECK(options("AT", eur, 5001, 10'000, "de") == Options{"Pickup 0", "Express 0"});
      CHECK(options("DE", usd, 5001, 10'000, "de") == Options{"Paket 1200"});
      CHECK(options("DE", currency("JPY"), 1, 1).empty());
      CHECK(options("CH", eur, 1, 1).empty());

      const auto world = shipping.create_zone(call, {Text<1, 100>("World"), {}});
      CHECK(world.countries.empty());
      CHECK(options("CH", eur, 1, 1).empty());
      auto letter = pickup;
      letter.zone_id = world.id;
      letter.rates = {{eur, {{{}, 2500}}}};
      shipping.create_method(call, letter);
      CHECK(options("CH", eur, 1, 1) == Options{"Pickup 2500"});
      CHECK(options("DE", eur, 1, 1).size() == 3);
    });
  });
}

TEST_CASE("a country lies in one zone") {
  on_each_engine([](Ground& ground) {
    opened(ground, [&](const Facade& shipping) {
      const auto call = ground.as_system();
      using Countries = std::vector<Text<2, 2>>;
      const auto code = [&](Countries countries) { return problem_of([&] { shipping.create_zone(call, {Text<1, 100>("Z"), countries}); }).code; };
      CHECK(code({"FR", "BE"}) == "");
      CHECK(code({"ES", "BE"}) == "country_taken");
      CHECK(code({"ES"}) == "");  // the zone before left nothing behind
      CHECK(code({"PT", "PT"}) == "country_twice");
      CHECK(code({"pt"}) == "unknown_country");
      CHECK(code({"D*"}) == "unknown_country");
      CHECK(code({}) == "");
      CHECK(code({}) == "country_taken");
    });
  });
}

TEST_CASE("two zones that want a country at the same time: one gets it") {
  on_each_engine([](Ground& ground) {
    opened(ground, [&](const Facade& shipping) {
      std::atomic<int> made = 0, refused = 0;
      {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t)
          threads.emplace_back([&, t] {
            for (char c = 'A'; c <= 'J'; ++c) {
              std::vector<Text<2, 2>> countries{std::string{'A', c}, std::string{'B', c}};
              if (t % 2) std::ranges::reverse(countries);
              try {
                shipping.create_zone(ground.as_system(), {Text<1, 100>("Z"), countries});
                ++made;
              } catch (const Problem& problem) {
                CHECK(problem.code == "country_taken");
                ++refused;
              }
            }
          });
      }
      CHECK(made == 10);
      CHECK(refused == 30);
    });
  });
}

TEST_CASE("zones over HTTP") {
  on_each_engine([](Ground& ground) {
    opened(ground, [&](const Facade& shipping) {
      const auto call = ground.as_staff({"shipping.read", "shipping.write"});
      const auto created = ground.send(Verb::post, "/v1/admin/shipping-zones", R"({"name":"Home","countries":["DE","AT"]})", call);
      const auto zone = location_of(created);
      CHECK(ground.send(Verb::get, zone, "", call).body == created.body);
      CHECK(ground.send(Verb::post, "/v1/admin/shipping-zones", R"({"name":"Alps","countries":["CH","AT"]})", call).status == 409);
      CHECK(ground.send(Verb::post, "/v1/admin/shipping-zones", R"({"name":"Alps","countries":["CHE"]})", call).status == 422);
      const auto other = location_of(ground.send(Verb::post, "/v1/admin/shipping-zones", R"({"name":"Alps","countries":["CH"]})", call));

      CHECK(ground.send(Verb::patch, zone, R"({"countries":["DE"]})", call).status == 428);
      CHECK(ground.send(Verb::patch, zone, R"({"countries":["DE","CH"]})", call, {{"If-Match", "\"1\""}}).status == 409);
      const auto changed = ground.send(Verb::patch, zone, R"({"countries":["LU","DE"]})", call, {{"If-Match", "\"1\""}});
      REQUIRE(changed.status == 200);
      CHECK(changed.body.find(R"("name":"Home","countries":["DE","LU"],"version":2)") != std::string::npos);
      CHECK(ground.send(Verb::patch, zone, R"({"name":"H"})", call, {{"If-Match", "\"1\""}}).status == 412);
      CHECK(ground.send(Verb::patch, other, R"({"name":"All","countries":[]})", call, {{"If-Match", "\"1\""}}).status == 200);
      CHECK(ground.send(Verb::get, other, "", call).body.find(R"("name":"All","countries":[],"version":2)") != std::string::npos);

      CHECK(listed(ground, call, "/v1/admin/shipping-zones", "countries") == std::multiset<std::string>{"[]", R"(["DE","LU"])"});

      const auto method = shipping.create_method(ground.as_system(), parcel(*ZoneId::parse(zone.substr(zone.rfind('/') + 1))));
      CHECK(ground.send(Verb::del, zone, "", call, {{"If-Match", "\"2\""}}).status == 409);
      CHECK(ground.send(Verb::del, "/v1/admin/shipping-methods/" + method.id.str(), "", call, {{"If-Match", "\"1\""}}).status == 204);
      CHECK(ground.send(Verb::del, zone, "", call, {{"If-Match", "\"1\""}}).status == 412);
      CHECK(ground.send(Verb::del, zone, "", call, {{"If-Match", "\"2\""}}).status == 204);
      CHECK(ground.send(Verb::del, zone, "", call, {{"If-Match", "\"2\""}}).status == 404);
      CHECK(ground.send(Verb::get, zone, "", call).status == 404);
      location_of(ground.send(Verb::post, "/v1/admin/shipping-zones", R"({"name":"Home again","countries":["DE"]})", call));  // its countries are free
    });
  });
}

TEST_CASE("methods over HTTP") {
  on_each_engine([](Ground& ground) {
    opened(ground, [&](const Facade& shipping) {
      const auto call = ground.as_staff({"shipping.read", "shipping.write"});
      const auto home = shipping.create_zone(ground.as_system(), {Text<1, 100>("Home"), {Text<2, 2>("DE")}});
      const auto abroad = shipping.create_zone(ground.as_system(), {Text<1, 100>("Abroad"), {}});
      const auto body = [](const ZoneId& zone, const std::string& names, const std::string& rates) {
        return R"({"zone_id":")" + zone.str() + R"(","names":)" + names + R"(,"kind":"by_weight","rates":)" + rates + "}";
      };
      const std::string names = R"({"en":"Parcel"})", rates = R"([{"currency":"EUR","steps":[{"up_to":1000,"amount":490},{"amount":790}]}])";
      const auto post = [&](const std::string& text) { return ground.send(Verb::post, "/v1/admin/shipping-methods", text, call); };
      const auto created = post(body(home.id, names, rates));
      const auto method = location_of(created);
      CHECK(created.body.find(R"("steps":[{"up_to":1000,"amount":490},{"amount":790}]}],"position":0,"version":1)") != std::string::npos);
      CHECK(ground.send(Verb::get, method, "", call).body == created.body);
      CHECK(post(body(ZoneId::make(1), names, rates)).body.find("unknown_zone") != std::string::npos);
      CHECK(post(body(home.id, "{}", rates)).body.find("name_required") != std::string::npos);
      CHECK(post(body(home.id, R"({"english":"Parcel"})", rates)).body.find("unknown_language") != std::string::npos);
      CHECK(post(body(home.id, names, "[]")).body.find("rate_required") != std::string::npos);
      CHECK(post(body(home.id, names, R"([{"currency":"EUR","steps":[{"up_to":1}]}])")).status == 422);

      CHECK(ground.send(Verb::patch, method, R"({"position":7})", call).status == 428);
      CHECK(ground.send(Verb::patch, method, R"({"kind":"flat"})", call, {{"If-Match", "\"1\""}}).body.find("rate_not_flat") != std::string::npos);
      CHECK(ground.send(Verb::patch, method, R"({"names":{"en":null}})", call, {{"If-Match", "\"1\""}}).body.find("name_required") != std::string::npos);
      const auto changed = ground.send(Verb::patch, method, R"({"zone_id":")" + abroad.id.str() + R"(","kind":"flat","rates":[{"currency":"EUR","steps":[{"amount":5}]}],"names":{"de":"Paket","en":null},"position":7})",
                                       call, {{"If-Match", "\"1\""}});
      REQUIRE(changed.status == 200);
      CHECK(changed.body.find(R"("names":{"de":"Paket"},"kind":"flat","rates":[{"currency":"EUR","steps":[{"amount":5}]}],"position":7,"version":2)") != std::string::npos);
      CHECK(ground.send(Verb::patch, method, R"({"position":8})", call, {{"If-Match", "\"1\""}}).status == 412);
      CHECK(shipping.get_options(ground.as_system(), {"DE", eur, 1, 1}).empty());
      CHECK(shipping.get_options(ground.as_system(), {"FR", eur, 1, 1}).at(0).amount == 5);

      location_of(post(body(home.id, names, rates)));
      CHECK(listed(ground, call, "/v1/admin/shipping-methods", "kind") == std::multiset<std::string>{R"("by_weight")", R"("flat")"});
      const auto page = json::parse(ground.send(Verb::get, "/v1/admin/shipping-methods?filter[zone]=" + home.id.str(), "", call).body);
      REQUIRE(page.at("data").as_array().size() == 1);
      CHECK(page.at("data").at(0).at("kind") == "by_weight");

      CHECK(ground.send(Verb::del, method, "", call, {{"If-Match", "\"1\""}}).status == 412);
      CHECK(ground.send(Verb::del, method, "", call, {{"If-Match", "\"2\""}}).status == 204);
      CHECK(ground.send(Verb::get, method, "", call).status == 404);
      CHECK(ground.send(Verb::del, method, "", call, {{"If-Match", "\"2\""}}).status == 404);
    });
  });
}

TEST_CASE("staff need the permission of shipping; nobody else gets in") {
  Ground ground(Engine::sqlite);
  opened(ground, [&](const Facade&) {
    for (const std::string path : {"/v1/admin/shipping-zones", "/v1/admin/shipping-methods"}) {
      CHECK(ground.send(Verb::get, path, "", ground.call()).status == 401);
      CHECK(ground.send(Verb::get, path, "", ground.as_customer("usr_x")).status == 403);
      CHECK(ground.send(Verb::get, path, "", ground.as_staff({"pricing.read"})).status == 403);
      CHECK(ground.send(Verb::get, path, "", ground.as_staff({"shipping.read"})).status == 200);
      CHECK(ground.send(Verb::post, path, "{}", ground.as_staff({"shipping.read"})).status == 403);
    }
  });
}

}  // namespace polyshop::shipping
