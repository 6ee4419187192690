#pragma once

#include "bus/node.hpp"
#include "cart/facade.hpp"
#include "catalog/facade.hpp"
#include "inventory/facade.hpp"
#include "store.hpp"

namespace polyshop::cart {

struct CreateCart {
  std::optional<Currency> currency;  // the shop's where absent
  std::optional<Text<2, 2>> language;
};
BOOST_DESCRIBE_STRUCT(CreateCart, (), (currency, language))

struct ChangeCart {
  Patch<Text<1, 254>> email;
  Patch<customer::Address> shipping_address;
  Patch<customer::Address> billing_address;
  Patch<Currency> currency;
  Patch<Text<2, 2>> language;
};
BOOST_DESCRIBE_STRUCT(ChangeCart, (), (email, shipping_address, billing_address, currency, language))

using Quantity = Range<1, 1'000'000>;

struct NewLine {
  catalog::Sku sku;
  Quantity quantity;
};
BOOST_DESCRIBE_STRUCT(NewLine, (), (sku, quantity))

// One line, or several at once. What is in the cart already is raised, unless separate lines are asked for.
struct AddLines {
  std::optional<catalog::Sku> sku;
  std::optional<Quantity> quantity;
  std::optional<std::vector<NewLine>> lines;  // at most 500
  std::optional<bool> separate;
};
BOOST_DESCRIBE_STRUCT(AddLines, (), (sku, quantity, lines, separate))

struct ChangeLine {
  Range<0, 1'000'000> quantity;  // 0 removes it
};
BOOST_DESCRIBE_STRUCT(ChangeLine, (), (quantity))

struct ChooseDelivery {
  shipping::MethodId method_id;
};
BOOST_DESCRIBE_STRUCT(ChooseDelivery, (), (method_id))

// A cart's key: who asks is in the call, what a guest shows is the token.
struct CartKey {
  CartId id;
  std::string token;
  std::optional<std::int64_t> version;  // what If-Match asks for
};

// Carts hold what a shopper wants; what it costs and whether it is there is asked anew whenever a cart is shown.
class Carts {
 public:
  struct Others {
    catalog::Facade catalog;
    pricing::Facade pricing;
    inventory::Facade inventory;
    shipping::Facade shipping;
  };
  struct Settings {
    Timestamp abandoned_after_ms;
    Timestamp completed_kept_ms;  // so long a guest's token opens the order
    Currency currency;
  };
  Carts(bus::Node& node, Others others, Settings settings) : node_(node), others_(std::move(others)), settings_(settings) {}

  struct New {
    Cart cart;
    std::string token;  // empty for a customer's
  };
  New create(const Call& call, const CreateCart& wanted);
  Cart get(const Call& call, const CartKey& key);
  Cart change(const Call& call, const CartKey& key, const ChangeCart& change);
  Cart add_lines(const Call& call, const CartKey& key, const AddLines& wanted);
  Cart change_line(const Call& call, const CartKey& key, const LineId& line, std::int64_t quantity);
  std::vector<shipping::DeliveryOption> delivery_options(const Call& call, const CartKey& key);
  Cart choose_delivery(const Call& call, const CartKey& key, const shipping::MethodId& method);
  // A signed-in customer takes a guest's cart: it becomes theirs, with what their other open cart held.
  Cart claim(const Call& call, const CartKey& key);
  void complete(const Call& call, const CompleteCart& wanted);
  void remove_abandoned(const Call& call);

 private:
  struct Content {
    store::CartRow cart;
    std::vector<store::LineRow> lines;
  };
  Content load(const Call& call, const CartKey& key);
  Cart write(const Call& call, const CartKey& key, const std::function<void(Tx&, Content&)>& change);
  Timestamp kept_from_now() const;
  void keep(Tx& tx, store::CartRow& cart) const;  // from now on for as long as was promised, in the database and in the row
  Cart view(const Call& call, const Content& content);
  std::map<std::string, catalog::SellableVariant> variants_of(const Call& call, const std::vector<std::string>& skus);
  Problem sold_out_of(const Call& call, const std::vector<NewLine>& lines, bool is_single);  // without errors where all are there
  std::map<std::string, std::int64_t> unit_prices(const Call& call, Currency currency, const std::vector<std::string>& skus);

  bus::Node& node_;
  const Others others_;
  const Settings settings_;
};

}  // namespace polyshop::cart
