#include "live/shopper.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "kernel/json/codec.hpp"
#include "kernel/json/problem_json.hpp"
#include "kernel/security/token.hpp"
#include "live/process.hpp"

namespace polyshop::live {

// Requests.
struct NewCart {
  Currency currency;
};
BOOST_DESCRIBE_STRUCT(NewCart, (), (currency))

struct AddLines {
  std::vector<WantedLine> lines;
  bool separate = true;
};
BOOST_DESCRIBE_STRUCT(AddLines, (), (lines, separate))

struct Address {
  std::string name = "Rosa Shopper";
  std::string line1 = "1 Market Street";
  std::string city = "Townsville";
  std::string country;
};
BOOST_DESCRIBE_STRUCT(Address, (), (name, line1, city, country))

struct ChangeCart {
  std::string email = "rosa@example.com";
  Address shipping_address;
};
BOOST_DESCRIBE_STRUCT(ChangeCart, (), (email, shipping_address))

struct ChooseDelivery {
  std::string method_id;
};
BOOST_DESCRIBE_STRUCT(ChooseDelivery, (), (method_id))

struct OpenPayment {
  std::string provider = "sandbox";
  std::string token;
};
BOOST_DESCRIBE_STRUCT(OpenPayment, (), (provider, token))

// Answers.
struct CartAnswer {
  std::string id;
  Totals totals;
};
BOOST_DESCRIBE_STRUCT(CartAnswer, (), (id, totals))

struct DeliveryOptions {
  std::vector<ChooseDelivery> data;
};
BOOST_DESCRIBE_STRUCT(DeliveryOptions, (), (data))

namespace {

using http::Method;
using std::chrono::steady_clock;

constexpr std::size_t batch_max = 200;
constexpr auto repeat_for = std::chrono::seconds(60);

template <class T>
T read(const http::ClientResponse& response) {
  return json::from_text<T>(response.body, json::Mode::lenient);
}

// How long to wait before the same request makes sense again, or nothing where it does not.
std::optional<std::chrono::milliseconds> pause_before_repeating(const http::ClientResponse& response) {
  const bool is_under_way = response.status == 202 || (response.status == 409 && json::problem_from_text(response.body, 409).code == "in_flight");
  if (response.status != 429 && response.status != 503 && !is_under_way) return {};
  const auto text = response.field("Retry-After");
  int seconds = 0;
  std::from_chars(text.data(), text.data() + text.size(), seconds);
  return std::max(std::chrono::milliseconds(100), std::chrono::milliseconds(seconds * 1000));
}

}  // namespace

http::ClientResponse Connection::send(Method method, const std::string& target, const std::string& body, Fields fields, int status, bool is_keyed) {
  if (is_keyed && (method == Method::post || method == Method::patch)) fields.emplace_back("Idempotency-Key", make_token());
  const auto give_up = steady_clock::now() + repeat_for;
  while (true) {
    stop_if_interrupted();
    auto response = client_.send(method, target, body, fields);
    const auto pause = pause_before_repeating(response);
    if (pause && steady_clock::now() + *pause < give_up) {
      std::this_thread::sleep_for(*pause);
      continue;
    }
    if (status == 0 ? response.status / 100 == 2 : response.status == status) return response;
    if (response.status >= 300) throw json::problem_from_text(response.body, response.status);
    throw Problem(500, "unexpected_answer", fmt::format("{} {} was answered {} and not {}: {}", http::name_of(method), target, response.status, status, response.body));
  }
}

Shopper::Cart Shopper::fill_cart(const std::vector<WantedLine>& lines, Currency currency, const std::string& country, const std::string& token) {
  const auto created = connection_.send(Method::post, "/v1/store/carts", json::to_text(NewCart{currency}), {}, 201, false);
  Cart cart{read<CartAnswer>(created).id, std::string(created.field("Cart-Token")), 0};
  const auto address = "/v1/store/carts/" + cart.id;
  const Fields key{{"Cart-Token", cart.token}};
  for (std::size_t at = 0; at < lines.size(); at += batch_max) {
    AddLines batch;
    batch.lines.assign(lines.begin() + static_cast<std::ptrdiff_t>(at), lines.begin() + static_cast<std::ptrdiff_t>(std::min(at + batch_max, lines.size())));
    connection_.send(Method::post, address + "/lines", json::to_text(batch), key);
  }
  ChangeCart change;
  change.shipping_address.country = country;
  connection_.send(Method::patch, address, json::to_text(change), key);
  const auto options = read<DeliveryOptions>(connection_.send(Method::get, address + "/delivery-options", {}, key));
  if (options.data.empty()) throw Problem::conflict("no_delivery", fmt::format("The shop delivers nothing to {}.", country));
  cart.total = read<CartAnswer>(connection_.send(Method::put, address + "/delivery", json::to_text(options.data.front()), key)).totals.total;
  connection_.send(Method::post, address + "/payment-sessions", json::to_text(OpenPayment{"sandbox", token}), key, 201);
  return cart;
}

PlacedOrder Shopper::complete(const Cart& cart) {
  return read<PlacedOrder>(connection_.send(Method::post, fmt::format("/v1/store/carts/{}/complete", cart.id), {}, {{"Cart-Token", cart.token}}, 201));
}

PlacedOrder Shopper::read_order(const std::string& id, const Cart& cart) {
  return read<PlacedOrder>(connection_.send(Method::get, "/v1/store/orders/" + id, {}, {{"Cart-Token", cart.token}}, 200));
}

}  // namespace polyshop::live
