#pragma once

#include "customer/facade.hpp"
#include "kernel/db/database.hpp"

// Every SQL statement of the customers, one function each.
namespace polyshop::customer {

using AddressId = Id<"adr">;

struct StoredAddress {
  AddressId id;
  Address address;
  std::int64_t version = 0;
};
BOOST_DESCRIBE_STRUCT(StoredAddress, (), (id, address, version))

namespace store {

// Made where the user has none; what is there already gets the names that are given.
Customer upsert_customer(Tx& tx, const Customer& customer);
std::optional<Customer> find_by_user(Tx& tx, const auth::UserId& user);
std::optional<Customer> find_customer(Tx& tx, const CustomerId& id);
bool update_customer(Tx& tx, const Customer& customer);  // where the version is customer.version
std::vector<Customer> list_customers(Tx& tx, const std::optional<CustomerId>& after, const std::optional<std::string>& query, std::int64_t limit);

void insert_address(Tx& tx, const CustomerId& customer, const StoredAddress& address);
std::vector<StoredAddress> list_addresses(Tx& tx, const CustomerId& customer);
std::optional<StoredAddress> find_address(Tx& tx, const CustomerId& customer, const AddressId& id);
bool update_address(Tx& tx, const CustomerId& customer, const StoredAddress& address);  // where the version is address.version
bool delete_address(Tx& tx, const CustomerId& customer, const AddressId& id);

}  // namespace store
}  // namespace polyshop::customer
