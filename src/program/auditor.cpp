#include "program/auditor.hpp"

#include <fmt/format.h>

namespace polyshop {
namespace {

// No order is charged without being one, and none is placed unpaid.
std::vector<AuditRow> money_against_orders(const Call& call, const Facades& all) {
  AuditRow paid_without_order{"no captured and unrefunded money without an order", 0, ""};
  AuditRow order_without_money{"no placed order without its money", 0, ""};
  const auto count = [](AuditRow& row, std::string example) {
    if (row.violations++ == 0) row.example = std::move(example);
  };
  payment::ExportPayments payments;
  while (true) {
    const auto page = all.payment.export_payments(call, payments);
    for (const auto& payment : page) {
      if (payment.captured == payment.refunded) continue;
      const auto id = order::OrderId::parse(payment.order_id);
      try {
        if (!id) throw Problem::not_found("order");
        const auto order = all.order.get_order(call, {*id});
        if (order.state == order::OrderState::cancelled) count(paid_without_order, payment.id.str());
      } catch (const Problem& problem) {
        if (problem.status != 404) throw;
        count(paid_without_order, payment.id.str());
      }
    }
    if (page.empty()) break;
    payments.after = page.back().id;
  }
  order::ExportOrders orders;
  while (true) {
    const auto page = all.order.export_orders(call, orders);
    for (const auto& order : page) {
      if (order.state != order::OrderState::placed) continue;
      const auto payment = all.payment.get_payment(call, {order.payment_id});
      if (payment.captured != order.total.amount || payment.order_id != order.id.view()) count(order_without_money, order.id.str());
    }
    if (page.empty()) break;
    orders.after = page.back().id;
  }
  return {paid_without_order, order_without_money};
}

std::vector<AuditRow> logs(const std::vector<bus::Node*>& nodes, bool& all_taken) {
  AuditRow dense{"positions of an event log have no hole", 0, ""};
  AuditRow cursors{"no cursor is past the head of its source", 0, ""};
  AuditRow dead{"no event is left aside", 0, ""};
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  for (all_taken = false; !all_taken && std::chrono::steady_clock::now() < give_up;) {
    all_taken = std::ranges::all_of(nodes, [](auto* node) { return node->is_caught_up(); });
    if (!all_taken) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  for (auto* node : nodes) {
    const auto holes = node->db.read(node->system_call("audit"), [](Tx& tx) { return tx.get<std::int64_t>("SELECT coalesce(max(position) - min(position) + 1 - count(*), 0) AS holes FROM event_log"_sql); });
    if (holes) dense = {dense.promise, dense.violations + holes, node->module()};
    for (const auto& row : node->subscription_rows()) {
      if (row.position > row.head) cursors = {cursors.promise, cursors.violations + 1, row.name};
      if (row.parked + row.dead) dead = {dead.promise, dead.violations + row.parked + row.dead, row.name};
    }
  }
  return {dense, cursors, dead};
}

}  // namespace

AuditReport audited(const std::vector<bus::Node*>& nodes, const Facades& all, const std::function<std::vector<AuditRow>(const Call&, const Facades&)>& read_side) {
  AuditReport report;
  const auto add = [&](const auto& findings) {
    for (const auto& row : findings) report.rows.push_back(row);
  };
  const auto add_of = [&](const std::string& module, const auto& findings) {
    for (const auto& finding : findings) report.rows.push_back({module + ": " + finding.check, finding.violations, finding.example});
  };
  Call call = nodes.front()->system_call("audit");
  call.deadline = Deadline::max();  // it reads the whole shop
  bool all_taken = false;
  const auto log_rows = logs(nodes, all_taken);
  add_of("inventory", all.inventory.audit(call, {}));
  add_of("payment", all.payment.audit(call, {}));
  add_of("order", all.order.audit(call, {}));
  add(money_against_orders(call, all));
  add(log_rows);
  if (all_taken)
    add(read_side(call, all));
  else
    report.rows.push_back({"every event is taken within ten seconds", 1, "the read side is behind and was not compared"});
  return report;
}

}  // namespace polyshop
