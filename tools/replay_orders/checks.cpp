#include "replay_orders/checks.hpp"

#include <atomic>
#include <exception>
#include <numeric>
#include <set>
#include <thread>
#include <unordered_map>

#include <fmt/format.h>

#include "kernel/types/problem.hpp"

namespace polyshop::replay {
namespace {

using std::chrono::steady_clock;

Currency pounds() { return *Currency::parse("GBP"); }

std::string what_failed(const Problem& problem) { return fmt::format("{} {}: {}", problem.status, problem.code, problem.detail); }

// Calls `work` with a shopper and every number below `count`, each shopper taking the next one, until all are done, `work`
// answers false or somebody wishes to stop.
void share_out(std::size_t count, int shoppers, int port, const std::function<bool(live::Shopper&, std::size_t)>& work) {
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> is_over = false;
  std::mutex mutex;
  std::exception_ptr failure;
  std::vector<std::jthread> threads;
  for (int i = 0; i < shoppers; ++i)
    threads.emplace_back([&] {
      try {
        live::Shopper shopper(port);
        for (std::size_t at = 0; !is_over && (at = next++) < count;)
          if (!work(shopper, at)) is_over = true;
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        is_over = true;
      }
    });
  threads.clear();
  if (failure) std::rethrow_exception(failure);
}

bool is_final(const Problem& problem) { return problem.code == "interrupted" || problem.code == "unreachable"; }

}  // namespace

std::string amount_text(std::int64_t pence) {
  auto text = format_amount(pence, *Currency::parse("GBP"));
  const std::size_t first = text.starts_with('-') ? 1 : 0;
  for (auto at = text.find('.'); at > first + 3;) text.insert(at -= 3, ",");
  return text;
}

std::vector<Invoice> invoices_of(const online_retail::Derivation& derivation) {
  std::unordered_map<std::string, std::int64_t> prices;
  for (const auto& product : derivation.products) prices[product.sku] = product.price;
  std::vector<Invoice> invoices;
  std::unordered_map<std::string, std::size_t> places;
  for (const auto& line : derivation.orders) {
    const auto [place, is_new] = places.try_emplace(line.invoice, invoices.size());
    if (is_new) invoices.push_back({line.invoice, {}, 0});
    auto& invoice = invoices[place->second];
    invoice.lines.push_back({line.sku, line.quantity});
    invoice.total = (Money{invoice.total, pounds()} + Money{prices.at(line.sku), pounds()} * line.quantity).amount;
  }
  return invoices;
}

Placed place(const std::vector<Invoice>& invoices, int port, int shoppers, Report& report) {
  std::mutex mutex;
  Placed placed;
  std::int64_t done = 0;
  const auto start = steady_clock::now();
  share_out(invoices.size(), shoppers, port, [&](live::Shopper& shopper, std::size_t at) {
    const auto& invoice = invoices[at];
    const auto mismatch = [&](std::string_view text) { report.mismatch(fmt::format("invoice {} ({} lines, {} GBP): {}", invoice.number, invoice.lines.size(), amount_text(invoice.total), text)); };
    try {
      const auto cart = shopper.fill_cart(invoice.lines, pounds(), "GB");
      const auto order = shopper.complete(cart);
      const auto again = shopper.read_order(order.id, cart);
      if (order.currency != pounds() || order.totals.total != invoice.total) mismatch(fmt::format("order {} is of {} {}", order.number, format_amount(order.totals.total, order.currency ? order.currency : pounds()), order.currency.code()));
      if (order.state != "placed") mismatch(fmt::format("order {} is {} and not placed", order.number, order.state));
      if (order.lines.size() != invoice.lines.size()) mismatch(fmt::format("order {} has {} lines", order.number, order.lines.size()));
      if (again.totals.total != order.totals.total || again.number != order.number || again.state != order.state)
        mismatch(fmt::format("order {}, read again, is order {} of {} GBP, {}", order.number, again.number, amount_text(again.totals.total), again.state));
      const std::lock_guard lock(mutex);
      ++placed.orders;
      placed.total = (Money{placed.total, pounds()} + Money{order.totals.total, pounds()}).amount;
    } catch (const Problem& problem) {
      if (is_final(problem)) throw;
      mismatch("the shop answered " + what_failed(problem));
    }
    const std::lock_guard lock(mutex);
    report.progress("orders", ++done, static_cast<std::int64_t>(invoices.size()));
    return true;
  });
  placed.seconds = std::chrono::duration<double>(steady_clock::now() - start).count();
  return placed;
}

void check_stock(live::Staff& staff, const std::vector<online_retail::Product>& products, Report& report) {
  std::set<std::string> unseen;
  for (const auto& product : products)
    if (product.units > 0) unseen.insert(product.sku);
  std::size_t levels = 0;
  std::size_t faults = 0;
  staff.for_each_stock_level([&](const live::StockLevel& level) {
    ++levels;
    unseen.erase(level.sku);
    if (level.on_hand == 0 && level.reserved == 0) return;
    ++faults;
    report.mismatch(fmt::format("stock of {}: {} on hand and {} reserved are left, and everything was sold", level.sku, level.on_hand, level.reserved));
  });
  for (const auto& sku : unseen) report.mismatch(fmt::format("stock of {}: the shop does not list it", sku));
  if (faults == 0 && unseen.empty()) report.step(fmt::format("stock: {} levels, nothing left, nothing reserved", levels));
}

// The goods of an order leave a moment after it was answered.
void check_reservations(live::Staff& staff, Report& report) {
  const auto give_up = steady_clock::now() + std::chrono::seconds(30);
  auto open = staff.living_reservations();
  while (!open.empty() && steady_clock::now() < give_up) open = staff.living_reservations();
  for (const auto& reservation : open) report.mismatch(fmt::format("reservation {} of {} is open", reservation.id, reservation.reference));
  if (open.empty()) report.step("reservations: none is open");
}

void check_sold_out(const std::vector<online_retail::Product>& products, int port, int shoppers, Report& report) {
  constexpr std::size_t tries_min = 25;
  constexpr auto tries_for = std::chrono::seconds(15);
  // Spread over the catalogue however far it gets: steps that share no factor with the number of products meet each once.
  auto step = std::max<std::size_t>(1, products.size() * 5 / 8);
  while (std::gcd(step, products.size()) != 1) ++step;
  const auto give_up = steady_clock::now() + tries_for;
  std::atomic<std::size_t> tried = 0;
  std::atomic<std::size_t> refused = 0;
  share_out(products.size(), shoppers, port, [&](live::Shopper& shopper, std::size_t at) {
    if (at >= tries_min && steady_clock::now() > give_up) return false;
    const auto& sku = products[at * step % products.size()].sku;
    ++tried;
    report.progress("sold out", static_cast<std::int64_t>(tried), static_cast<std::int64_t>(products.size()));
    try {
      const auto cart = shopper.fill_cart({{sku, 1}}, pounds(), "GB");
      const auto order = shopper.complete(cart);
      report.mismatch(fmt::format("one more of {} was sold, as order {}", sku, order.number));
    } catch (const Problem& problem) {
      if (is_final(problem)) throw;
      if (problem.status == 409 && problem.code == "sold_out")
        ++refused;
      else
        report.mismatch(fmt::format("one more of {} was answered {} and not 409 sold_out", sku, what_failed(problem)));
    }
    return true;
  });
  if (refused == tried) report.step(fmt::format("sold out: {} of {} products were tried, and all are", tried.load(), products.size()));
}

void check_audit(live::Shop& shop, std::string_view when, Report& report) {
  try {
    shop.command({"audit"});
    report.step(fmt::format("audit, {}: every promise holds", when));
  } catch (const Problem& problem) {
    if (is_final(problem)) throw;
    report.mismatch(fmt::format("audit, {}: {}", when, problem.detail));
  }
}

}  // namespace polyshop::replay
