#include "users.hpp"

#include <fmt/format.h>

#include "auth/events.hpp"

namespace polyshop::auth {
namespace {

// Inside the transaction that gives the roles, so that none of them vanishes or grows in between.
void check_grant(Tx& tx, const Call& call, const std::vector<std::string>& names) {
  const auto known = store::list_roles(tx);
  for (const auto& name : names) {
    const auto role = std::ranges::find(known, name, &store::RoleRow::name);
    if (role == known.end()) throw Problem::invalid("unknown_role", fmt::format("There is no role {}.", name), "/roles");
    for (const auto& permission : role->permissions.value)
      if (!call.actor.may(permission)) throw Problem::forbidden("cannot_grant", fmt::format("You cannot give {}, which you do not have.", permission));
  }
}

}  // namespace

std::string normal_email(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  std::string email(text);
  for (auto& c : email) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  const auto at = email.find('@');
  const bool fits = at != std::string::npos && at > 0 && email.find('@', at + 1) == std::string::npos && email.find('.', at) != std::string::npos && email.back() != '.' && email[at + 1] != '.' && email.find("..", at) == std::string::npos &&
                    email.size() <= 254 && std::ranges::none_of(email, [](unsigned char c) { return c <= ' ' || c == 0x7f || c == '<' || c == '>' || c == ',' || c == ';'; });
  if (!fits) throw Problem::invalid("malformed_email", "Send an e-mail address such as ann@example.com.", "/email");
  return email;
}

User Users::create(const Call& call, const CreateUser& wanted) {
  store::UserRow user;
  user.id = wanted.id.value_or(UserId::make(call.now));
  user.kind = wanted.kind;
  user.email = normal_email(wanted.email);
  user.password_hash = wanted.password_hash;
  user.roles.value = wanted.roles;
  user.version = 1;
  user.created_ms = call.now;
  return node_.db.write(call, [&](Tx& tx) {
    if (user.kind == UserKind::staff) check_grant(tx, call, user.roles.value);
    if (!store::insert_user(tx, user)) throw Problem::conflict("email_taken", "This e-mail address has an account already.", "/email");
    tx.publish(UserRegistered{user.id, user.kind, user.version});
    return user.user();
  });
}

User Users::get(const Call& call, const UserId& id) {
  const auto user = node_.db.read(call, [&](Tx& tx) { return store::find_user(tx, id); });
  if (!user) throw Problem::not_found("user", id.view());
  return user->user();
}

User Users::get_staff(const Call& call, const UserId& id) {
  auto user = get(call, id);
  if (user.kind != UserKind::staff) throw Problem::not_found("user", id.view());
  return user;
}

std::optional<store::UserRow> Users::find(const Call& call, UserKind kind, const std::string& email) {
  return node_.db.read(call, [&](Tx& tx) { return store::find_user_by_email(tx, kind, email); });
}

User Users::change_staff(const Call& call, const UserId& id, std::int64_t version, const ChangeStaff& change) {
  if (call.actor.id == id.view()) throw Problem::forbidden("cannot_change_self", "Somebody else has to change your roles or disable you.");
  std::optional<std::vector<std::string>> roles;
  if (change.roles.value) roles.emplace(change.roles.value->begin(), change.roles.value->end());
  const auto changed = [] { return Problem::precondition_failed("The user has changed since you read it; read it again and repeat your change."); };
  return node_.db.write(call, [&](Tx& tx) {
    if (roles) check_grant(tx, call, *roles);
    auto user = store::find_user(tx, id);
    if (!user || user->kind != UserKind::staff) throw Problem::not_found("user", id.view());
    if (user->version != version) throw changed();
    if (roles) user->roles.value = *roles;
    if (change.disabled.value) user->disabled = *change.disabled.value;
    if (!store::update_user(tx, *user)) throw changed();
    if (user->disabled) store::end_sessions_of_user(tx, id, {});
    ++user->version;
    return user->user();
  });
}

http::Listed<User> Users::list_staff(const Call& call, const std::optional<UserId>& after, std::int64_t limit) {
  http::Listed<User> page;
  for (const auto& row : node_.db.read(call, [&](Tx& tx) { return store::list_staff(tx, after, limit + 1); })) page.data.push_back(row.user());
  if (static_cast<std::int64_t>(page.data.size()) > limit) {
    page.data.pop_back();
    page.next_cursor = http::cursor_of(page.data.back().id);
  }
  return page;
}

std::vector<Role> Users::roles(const Call& call) {
  std::vector<Role> all;
  for (auto& row : node_.db.read(call, [](Tx& tx) { return store::list_roles(tx); })) all.push_back({row.name, row.permissions.value});
  return all;
}

void Users::define_role(const Call& call, const DefineRole& wanted) {
  const bool fits = !wanted.name.empty() && wanted.name.size() <= 60 && std::ranges::all_of(wanted.name, [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_'; });
  if (!fits) throw Problem::invalid("bad_role_name", "A role's name has 1 to 60 letters, digits, hyphens and underscores.", "/name");
  for (const auto& permission : wanted.permissions) {
    const auto dot = permission.find('.');
    if (dot == std::string::npos || dot == 0 || dot + 1 == permission.size() || permission.size() > 80) throw Problem::invalid("bad_permission", "A permission is written as module.verb, such as catalog.write.", "/permissions");
    if (!call.actor.may(permission)) throw Problem::forbidden("cannot_grant", fmt::format("You cannot give {}, which you do not have.", permission));
  }
  node_.db.write(call, [&](Tx& tx) {
    // Nor is a right taken by somebody who could not give it back.
    for (const auto& before : store::list_roles(tx))
      for (const auto& permission : before.permissions.value)
        if (before.name == wanted.name && !call.actor.may(permission)) throw Problem::forbidden("cannot_grant", fmt::format("The role has {}, which you do not have.", permission));
    store::put_role(tx, wanted.name, wanted.permissions);
  });
}

void Users::remove_role(const Call& call, const std::string& name) {
  node_.db.write(call, [&](Tx& tx) {
    if (store::count_users_of_role(tx, name) > 0) throw Problem::conflict("role_in_use", "Staff have this role; take it from them first.");
    if (!store::delete_role(tx, name)) throw Problem::not_found("role", name);
  });
}

}  // namespace polyshop::auth
