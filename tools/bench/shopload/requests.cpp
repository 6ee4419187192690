#include "shopload/requests.hpp"

#include <fmt/format.h>

#include "kernel/json/parse.hpp"
#include "kernel/types/problem.hpp"

namespace polyshop::load {
namespace {

constexpr std::size_t shown_max = 400;
constexpr unsigned read_whole_of = 64;

void add_field(std::string& out, std::string_view name, std::string_view value) {
  if (!value.empty()) out.append(name).append(": ").append(value).append("\r\n");
}

// One of 64 bodies is read as a whole, so that one that is no JSON within is found soon at little cost.
void read_some(const Answer& answer, std::string_view what) {
  static unsigned count = 0;
  if (count++ % read_whole_of != 0) return;
  try {
    json::parse(answer.body);
  } catch (const Problem& problem) {
    throw Fault{fmt::format("{}: {}", what, problem.code), std::string(answer.body.substr(0, shown_max))};
  }
}

}  // namespace

void write_request(std::string& out, std::string_view method, const Ground& ground, std::string_view target, const Secrets& secrets, std::string_view body) {
  out.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: ").append(ground.host).append("\r\nAccept: application/json\r\n");
  add_field(out, "Cart-Token", secrets.cart_token);
  add_field(out, "Idempotency-Key", secrets.key);
  if (!secrets.bearer.empty()) out.append("Authorization: Bearer ").append(secrets.bearer).append("\r\n");
  add_field(out, "If-Match", secrets.if_match);
  add_field(out, "If-None-Match", secrets.if_none_match);
  if (!body.empty()) fmt::format_to(std::back_inserter(out), "Content-Type: application/json\r\nContent-Length: {}\r\n", body.size());
  if (body.empty() && method == "POST") out.append("Content-Length: 0\r\n");
  out.append("\r\n").append(body);
}

std::string make_key(Ground& ground) { return fmt::format("{}-{}", ground.keys, ++ground.keys_made); }

void expect(bool is_right, const Answer& answer, std::string_view what) {
  if (!is_right) throw Fault{std::string(what), std::string((answer.body.empty() ? answer.head : answer.body).substr(0, shown_max))};
}

void expect(const Answer& answer, int status, std::string_view what) {
  if (answer.status != status) {
    const auto code = text_after(answer.body, R"("code":")");
    throw Fault{fmt::format("{}: {} {}", what, answer.status, code.value_or("")), std::string((answer.body.empty() ? answer.head : answer.body).substr(0, shown_max))};
  }
  if (status == 204 || status == 304) return expect(answer.body.empty(), answer, "a body where there is none");
  expect(answer.field("Content-Type").starts_with("application/json"), answer, "not application/json");
  expect(answer.body.starts_with('{') && answer.body.ends_with('}'), answer, "no JSON object");
  read_some(answer, what);
}

void check_product(const Answer& answer, const GoodsProduct& product) {
  expect(answer, 200, "product");
  expect(text_after(answer.body.substr(0, 64), R"({"id":")") == product.id, answer, "another product");
  expect(text_after(answer.body, R"("variants":[{"sku":")").has_value() && count_of(answer.body, R"("sku":")") >= product.variants.size() && count_of(answer.body, R"("prices":[{"amount":)") >= product.variants.size() &&
             text_after(answer.body, R"("price_from":)").has_value(),
         answer, "a product without its variants, prices or availability");
}

void check_list(const Answer& answer, const GoodsList& list, std::string_view what) {
  expect(answer, 200, what);
  const auto products = count_of(answer.body, R"({"id":"prod_)");
  expect(list.products == 0 ? products > 0 : products == list.products, answer, "a list with more or fewer products than it has");
  expect(answer.body.starts_with(R"({"data":[{"id":"prod_)") && text_after(answer.body, R"("page":{"next_cursor":)").has_value(), answer, "a list that is none");
}

}  // namespace polyshop::load
