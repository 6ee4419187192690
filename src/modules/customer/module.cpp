#include "module.hpp"

#include "auth/events.hpp"

namespace polyshop::customer {

Module::Module(Platform& platform, bus::Node& users, const auth::Facade& auth)
    : node_(platform, "customer"), auth_(node_.use(auth, "auth")), customers_(node_, auth_, platform.hasher) {
  facade_.get_customer = [this](const Call& call, const GetCustomer& wanted) { return customers_.get_of_user(call, wanted.user_id); };
  facade_.import_customers = [this](const Call& call, const ImportCustomers& rows) { return customers_.import(call, rows); };

  // A registration that died between the account and the profile is finished here.
  node_.subscribe(users).on<auth::UserRegistered, auth::User>(
      [this](const Call& call, const auth::UserRegistered& registered) { return auth_.get_user(call, {registered.id}); },
      [](Tx& tx, const bus::Event&, const auth::UserRegistered& registered, const auth::User& user) {
        if (registered.kind != auth::UserKind::customer || store::find_by_user(tx, registered.id)) return;
        store::upsert_customer(tx, {CustomerId::same_as(user.id), user.id, user.email, "", "", "", 1, tx.now()});
      });

  add_routes(node_.routes(), customers_);
}

}  // namespace polyshop::customer
