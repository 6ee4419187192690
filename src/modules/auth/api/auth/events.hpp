#pragma once

#include "auth/facade.hpp"

namespace polyshop::auth {

// A user exists who did not before. No personal data: ask the facade.
struct UserRegistered {
  static constexpr std::string_view event_name = "auth.user_registered.v1";
  UserId id;
  UserKind kind = UserKind::customer;
  std::int64_t version = 0;
  std::string aggregate() const { return id.str(); }
};
BOOST_DESCRIBE_STRUCT(UserRegistered, (), (id, kind, version))

}  // namespace polyshop::auth
