#include "module.hpp"

#include "auth/events.hpp"

namespace polyshop::auth {
namespace {

Sessions::Settings settings_of(Config& config) {
  constexpr std::int64_t day = 24 * 3600, year = 365 * day;
  Sessions::Settings settings{};
  // A use is written once a minute at most, so a shorter idle time would end sessions that are in use.
  settings.customer.idle_ms = 1000 * config.integer("auth.customer_idle_s", 30 * day, 300, year, "After how long without a request a customer's session ends.");
  settings.customer.absolute_ms = 1000 * config.integer("auth.customer_session_s", 90 * day, 60, year, "After how long a customer's session ends in any case.");
  settings.staff.idle_ms = 1000 * config.integer("auth.staff_idle_s", 3600, 300, year, "After how long without a request a staff session ends.");
  settings.staff.absolute_ms = 1000 * config.integer("auth.staff_session_s", 12 * 3600, 60, year, "After how long a staff session ends in any case.");
  settings.attempts_per_minute = config.integer("auth.attempts_per_minute", 30, 1, 100'000, "How often a client, and how often anybody for one account, may try a password in a minute.");
  return settings;
}

}  // namespace

Module::Module(Platform& platform) : node_(platform, "auth"), users_(node_), sessions_(node_, users_, platform.hasher, settings_of(platform.config)) {
  node_.publishes<UserRegistered>();

  facade_.create_user = [this](const Call& call, const CreateUser& wanted) { return users_.create(call, wanted); };
  facade_.find_user = [this](const Call& call, const FindUser& wanted) {
    const auto found = users_.find(call, wanted.kind, normal_email(wanted.email));
    return found ? std::vector{found->user()} : std::vector<User>{};
  };
  facade_.open_session = [this](const Call& call, const OpenSession& wanted) { return sessions_.open(call, wanted.user_id); };
  facade_.authenticate = [this](const Call& call, const Authenticate& wanted) { return sessions_.authenticate(call, wanted.token); };
  facade_.get_user = [this](const Call& call, const GetUser& wanted) { return users_.get(call, wanted.id); };
  facade_.define_role = [this](const Call& call, const DefineRole& wanted) { users_.define_role(call, wanted); };

  node_.every("forget old sessions", 3600'000, [this](const Call& call) { sessions_.forget_old(call); });

  add_routes(node_.routes(), users_, sessions_);
}

}  // namespace polyshop::auth
