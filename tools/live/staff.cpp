#include "live/staff.hpp"

#include <map>

#include "kernel/json/codec.hpp"

namespace polyshop::live {

struct SignIn {
  std::string email;
  std::string password;
  std::string kind = "staff";
};
BOOST_DESCRIBE_STRUCT(SignIn, (), (email, password, kind))

struct NewZone {
  std::string name;
  std::vector<std::string> countries;
};
BOOST_DESCRIBE_STRUCT(NewZone, (), (name, countries))

struct RateStep {
  std::int64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(RateStep, (), (amount))

struct Rate {
  Currency currency;
  std::vector<RateStep> steps;
};
BOOST_DESCRIBE_STRUCT(Rate, (), (currency, steps))

struct NewMethod {
  std::string zone_id;
  std::map<std::string, std::string> names;
  std::string kind;
  std::vector<Rate> rates;
};
BOOST_DESCRIBE_STRUCT(NewMethod, (), (zone_id, names, kind, rates))

struct SessionAnswer {
  std::string token;
};
BOOST_DESCRIBE_STRUCT(SessionAnswer, (), (token))

struct ZoneAnswer {
  std::string id;
};
BOOST_DESCRIBE_STRUCT(ZoneAnswer, (), (id))

struct Paging {
  std::optional<std::string> next_cursor;
};
BOOST_DESCRIBE_STRUCT(Paging, (), (next_cursor))

struct StockLevels {
  std::vector<StockLevel> data;
  Paging page;
};
BOOST_DESCRIBE_STRUCT(StockLevels, (), (data, page))

struct Reservations {
  std::vector<Reservation> data;
};
BOOST_DESCRIBE_STRUCT(Reservations, (), (data))

namespace {

using http::Method;

template <class T>
T read(const http::ClientResponse& response) {
  return json::from_text<T>(response.body, json::Mode::lenient);
}

}  // namespace

Staff::Staff(int port, const std::string& email, const std::string& password) : connection_(port) {
  token_ = read<SessionAnswer>(connection_.send(Method::post, "/v1/auth/sessions", json::to_text(SignIn{email, password}), {}, 201, false)).token;
}

http::ClientResponse Staff::send(Method method, const std::string& target, const std::string& body) { return connection_.send(method, target, body, {{"Authorization", "Bearer " + token_}}); }

void Staff::offer_free_delivery(Currency currency) {
  const auto zone = read<ZoneAnswer>(send(Method::post, "/v1/admin/shipping-zones", json::to_text(NewZone{"Everywhere", {}})));
  send(Method::post, "/v1/admin/shipping-methods", json::to_text(NewMethod{zone.id, {{"en", "Post"}}, "flat", {{currency, {{0}}}}}));
}

void Staff::for_each_stock_level(const std::function<void(const StockLevel&)>& visit) {
  std::optional<std::string> cursor;
  do {
    const auto levels = read<StockLevels>(send(Method::get, "/v1/admin/stock-levels?limit=100" + (cursor ? "&cursor=" + *cursor : "")));
    for (const auto& level : levels.data) visit(level);
    cursor = levels.page.next_cursor;
  } while (cursor);
}

std::vector<Reservation> Staff::living_reservations() {
  std::vector<Reservation> all;
  for (const auto* state : {"open", "held"}) std::ranges::move(read<Reservations>(send(Method::get, fmt::format("/v1/admin/reservations?limit=100&filter[state]={}", state))).data, std::back_inserter(all));
  return all;
}

}  // namespace polyshop::live
