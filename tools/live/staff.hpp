#pragma once

#include <functional>

#include "live/shopper.hpp"

namespace polyshop::live {

struct StockLevel {
  std::string sku;
  std::int64_t on_hand = -1;  // so that an answer without them is noticed
  std::int64_t reserved = -1;
};
BOOST_DESCRIBE_STRUCT(StockLevel, (), (sku, on_hand, reserved))

struct Reservation {
  std::string id;
  std::string reference;
};
BOOST_DESCRIBE_STRUCT(Reservation, (), (id, reference))

// Somebody who runs the shop. Belongs to one thread.
class Staff {
 public:
  Staff(int port, const std::string& email, const std::string& password);

  // Delivery of everything to everywhere for nothing.
  void offer_free_delivery(Currency currency);
  void for_each_stock_level(const std::function<void(const StockLevel&)>& visit);
  std::vector<Reservation> living_reservations();  // open or held, the first hundred of each

  // As Connection::send, with a staff session.
  http::ClientResponse send(http::Method method, const std::string& target, const std::string& body = {});
  const std::string& token() const { return token_; }  // of the session

 private:
  Connection connection_;
  std::string token_;
};

}  // namespace polyshop::live
