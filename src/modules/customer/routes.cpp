#include "module.hpp"

namespace polyshop::customer {
namespace {

// A customer as staff see one.
struct CustomerWithAddresses {
  Customer customer;
  std::vector<StoredAddress> addresses;
  std::int64_t version = 0;
};
BOOST_DESCRIBE_STRUCT(CustomerWithAddresses, (), (customer, addresses, version))

}  // namespace

void add_routes(http::ModuleRoutes routes, Customers& customers) {
  using namespace http;
  const auto may_read = staff("customer.read");
  const auto may_write = staff("customer.write");
  const auto signed_in = http::customer();

  routes.post("/v1/store/customers", "Register: an account, a profile and a session", everyone(), [&](const Call& call, const Body<Register>& wanted) { return customers.register_customer(call, wanted); }, {Idempotency::none});
  routes.get("/v1/store/customers/me", "Read my profile", signed_in, [&](const Call& call) { return customers.own(call); });
  routes.patch("/v1/store/customers/me", "Change my profile", signed_in,
               [&](const Call& call, const MaybeMatch& match, const Body<ChangeProfile>& change) { return customers.change(call, customers.own(call), match.version, change); });
  routes.get("/v1/store/customers/me/addresses", "List my addresses", signed_in, [&](const Call& call) { return Listed<StoredAddress>{customers.addresses(call, customers.own(call).id), {}, {}, {}}; });
  routes.post("/v1/store/customers/me/addresses", "Add an address", signed_in, [&](const Call& call, const Body<Address>& address) {
    const auto made = customers.add_address(call, address);
    return Created<StoredAddress>{made, "/v1/store/customers/me/addresses/" + made.id.str()};
  });
  routes.get("/v1/store/customers/me/addresses/{id}", "Read an address", signed_in, [&](const Call& call, const Path<AddressId>& path) { return customers.address(call, path.get()); });
  routes.put("/v1/store/customers/me/addresses/{id}", "Replace an address", signed_in,
             [&](const Call& call, const Path<AddressId>& path, const MaybeMatch& match, const Body<Address>& address) { return customers.change_address(call, path.get(), match, address); });
  routes.remove("/v1/store/customers/me/addresses/{id}", "Remove an address", signed_in, [&](const Call& call, const Path<AddressId>& path) {
    customers.remove_address(call, path.get());
    return NoContent{};
  });

  routes.get("/v1/admin/customers", "List customers", may_read, [&](const Call& call, const Params<ListCustomers>& wanted) { return customers.list(call, wanted); });
  routes.get("/v1/admin/customers/{id}", "Read a customer with their addresses", may_read, [&](const Call& call, const Path<CustomerId>& path) {
    auto customer = customers.get(call, path.get());
    const auto version = customer.version;
    return CustomerWithAddresses{std::move(customer), customers.addresses(call, path.get()), version};
  });
  routes.patch("/v1/admin/customers/{id}", "Change a customer's profile", may_write,
               [&](const Call& call, const Path<CustomerId>& path, const Match& match, const Body<ChangeProfile>& change) { return customers.change(call, customers.get(call, path.get()), match.version, change); });
}

}  // namespace polyshop::customer
