#include <fmt/format.h>

#include "attack/simulated_customers.hpp"
#include "kernel/json/codec.hpp"

namespace polyshop::attack {
namespace {

constexpr Timestamp day_ms = 24 * 3600'000;

std::int64_t count(bus::Node& node, const Call& call, auto sql, const auto&... values) {
  return node.db.read(call, [&](Tx& tx) { return tx.template get<std::int64_t>(sql, values...); });
}

bus::Node& node_of(App& app, std::string_view module) {
  return **std::ranges::find_if(app.nodes(), [&](const auto* node) { return node->module() == module; });
}

}  // namespace

std::string SimulatedCustomers::what_is_open() {
  std::string open;
  const auto call = shop_.call();
  for (auto* node : shop_.app().nodes()) {
    const auto add = [&](const char* what, std::int64_t n) {
      if (n) open += fmt::format("{}{} {} of {}", open.empty() ? "" : ", ", n, what, node->module());
    };
    add("sagas", count(*node, call, "SELECT count(*) AS n FROM saga WHERE state NOT IN ('done', 'compensated') AND wake_ms < :never"_sql, bus::saga::never));
    add("effects", count(*node, call, "SELECT count(*) AS n FROM effect WHERE state = 'due'"_sql));
    for (const auto& row : node->subscription_rows()) add("events", row.lag + row.parked);
  }
  return open;
}

std::vector<std::string> SimulatedCustomers::settle() {
  // Leases and back-offs take minutes; what is still open later on will mostly stay so.
  const auto wait = [&] {
    const auto since = shop_.lived_ms();
    auto open = what_is_open();
    for (; !open.empty() && shop_.lived_ms() < since + day_ms; open = what_is_open()) shop_.pass(5'000 + (shop_.lived_ms() - since) / 20);
    if (!open.empty()) wrong("after a day there are still " + open);
  };
  wait();
  // What ended three processes is given up until somebody looks.
  for (auto* node : shop_.app().nodes())
    for (const auto& dead : node->dead_letters.list(shop_.call(), {})) node->dead_letters.redrive(shop_.call(), dead.subscription, dead.position);
  wait();
  for (auto& customer : customers_)
    if (customer.is_asked && customer.stage == Stage::completion) complete(customer);
  wait();
  for (auto& customer : customers_) {
    if (customer.is_asked && customer.stage == Stage::completion) complete(customer);
    if (customer.is_asked && customer.stage == Stage::completion) wrong(fmt::format("{} is never completed and never refused", customer.cart));
    if (customer.order.empty()) continue;
    complete(customer);
    customer.key = new_key();
    complete(customer);
  }
  check_goods();
  check_events();
  for (const auto& row : shop_.app().audit().rows)
    if (row.violations) wrong(fmt::format("the audit finds {} violations, such as {}: {}", row.violations, row.example, row.promise));
  return std::exchange(wrongs_, {});
}

void SimulatedCustomers::check_goods() {
  const auto call = shop_.call();
  const auto all = shop_.app().facades();
  std::map<std::string, std::int64_t> left;
  for (int i = 0; i < SimulatedShop::skus; ++i) left[SimulatedShop::sku(i)] = SimulatedShop::units;
  for (const auto& customer : customers_) {
    if (customer.order.empty()) continue;
    const auto order = all.order.get_order(call, {order::OrderId::parse(customer.order).value()});
    if (order.state == order::OrderState::cancelled) continue;
    if (order.state != order::OrderState::placed) wrong(fmt::format("{} is {}", customer.order, json::enum_name(order.state)));
    for (const auto& [sku, units] : customer.units) left[sku] -= units;
    if (const auto paid = all.payment.get_payment(call, {order.payment_id}); paid.captured - paid.refunded != order.totals.total) wrong(fmt::format("{} costs {} and {} are paid", customer.order, order.totals.total, paid.captured - paid.refunded));
  }
  for (const auto& [sku, units] : left)
    if (const auto there = all.inventory.get_availability(call, {{sku}}).at(0).available; there != units) wrong(fmt::format("of {} there are {} and not {}", sku, there, units));
}

// Each order's events are taken once: a mail was written for each, and no order was placed that nobody was told of.
void SimulatedCustomers::check_events() {
  const auto call = shop_.call();
  auto& orders = node_of(shop_.app(), "order");
  auto& notification = node_of(shop_.app(), "notification");
  const auto placed_orders = count(orders, call, "SELECT count(*) AS n FROM shop_order WHERE number IS NOT NULL"_sql);
  if (placed_orders != placed()) wrong(fmt::format("{} orders were placed and {} acknowledged", placed_orders, placed()));
  if (const auto mails = count(notification, call, "SELECT count(*) AS n FROM mail_message WHERE event = 'order_placed'"_sql); mails != placed_orders) wrong(fmt::format("{} mails were written for {} orders", mails, placed_orders));
  const auto cancelled = count(orders, call, "SELECT count(*) AS n FROM shop_order WHERE number IS NOT NULL AND state = 'cancelled'"_sql);
  if (const auto mails = count(notification, call, "SELECT count(*) AS n FROM mail_message WHERE event = 'order_cancelled'"_sql); mails != cancelled) wrong(fmt::format("{} mails were written for {} cancelled orders", mails, cancelled));
  for (auto* node : shop_.app().nodes())
    if (const auto stuck = count(*node, call, "SELECT count(*) AS n FROM saga WHERE state = 'stuck'"_sql)) wrong(fmt::format("{} sagas of {} are stuck", stuck, node->module()));
}

}  // namespace polyshop::attack
