#include "suite/curve.hpp"
#include "suite/suite.hpp"

#include <fmt/format.h>

#include "live/shopper.hpp"

// What shoppers read, beside nginx.
namespace polyshop::bench {
namespace {

constexpr std::int64_t products = 1'000;

std::string body_of(live::Connection& connection, const std::string& target) { return connection.send(http::Method::get, target, {}, {}, 200).body; }

void copy_answers(const load::Goods& goods, int port, Nginx& nginx) {
  live::Connection connection(port);
  const auto copy = [&](const std::string& target) { nginx.add(target, body_of(connection, target)); };
  for (const auto& product : goods.products) copy("/v1/store/products/" + product.id);
  for (const auto& page : goods.pages) copy(page.target);
  for (const auto& page : goods.filtered) copy(page.target);
}

}  // namespace

Findings measure_reading(Bench& bench) {
  bench.step(fmt::format("reading: a shop of {} products", products));
  FilledShop shop({bench.options().program}, bench.folder("reading"), products);
  shop.serve();
  const auto look = [&] { return load::find_goods(shop.port(), *Currency::parse("EUR"), "DE", products); };
  const auto goods = look();
  Nginx nginx(bench.folder("nginx"), bench.options().root / "tools/bench/nginx.conf");
  copy_answers(goods, shop.port(), nginx);
  nginx.serve();
  auto ground = ground_of(goods, shop);

  std::vector<Figure> figures{
      {"product-page", "product page of 1,000 products, 64 connections", "requests/s", "nginx", 0.8},
      {"product-list", "product list of 20", "requests/s", "nginx", 0.6},
      {"filtered-list", "product list with a filter and a sort", "requests/s", "nginx", 0.6},
      {"conditional-get", "conditional GET (304)", "requests/s", "product page", 1.0},
      {"page-with-changes", "product page while 200 prices a second change", "requests/s", "without changes", 0.5},
      {"list-with-changes", "product list while 200 prices a second change", "requests/s", "without changes", 0.5},
      {"page-without-cache", "product page with the response cache off", "requests/s", "nginx", 0.2},
      {"page-p99", "p99 of the product page at 70 % of the peak", "ms", "", 2, false},
  };
  const auto add = [](Figure& figure, const Measured& ours, const Measured& limit) {
    figure.values.push_back(ours.first().rate());
    figure.server_us.push_back(ours.server_us());
    figure.limits.push_back(limit.first().rate());
    figure.limit_us.push_back(limit.server_us());
  };
  const auto with_changes = [&](std::string_view scenario) {
    auto changes = bench.load_of("prices");
    changes.rate = 200;
    changes.shoppers = 16;
    auto measured = bench.measure(ground, shop.port(), shop.process(), {bench.load_of(scenario), changes}, {1.5, bench.options().seconds});
    return measured;
  };
  for (int round = 0; round < bench.options().rounds; ++round) {
    bench.step(fmt::format("reading: round {}", round + 1));
    const auto page = bench.closed(ground, shop.port(), shop.process(), "product");
    add(figures[0], page, bench.closed(ground, nginx.port(), nginx.process(), "product"));
    const auto list = bench.closed(ground, shop.port(), shop.process(), "list");
    add(figures[1], list, bench.closed(ground, nginx.port(), nginx.process(), "list"));
    add(figures[2], bench.closed(ground, shop.port(), shop.process(), "filtered"), bench.closed(ground, nginx.port(), nginx.process(), "filtered"));
    // What has changed in the round before has another ETag.
    const auto of_today = look();
    auto ground_of_today = ground_of(of_today, shop);
    add(figures[3], bench.closed(ground_of_today, shop.port(), shop.process(), "conditional"), page);
    add(figures[4], with_changes("product"), page);
    add(figures[5], with_changes("list"), list);
  }
  Curve curve{"product page", "requests/s"};
  const auto peak = spread_of(figures[0].values).median;
  bench.step("reading: the curve");
  const Offer offered{"product", bench.options().shoppers};
  measure_curve(bench, ground, shop, offered, peak, curve);
  std::vector<double> of_nginx;
  for (int round = 0; round < bench.options().rounds; ++round) {
    const auto p99 = [&](int port, pid_t server) { return p99_ms(latencies_at(bench, ground, port, server, offered, judged_fraction * peak).at("product"), "product page"); };
    figures[7].values.push_back(p99(shop.port(), shop.process()));
    of_nginx.push_back(p99(nginx.port(), nginx.process()));
  }
  const auto beside = spread_of(of_nginx);
  figures[7].notes.push_back(fmt::format("that of nginx at the same rate was {:.2f} ({:.2f}-{:.2f}) ms", beside.median, beside.min, beside.max));
  shop.stop();

  shop.serve(without_cache);
  for (int round = 0; round < bench.options().rounds; ++round) {
    bench.step(fmt::format("reading without cache: round {}", round + 1));
    add(figures[6], bench.closed(ground, shop.port(), shop.process(), "product"), bench.closed(ground, nginx.port(), nginx.process(), "product"));
  }
  shop.stop();
  return {std::move(figures), {std::move(curve)}};
}

}  // namespace polyshop::bench
