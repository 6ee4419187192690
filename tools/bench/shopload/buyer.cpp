#include <fmt/format.h>

#include "shopload/requests.hpp"

namespace polyshop::load {

const std::vector<std::string_view> buyer_steps{"create cart", "add to cart", "address", "delivery", "payment", "complete"};

namespace {

enum Step : std::size_t { create, add, address, delivery, payment, complete };

// A guest who buys: a cart, its lines one by one, an address, a delivery, a payment that is approved, and the completion.
class Buyer final : public Shopper {
 public:
  Buyer(Ground& ground, std::size_t lines) : ground_(ground), lines_(lines) {}

  void arrive() override {
    at_ = create;
    wanted_.clear();
    ending_ = "ordered";
    total_ = 0;
  }

  std::size_t ask(std::string& out) override {
    std::string target = "/v1/store/carts/" + cart_;
    Secrets secrets{token_};
    const auto key = make_key(ground_);
    switch (at_) {
      case create: write_request(out, "POST", ground_, "/v1/store/carts", {}, fmt::format(R"({{"currency":"{}"}})", ground_.goods.currency.code())); break;
      case add: {
        const auto line = choose();
        total_ += line.price * line.quantity;
        wanted_.push_back(line.sku);
        secrets.key = key;
        write_request(out, "POST", ground_, target + "/lines", secrets, fmt::format(R"({{"sku":"{}","quantity":{}}})", line.sku, line.quantity));
        break;
      }
      case address:
        secrets.key = key;
        write_request(out, "PATCH", ground_, target, secrets,
                      fmt::format(R"({{"email":"rosa@example.com","shipping_address":{{"name":"Rosa Shopper","line1":"1 Market Street","city":"Townsville","country":"{}"}}}})", ground_.goods.country));
        break;
      case delivery: write_request(out, "PUT", ground_, target + "/delivery", secrets, fmt::format(R"({{"method_id":"{}"}})", ground_.goods.delivery_method)); break;
      case payment:
        secrets.key = key;
        write_request(out, "POST", ground_, target + "/payment-sessions", secrets, R"({"provider":"sandbox","token":"tok_approve"})");
        break;
      case complete:
        secrets.key = key;
        write_request(out, "POST", ground_, target + "/complete", secrets);
        break;
    }
    return at_;
  }

  Next take(const Answer& answer) override {
    if (answer.status == 202 || (answer.status == 409 && text_after(answer.body, R"("code":")") == "in_flight")) return Next::repeat;
    if (answer.status == 409 && !ground_.only_sku.empty() && text_after(answer.body, R"("code":")") == "sold_out") {
      ending_ = "sold out";
      return Next::leave;
    }
    switch (at_) {
      case create:
        expect(answer, 201, "create cart");
        cart_ = text_after(answer.body, R"({"id":")").value_or("");
        token_ = answer.field("Cart-Token");
        expect(cart_.starts_with("cart_") && !token_.empty(), answer, "a cart without its id or token");
        at_ = add;
        return Next::ask;
      case add:
        expect(answer, 200, "add to cart");
        check_cart(answer);
        for (const auto sku : wanted_) expect(text_after(answer.body, fmt::format(R"("sku":"{})", sku)).has_value(), answer, "a cart without a line that was added");
        if (wanted_.size() == lines_) at_ = address;
        return Next::ask;
      case address:
        expect(answer, 200, "address");
        check_cart(answer);
        at_ = delivery;
        return Next::ask;
      case delivery:
        expect(answer, 200, "delivery");
        // What it costs may depend on what is in the cart; the rest of the sum does not.
        total_ += number_after(answer.body, R"("price":{"amount":)", R"("delivery":{)").value_or(0);
        check_cart(answer);
        expect(text_after(answer.body, R"("requirements":[],)").has_value(), answer, "a cart that cannot be completed");
        at_ = payment;
        return Next::ask;
      case payment:
        expect(answer, 201, "payment");
        expect(number_after(answer.body, R"("amount":{"amount":)") == total_ && text_after(answer.body, R"("cart_id":")") == cart_, answer, "a payment of another amount or cart");
        at_ = complete;
        return Next::ask;
      case complete:
        expect(answer, 201, "complete");
        check_order(answer);
        return Next::leave;
    }
    return Next::leave;
  }

  std::string_view ending() const override { return ending_; }

 private:
  struct Line {
    std::string_view sku;
    std::int64_t price;
    std::int64_t quantity;
  };

  Line choose() {
    const auto& products = ground_.goods.products;
    if (!ground_.only_sku.empty())
      for (const auto& product : products)
        for (const auto& variant : product.variants)
          if (variant.sku == ground_.only_sku) return {variant.sku, variant.price, 1};
    const auto& product = products[ground_.choice.draw(ground_.random)];
    const auto& variant = product.variants[ground_.random() % product.variants.size()];
    return {variant.sku, variant.price, 1 + static_cast<std::int64_t>(ground_.random() % 3)};
  }

  void check_cart(const Answer& answer) const {
    expect(text_after(answer.body, R"({"id":")") == cart_, answer, "another cart");
    expect(number_after(answer.body, R"("total":)", R"("totals":{)") == total_, answer, "a cart with another total");
  }

  void check_order(const Answer& answer) const {
    const auto id = text_after(answer.body, R"({"id":")");
    expect(id && id->starts_with("ord_") && text_after(answer.body, R"("state":")") == "placed" && text_after(answer.body, R"("cart_id":")") == cart_, answer, "an order that is not placed, or of another cart");
    expect(number_after(answer.body, R"("total":)", R"("totals":{)") == total_ && count_of(answer.body, R"({"sku":")") >= 1, answer, "an order with another total");
    if (ground_.placed) ground_.placed({*id, cart_, token_, total_});
  }

  Ground& ground_;
  const std::size_t lines_;
  Step at_ = create;
  std::string cart_;
  std::string token_;
  std::vector<std::string_view> wanted_;
  std::int64_t total_ = 0;  // that the cart must have after the request that was asked last
  std::string_view ending_;
};

}  // namespace

std::unique_ptr<Shopper> make_buyer(Ground& ground) { return std::make_unique<Buyer>(ground, 2); }
std::unique_ptr<Shopper> make_flash_buyer(Ground& ground) { return std::make_unique<Buyer>(ground, 1); }

}  // namespace polyshop::load
