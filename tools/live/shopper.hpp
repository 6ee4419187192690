#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/describe.hpp>

#include "kernel/http/client.hpp"
#include "kernel/types/money.hpp"

// Clients of a shop that know nothing but its HTTP API.
namespace polyshop::live {

using Fields = std::vector<std::pair<std::string, std::string>>;

// One connection to a shop. What the shop asks to repeat (429, 503, `in_flight`, a completion that is under way) is repeated
// after the time it says, with the same Idempotency-Key, for a minute.
class Connection {
 public:
  explicit Connection(int port) : client_("127.0.0.1", port) {}
  // An answer of the status expected, or of any 2xx where that is 0. Throws Problem as the shop answered otherwise,
  // `unexpected_answer` where that was no problem, or `interrupted`. A POST or PATCH carries a new key unless told otherwise.
  http::ClientResponse send(http::Method method, const std::string& target, const std::string& body = {}, Fields fields = {}, int status = 0, bool is_keyed = true);

 private:
  http::Client client_;
};

struct WantedLine {
  std::string sku;
  std::int64_t quantity = 0;
};
BOOST_DESCRIBE_STRUCT(WantedLine, (), (sku, quantity))

// What the parts of an answer that a shopper looks at are called in the API.
struct Totals {
  std::int64_t total = 0;
};
BOOST_DESCRIBE_STRUCT(Totals, (), (total))

struct PlacedOrder {
  std::string id;
  std::string number;
  std::string state;
  Currency currency;
  std::vector<WantedLine> lines;
  Totals totals;
};
BOOST_DESCRIBE_STRUCT(PlacedOrder, (), (id, number, state, currency, lines, totals))

// A guest who buys. Belongs to one thread.
class Shopper {
 public:
  explicit Shopper(int port) : connection_(port) {}

  struct Cart {
    std::string id;
    std::string token;
    std::int64_t total = 0;
  };
  // A cart with everything that a completion needs: each line one of its own, an address in the country, the first way of
  // delivery that is offered, and a payment with a token of the sandbox, which says what becomes of it.
  Cart fill_cart(const std::vector<WantedLine>& lines, Currency currency, const std::string& country, const std::string& token = "tok_approve");
  PlacedOrder complete(const Cart& cart);
  PlacedOrder read_order(const std::string& id, const Cart& cart);

 private:
  Connection connection_;
};

}  // namespace polyshop::live
