#include "customers.hpp"

#include <fmt/format.h>

namespace polyshop::customer {
namespace {

auth::UserId user_of(const Call& call) {
  const auto id = auth::UserId::parse(call.actor.id);
  if (!id || call.actor.kind != Actor::Kind::customer) throw Problem::unauthenticated("authentication_required", "Send the bearer token of a customer's session.");
  return *id;
}

void check(const Address& address) {
  if (!is_country(address.country)) throw Problem::invalid("unknown_country", "Send the country as two capitals of ISO 3166-1, such as DE.", "/country");
}

// An import is read leniently; what is kept must be readable strictly again.
void check_limits(const Address& address) {
  try {
    json::from_text<Address>(json::to_text(address), json::Mode::strict);
  } catch (const Problem& problem) {
    throw Problem::invalid("bad_address", "The address is not complete or too long: " + problem.detail);
  }
}

Customer profile_of(const auth::User& user, Timestamp now) { return {CustomerId::same_as(user.id), user.id, user.email, "", "", "", 1, now}; }

}  // namespace

http::Outcome Customers::register_customer(const Call& call, const Register& wanted) {
  if (!is_email(wanted.email)) throw Problem::invalid("malformed_email", "Send an e-mail address such as ann@example.com.", "/email");
  check_password(wanted.password, wanted.email);
  const auto hash = std::make_shared<std::string>();
  http::Deferred deferred;
  deferred.start = [this, hash, password = std::string(wanted.password)](std::move_only_function<void()> resume) {
    if (!hasher_.hash(password, [hash, resume = std::move(resume)](std::string made) mutable {
          *hash = std::move(made);
          resume();
        }))
      throw Problem::unavailable("overloaded", "Too many people are signing in at the moment. Try again.", 2);
  };
  deferred.finish = [this, call, wanted, hash]() -> http::Outcome {
    if (hash->empty()) throw Problem::unavailable("overloaded", "Too many people are signing in at the moment. Try again.", 2);
    const auto user = auth_.create_user(call, {{}, auth::UserKind::customer, wanted.email, *hash, {}});
    // Should the process end here, the profile follows from the event of the new user.
    auto profile = profile_of(user, call.now);
    profile.first_name = wanted.first_name.value_or(Name());
    profile.last_name = wanted.last_name.value_or(Name());
    profile.phone = wanted.phone.value_or(Phone());
    auto customer = node_.db.write(call, [&](Tx& tx) { return store::upsert_customer(tx, profile); });
    auto outcome = http::detail::outcome_of(http::Created<Registered>{{std::move(customer), auth_.open_session(call, {user.id})}, "/v1/store/customers/me"});
    std::get<http::Response>(outcome).fields.emplace_back("Cache-Control", "no-store");
    return outcome;
  };
  return deferred;
}

Customer Customers::get_of_user(const Call& call, const auth::UserId& user) {
  auto customer = node_.db.read(call, [&](Tx& tx) { return store::find_by_user(tx, user); });
  if (!customer) throw Problem::not_found("customer");
  return std::move(*customer);
}

Customer Customers::own(const Call& call) { return get_of_user(call, user_of(call)); }

Customer Customers::get(const Call& call, const CustomerId& id) {
  auto customer = node_.db.read(call, [&](Tx& tx) { return store::find_customer(tx, id); });
  if (!customer) throw Problem::not_found("customer", id.view());
  return std::move(*customer);
}

Customer Customers::change(const Call& call, const Customer& before, const std::optional<std::int64_t>& version, const ChangeProfile& change) {
  return node_.db.write(call, [&](Tx& tx) {
    auto customer = store::find_customer(tx, before.id);
    if (!customer) throw Problem::not_found("customer", before.id.view());
    http::MaybeMatch{version}.check(customer->version);
    // null empties a part of the profile.
    if (change.first_name.present) customer->first_name = change.first_name.value.value_or(Name());
    if (change.last_name.present) customer->last_name = change.last_name.value.value_or(Name());
    if (change.phone.present) customer->phone = change.phone.value.value_or(Phone());
    if (!store::update_customer(tx, *customer)) throw Problem::precondition_failed("The profile has changed since you read it; read it again and repeat your change.");
    ++customer->version;
    return *customer;
  });
}

http::Listed<Customer> Customers::list(const Call& call, const ListCustomers& wanted) {
  const auto after = http::cursor_as<CustomerId>(wanted.cursor);
  const auto limit = wanted.limit ? static_cast<std::int64_t>(*wanted.limit) : 25;
  std::optional<std::string> query;
  if (wanted.q) {
    query = *wanted.q + '%';
    for (auto& c : *query) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  }
  http::Listed<Customer> page;
  page.data = node_.db.read(call, [&](Tx& tx) { return store::list_customers(tx, after, query, limit + 1); });
  if (static_cast<std::int64_t>(page.data.size()) > limit) {
    page.data.pop_back();
    page.next_cursor = http::cursor_of(page.data.back().id);
  }
  return page;
}

std::vector<StoredAddress> Customers::addresses(const Call& call, const CustomerId& customer) {
  return node_.db.read(call, [&](Tx& tx) { return store::list_addresses(tx, customer); });
}

StoredAddress Customers::address(const Call& call, const AddressId& id) {
  const auto customer = own(call).id;
  auto found = node_.db.read(call, [&](Tx& tx) { return store::find_address(tx, customer, id); });
  if (!found) throw Problem::not_found("address", id.view());
  return std::move(*found);
}

StoredAddress Customers::add_address(const Call& call, const Address& address) {
  check(address);
  const auto customer = own(call).id;
  const StoredAddress made{AddressId::make(call.now), address, 1};
  return node_.db.write(call, [&](Tx& tx) {
    constexpr std::size_t addresses_max = 100;
    if (store::list_addresses(tx, customer).size() >= addresses_max) throw Problem::conflict("too_many_addresses", fmt::format("A customer has at most {} addresses; remove one first.", addresses_max));
    store::insert_address(tx, customer, made);
    return made;
  });
}

StoredAddress Customers::change_address(const Call& call, const AddressId& id, const http::MaybeMatch& match, const Address& address) {
  check(address);
  const auto customer = own(call).id;
  return node_.db.write(call, [&](Tx& tx) {
    auto stored = store::find_address(tx, customer, id);
    if (!stored) throw Problem::not_found("address", id.view());
    match.check(stored->version);
    stored->address = address;
    if (!store::update_address(tx, customer, *stored)) throw Problem::precondition_failed("The address has changed since you read it; read it again and repeat your change.");
    ++stored->version;
    return *stored;
  });
}

void Customers::remove_address(const Call& call, const AddressId& id) {
  const auto customer = own(call).id;
  if (!node_.db.write(call, [&](Tx& tx) { return store::delete_address(tx, customer, id); })) throw Problem::not_found("address", id.view());
}

ImportResult Customers::import(const Call& call, const ImportCustomers& rows) {
  if (rows.rows.size() > 1000) throw Problem::invalid("too_many", "Import at most 1,000 rows at once.", "/rows");
  ImportResult result;
  const auto plain = call.unkeyed();
  for (const auto& row : rows.rows) {
    try {
      if (!is_email(row.email)) throw Problem::invalid("bad_email", fmt::format("This is no e-mail address: {}.", row.email.empty() ? "(empty)" : "it needs a part, one @ and a domain"));
      if (code_points(row.first_name.value_or("")) > 100 || code_points(row.last_name.value_or("")) > 100) throw Problem::invalid("bad_name", "A name has at most 100 characters.");
      if (code_points(row.phone.value_or("")) > 40) throw Problem::invalid("bad_phone", "A telephone number has at most 40 characters.");
      if (row.address) {
        check(*row.address);
        check_limits(*row.address);
      }
      auto users = auth_.find_user(plain, {auth::UserKind::customer, row.email});
      const bool is_new = users.empty();
      if (rows.dry_run && is_new) {
        ++result.created;
        continue;
      }
      // Without a password: nobody can sign in until one is set.
      if (is_new) users.push_back(auth_.create_user(plain, {{}, auth::UserKind::customer, row.email, "", {}}));
      auto profile = profile_of(users.front(), call.now);
      profile.first_name = row.first_name.value_or("");
      profile.last_name = row.last_name.value_or("");
      profile.phone = row.phone.value_or("");
      const bool changed = node_.db.write(plain, [&](Tx& tx) {
        const auto before = store::find_by_user(tx, profile.user_id);
        bool any = false;
        const auto differs = [](const std::string& now, const std::string& was) { return !now.empty() && now != was; };
        if (!before || differs(profile.first_name, before->first_name) || differs(profile.last_name, before->last_name) || differs(profile.phone, before->phone)) {
          if (!rows.dry_run) store::upsert_customer(tx, profile);
          any = true;
        }
        const auto id = before ? before->id : profile.id;
        const auto present = store::list_addresses(tx, id);
        if (row.address && std::ranges::find(present, *row.address, &StoredAddress::address) == present.end()) {
          if (!rows.dry_run) store::insert_address(tx, id, {AddressId::make(tx.now()), *row.address, 1});
          any = true;
        }
        return any;
      });
      ++(is_new ? result.created : changed ? result.changed : result.unchanged);
    } catch (const Problem& problem) {
      if (problem.status >= 500) throw;
      result.faults.push_back({row.line, problem.code, problem.detail});
    }
  }
  return result;
}

}  // namespace polyshop::customer
