#pragma once

#include "auth/facade.hpp"
#include "catalog/facade.hpp"
#include "customer/facade.hpp"
#include "inventory/facade.hpp"
#include "order/facade.hpp"
#include "payment/facade.hpp"
#include "pricing/facade.hpp"
#include "program/events.hpp"
#include "shipping/facade.hpp"

namespace polyshop {

// What the command line works with: the facades of this process, or of the one that serves the data folder.
struct Facades {
  auth::Facade auth;
  customer::Facade customer;
  catalog::Facade catalog;
  pricing::Facade pricing;
  inventory::Facade inventory;
  shipping::Facade shipping;
  payment::Facade payment;
  order::Facade order;
  EventsFacade events;
};
BOOST_DESCRIBE_STRUCT(Facades, (), (auth, customer, catalog, pricing, inventory, shipping, payment, order, events))

}  // namespace polyshop
