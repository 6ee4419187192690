#include "attack/simulated_customers.hpp"

#include <fmt/format.h>

#include "kernel/json/codec.hpp"
#include "kernel/security/token.hpp"

namespace polyshop::attack {
namespace {

using http::Method;

// How a payment goes; the sandbox knows them.
constexpr auto cards = std::to_array<std::string_view>({"tok_approve", "tok_approve", "tok_approve_outside", "tok_decline", "tok_require_action", "tok_timeout_before", "tok_timeout_after", "tok_capture_decline",
                                                        "tok_capture_timeout_before", "tok_capture_timeout_after", "tok_cancel_timeout_before", "tok_cancel_timeout_after", "tok_refund_decline",
                                                        "tok_refund_timeout_before", "tok_refund_timeout_after"});
constexpr const char* details = R"({"email":"ann@example.com","shipping_address":{"name":"Ann","line1":"Street 1","city":"Bonn","country":"DE"}})";

std::string text_of(const http::Response& response, std::string_view name) {
  const auto value = json::parse(response.body);
  const auto* object = value.if_object();
  const auto* member = object ? object->if_contains(name) : nullptr;
  return member && member->is_string() ? std::string(member->get_string()) : "";
}

bool is_answer(const http::Response& response) { return response.status > 0 && response.status < 500; }

template <class Range>
auto& any_of(Range& range, std::mt19937_64& random) {
  return range[std::uniform_int_distribution<std::size_t>(0, std::size(range) - 1)(random)];
}

}  // namespace

SimulatedCustomers::SimulatedCustomers(SimulatedShop& shop, std::mt19937_64& random) : shop_(shop), random_(random) {}

std::int64_t SimulatedCustomers::placed() const { return std::ranges::count_if(customers_, [](const auto& customer) { return !customer.order.empty(); }); }

http::Response SimulatedCustomers::ask(const Customer& customer, Method method, const std::string& target, const std::string& body, const std::string& key) {
  SimulatedShop::Request request{.method = method, .target = customer.cart + target, .body = body};
  if (!customer.token.empty()) request.fields.emplace_back("Cart-Token", customer.token);
  if (!key.empty()) request.fields.emplace_back("Idempotency-Key", key);
  return shop_.send(std::move(request));
}

http::Response SimulatedCustomers::ask_as_staff(Method method, const std::string& target, const std::string& body, Fields fields) {
  static const auto permissions = std::make_shared<const std::set<std::string, std::less<>>>(std::set<std::string, std::less<>>{"order.write", "sagas.write"});
  return shop_.send({method, target, body, {Actor::Kind::staff, "usr_staff", permissions}, std::move(fields)});
}

void SimulatedCustomers::act() {
  const auto what = std::uniform_int_distribution(0, 99)(random_);
  if (customers_.empty() || what < 12) return customers_.emplace_back(), go_on(customers_.back());
  if (what < 20) return tell_outcome();
  if (what < 25) return cancel_order();
  if (what < 29) return cancel_saga();
  // Whoever came last acts most; those who have finished complete once more now and then.
  const auto from = customers_.size() > 6 && what < 95 ? customers_.size() - 6 : 0;
  go_on(customers_[std::uniform_int_distribution(from, customers_.size() - 1)(random_)]);
}

// One request. What is not answered is asked again the next time, with its key where a repetition would do it twice.
void SimulatedCustomers::go_on(Customer& customer) {
  const auto next = [&](const http::Response& response, int status, Stage stage) {
    if (response.status == status) customer.stage = stage;
    if (is_answer(response) && response.status != status && response.status != 409 && response.status != 429) wrong(fmt::format("{} was answered {} {}", customer.cart, response.status, response.body));
    if (response.status == status) customer.key.clear();
  };
  if (customer.key.empty()) customer.key = new_key();
  switch (customer.stage) {
    case Stage::cart: {
      customer.cart = "/v1/store/carts";
      const auto created = ask(customer, Method::post, "", R"({"currency":"EUR"})");
      next(created, 201, Stage::lines);
      if (created.status == 201) {
        customer.cart += "/" + text_of(created, "id");
        for (const auto& [name, value] : created.fields)
          if (name == "Cart-Token") customer.token = value;
      }
      break;
    }
    case Stage::lines: {
      const auto line = fmt::format(R"({{"sku":"{}","quantity":{}}})", SimulatedShop::sku(std::uniform_int_distribution(0, SimulatedShop::skus - 1)(random_)), std::uniform_int_distribution(1, 3)(random_));
      const bool is_last = std::uniform_int_distribution(0, 2)(random_) > 0;
      const auto added = ask(customer, Method::post, "/lines", line);
      next(added, 200, is_last ? Stage::address : Stage::lines);
      break;
    }
    case Stage::address: next(ask(customer, Method::patch, "", details), 200, Stage::delivery); break;
    case Stage::delivery: {
      const auto options = ask(customer, Method::get, "/delivery-options");
      if (options.status == 200) next(ask(customer, Method::put, "/delivery", fmt::format(R"({{"method_id":"{}"}})", std::string(json::parse(options.body).at("data").at(0).at("method_id").as_string()))), 200, Stage::payment);
      break;
    }
    case Stage::payment:
      if (customer.card.empty()) customer.card = any_of(cards, random_);
      next(ask(customer, Method::post, "/payment-sessions", fmt::format(R"({{"provider":"sandbox","token":"{}"}})", customer.card), customer.key), 201, Stage::completion);
      break;
    case Stage::completion:
    case Stage::over: complete(customer); break;
  }
}

void SimulatedCustomers::complete(Customer& customer) {
  const auto response = ask(customer, Method::post, "/complete", {}, customer.key);
  customer.is_asked = true;
  if (!is_answer(response) || response.status == 202 || text_of(response, "code") == "in_flight") return;
  if (response.status == 200 || response.status == 201) {
    const auto order = text_of(response, "id");
    if (!customer.order.empty() && customer.order != order) wrong(fmt::format("{} was acknowledged as {} and as {}", customer.cart, customer.order, order));
    customer.order = order;
    customer.units.clear();
    const auto document = json::parse(response.body);
    for (const auto& line : document.at("lines").as_array()) customer.units[std::string(line.at("sku").as_string())] += line.at("quantity").as_int64();
    customer.stage = Stage::over;
  } else if (response.status == 402) {
    // Another card, or not.
    customer.key.clear();
    customer.card.clear();
    customer.stage = std::uniform_int_distribution(0, 1)(random_) ? Stage::payment : Stage::over;
  } else {
    // Only who has a new key, or comes late, and whose order was cancelled meanwhile, hears of it no more.
    if (!customer.order.empty() && (text_of(response, "code") != "cart_completed" || state_of(customer) != order::OrderState::cancelled))
      wrong(fmt::format("{} was acknowledged as {}, and then answered {}", customer.cart, customer.order, response.body));
    customer.stage = Stage::over;
  }
  if (customer.stage == Stage::over && std::uniform_int_distribution(0, 1)(random_)) customer.key = new_key();
}

order::OrderState SimulatedCustomers::state_of(const Customer& customer) {
  return shop_.app().facades().order.get_order(shop_.call(), {order::OrderId::parse(customer.order).value()}).state;
}

void SimulatedCustomers::tell_outcome() {
  const auto payments = shop_.app().facades().payment.export_payments(shop_.call(), {});
  if (payments.empty()) return;
  const auto body = fmt::format(R"({{"key":"{}.authorize","result":"{}"}})", any_of(payments, random_).id.str(), std::uniform_int_distribution(0, 2)(random_) ? "approved" : "declined");
  shop_.send({.method = Method::post, .target = "/v1/hooks/sandbox", .body = body, .fields = {{"Sandbox-Signature", to_base64(hmac_sha256(SimulatedShop::hook_secret, body))}}});
}

void SimulatedCustomers::cancel_order() {
  const auto& customer = any_of(customers_, random_);
  if (!customer.order.empty()) ask_as_staff(Method::post, "/v1/admin/orders/" + customer.order + "/cancellations", R"({"reason":"changed their mind"})", {{"Idempotency-Key", new_key()}});
}

void SimulatedCustomers::cancel_saga() {
  bus::SagaFilter unended;
  unended.unended = true;
  for (auto* node : shop_.app().nodes())
    if (const auto sagas = node->sagas.list(shop_.call(), unended); !sagas.empty()) {
      const auto& saga = any_of(sagas, random_);
      ask_as_staff(Method::post, "/v1/admin/sagas/" + saga.id.str() + "/cancellations", R"({"reason":"it takes too long"})", {{"If-Match", fmt::format("\"{}\"", saga.version)}, {"Idempotency-Key", new_key()}});
    }
}

}  // namespace polyshop::attack
