#pragma once

#include "bus/node.hpp"
#include "store.hpp"

namespace polyshop::auth {

using Email = Text<3, 254>;
using Password = Text<1, 1000>;  // the rule is checked by check_password, whose answer is clearer

struct NewStaff {
  Email email;
  Password password;
  std::vector<Text<1, 60>> roles;
};
BOOST_DESCRIBE_STRUCT(NewStaff, (), (email, password, roles))

struct ChangeStaff {
  Patch<std::vector<Text<1, 60>>> roles;
  Patch<bool> disabled;
};
BOOST_DESCRIBE_STRUCT(ChangeStaff, (), (roles, disabled))

struct Role {
  std::string name;
  std::vector<std::string> permissions;
};
BOOST_DESCRIBE_STRUCT(Role, (), (name, permissions))

// People who can sign in, and what staff may do. Nobody gives away a right that they do not have.
class Users {
 public:
  explicit Users(bus::Node& node) : node_(node) {}

  User create(const Call& call, const CreateUser& wanted);
  User get(const Call& call, const UserId& id);
  User get_staff(const Call& call, const UserId& id);  // 404 for a customer, whom the customer module shows
  std::optional<store::UserRow> find(const Call& call, UserKind kind, const std::string& email);
  User change_staff(const Call& call, const UserId& id, std::int64_t version, const ChangeStaff& change);
  http::Listed<User> list_staff(const Call& call, const std::optional<UserId>& after, std::int64_t limit);

  void define_role(const Call& call, const DefineRole& wanted);
  void remove_role(const Call& call, const std::string& name);
  std::vector<Role> roles(const Call& call);

 private:
  bus::Node& node_;
};

// The address as it is kept: lower-case, without blanks around. Throws Problem 422 where it is none.
std::string normal_email(std::string_view text);

}  // namespace polyshop::auth
