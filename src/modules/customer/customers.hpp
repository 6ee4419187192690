#pragma once

#include "bus/node.hpp"
#include "store.hpp"

namespace polyshop::customer {

using Name = Text<0, 100>;
using Phone = Text<0, 40>;

struct Register {
  Text<3, 254> email;
  Text<1, 1000> password;
  std::optional<Name> first_name;
  std::optional<Name> last_name;
  std::optional<Phone> phone;
};
BOOST_DESCRIBE_STRUCT(Register, (), (email, password, first_name, last_name, phone))

struct Registered {
  Customer customer;
  auth::OpenedSession session;
};
BOOST_DESCRIBE_STRUCT(Registered, (), (customer, session))

struct ChangeProfile {
  Patch<Name> first_name;
  Patch<Name> last_name;
  Patch<Phone> phone;
};
BOOST_DESCRIBE_STRUCT(ChangeProfile, (), (first_name, last_name, phone))

struct ListCustomers {
  std::optional<Range<1, 100>> limit;
  std::optional<std::string> cursor;
  std::optional<Text<1, 200>> q;
};
BOOST_DESCRIBE_STRUCT(ListCustomers, (), (limit, cursor, q))

// Profiles and addresses. A customer is found by who asks, so nobody can name another's.
class Customers {
 public:
  Customers(bus::Node& node, auth::Facade auth, PasswordHasher& hasher) : node_(node), auth_(std::move(auth)), hasher_(hasher) {}

  http::Outcome register_customer(const Call& call, const Register& wanted);
  Customer own(const Call& call);
  Customer get_of_user(const Call& call, const auth::UserId& user);
  Customer get(const Call& call, const CustomerId& id);
  Customer change(const Call& call, const Customer& customer, const std::optional<std::int64_t>& version, const ChangeProfile& change);
  http::Listed<Customer> list(const Call& call, const ListCustomers& wanted);

  std::vector<StoredAddress> addresses(const Call& call, const CustomerId& customer);
  StoredAddress address(const Call& call, const AddressId& id);
  StoredAddress add_address(const Call& call, const Address& address);
  StoredAddress change_address(const Call& call, const AddressId& id, const http::MaybeMatch& match, const Address& address);
  void remove_address(const Call& call, const AddressId& id);

  ImportResult import(const Call& call, const ImportCustomers& rows);

 private:
  bus::Node& node_;
  const auth::Facade auth_;
  PasswordHasher& hasher_;
};

}  // namespace polyshop::customer
