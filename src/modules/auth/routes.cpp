#include "module.hpp"

namespace polyshop::auth {
namespace {

struct ListUsers {
  std::optional<Range<1, 100>> limit;
  std::optional<std::string> cursor;
};
BOOST_DESCRIBE_STRUCT(ListUsers, (), (limit, cursor))

struct RolePermissions {
  std::vector<std::string> permissions;
};
BOOST_DESCRIBE_STRUCT(RolePermissions, (), (permissions))

void check_signed_in(const Call& call) {
  if (call.actor.kind == Actor::Kind::anonymous) throw Problem::unauthenticated("authentication_required", "Send the bearer token of a session.");
}

}  // namespace

void add_routes(http::ModuleRoutes routes, Users& users, Sessions& sessions) {
  using namespace http;
  const auto may_read = staff("auth.read");
  const auto may_write = staff("auth.write");
  const Options secret{Idempotency::none};

  routes.post("/v1/auth/sessions", "Sign in", everyone(), [&](const Call& call, const Request& request, const Body<SignIn>& wanted) { return sessions.sign_in(call, request.client, wanted); }, secret);
  routes.get("/v1/auth/sessions", "List my sessions", everyone(), [&](const Call& call, const Request& request) {
    check_signed_in(call);
    return Listed<Session>{sessions.list(call, token_of(request)), {}, {}, {}};
  });
  routes.remove("/v1/auth/sessions/current", "Sign out", everyone(), [&](const Call& call, const Request& request) {
    check_signed_in(call);
    sessions.end_current(call, token_of(request));
    return NoContent{};
  });
  routes.remove("/v1/auth/sessions/{id}", "End one of my sessions", everyone(), [&](const Call& call, const Path<SessionId>& path) {
    check_signed_in(call);
    sessions.end(call, path.get());
    return NoContent{};
  });
  routes.post("/v1/auth/password-changes", "Change my password; ends my other sessions", everyone(),
              [&](const Call& call, const Request& request, const Body<ChangePassword>& wanted) {
                check_signed_in(call);
                return sessions.change_password(call, token_of(request), wanted);
              },
              secret);

  routes.get("/v1/admin/users", "List the staff", may_read, [&](const Call& call, const Params<ListUsers>& wanted) {
    return users.list_staff(call, cursor_as<UserId>(wanted.cursor), wanted.limit ? static_cast<std::int64_t>(*wanted.limit) : 25);
  });
  routes.post("/v1/admin/users", "Create a member of staff", may_write, [&](const Call& call, const Body<NewStaff>& wanted) { return sessions.create_staff(call, wanted); }, secret);
  routes.get("/v1/admin/users/{id}", "Read a member of staff", may_read, [&](const Call& call, const Path<UserId>& path) { return users.get_staff(call, path.get()); });
  routes.patch("/v1/admin/users/{id}", "Change roles, or disable a member of staff", may_write,
               [&](const Call& call, const Path<UserId>& path, const Match& match, const Body<ChangeStaff>& change) { return users.change_staff(call, path.get(), match.version, change); });

  routes.get("/v1/admin/roles", "List the roles", may_read, [&](const Call& call) { return Listed<Role>{users.roles(call), {}, {}, {}}; });
  routes.put("/v1/admin/roles/{name}", "Define a role", may_write, [&](const Call& call, const Path<std::string>& path, const Body<RolePermissions>& wanted) {
    users.define_role(call, {path.get(), wanted.permissions});
    return Role{path.get(), wanted.permissions};
  });
  routes.remove("/v1/admin/roles/{name}", "Remove a role nobody has", may_write, [&](const Call& call, const Path<std::string>& path) {
    users.remove_role(call, path.get());
    return NoContent{};
  });
}

}  // namespace polyshop::auth
