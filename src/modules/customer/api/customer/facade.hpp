#pragma once

#include "auth/facade.hpp"
#include "customer/types.hpp"
#include "kernel/types/import_result.hpp"

namespace polyshop::customer {

using CustomerId = Id<"cus">;

struct Customer {
  CustomerId id;
  auth::UserId user_id;
  std::string email;
  std::string first_name;
  std::string last_name;
  std::string phone;
  std::int64_t version = 0;
  Timestamp created_ms = 0;
};
BOOST_DESCRIBE_STRUCT(Customer, (), (id, user_id, email, first_name, last_name, phone, version, created_ms))

struct GetCustomer {
  auth::UserId user_id;
};
BOOST_DESCRIBE_STRUCT(GetCustomer, (), (user_id))

struct ImportedCustomer {
  std::int64_t line = 0;
  std::string email;
  std::optional<std::string> first_name;
  std::optional<std::string> last_name;
  std::optional<std::string> phone;
  std::optional<Address> address;
};
BOOST_DESCRIBE_STRUCT(ImportedCustomer, (), (line, email, first_name, last_name, phone, address))

struct ImportCustomers {
  bool dry_run = false;
  std::vector<ImportedCustomer> rows;  // at most 1,000
};
BOOST_DESCRIBE_STRUCT(ImportCustomers, (), (dry_run, rows))

struct Facade {
  Query<GetCustomer, Customer> get_customer;
  Command<ImportCustomers, ImportResult> import_customers;  // safe to repeat; customers are known by their e-mail address
};
BOOST_DESCRIBE_STRUCT(Facade, (), (get_customer, import_customers))

}  // namespace polyshop::customer
