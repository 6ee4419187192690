#include "module.hpp"

namespace polyshop::cart {
namespace {

using namespace http;

CartKey key_of(const Request& request, const CartId& id, const MaybeMatch& match = {}) { return {id, std::string(request.field("Cart-Token")), match.version}; }

}  // namespace

void add_routes(ModuleRoutes routes, Carts& carts) {
  // The answer of a guest's cart carries its token, which is kept nowhere: so it takes no idempotency key.
  routes.post("/v1/store/carts", "Create a cart; a guest's is opened with the Cart-Token that comes with it", everyone(),
              [&](const Call& call, const Body<CreateCart>& wanted) {
                auto made = carts.create(call, wanted);
                auto outcome = detail::outcome_of(Created<Cart>{std::move(made.cart), "/v1/store/carts/" + made.cart.id.str()});
                auto& response = std::get<Response>(outcome);
                if (!made.token.empty()) response.fields.emplace_back("Cart-Token", made.token);
                return outcome;
              },
              {.idempotency = Idempotency::none, .stage = Stage::begins});
  routes.get("/v1/store/carts/{id}", "Read a cart, priced as of now", everyone(),
             [&](const Call& call, const Request& request, const Path<CartId>& path) { return carts.get(call, key_of(request, path.get())); });
  routes.patch("/v1/store/carts/{id}", "Set e-mail address, addresses, currency or language", everyone(),
               [&](const Call& call, const Request& request, const Path<CartId>& path, const MaybeMatch& match, const Body<ChangeCart>& change) { return carts.change(call, key_of(request, path.get(), match), change); });
  routes.post("/v1/store/carts/{id}/lines", "Add one line or several", everyone(),
              [&](const Call& call, const Request& request, const Path<CartId>& path, const MaybeMatch& match, const Body<AddLines>& wanted) { return carts.add_lines(call, key_of(request, path.get(), match), wanted); },
              {.stage = Stage::goes_on});
  routes.patch("/v1/store/carts/{id}/lines/{line_id}", "Change a line's quantity; 0 removes it", everyone(),
               [&](const Call& call, const Request& request, const Path<CartId, LineId>& path, const MaybeMatch& match, const Body<ChangeLine>& change) {
                 return carts.change_line(call, key_of(request, path.get<0>(), match), path.get<1>(), change.quantity);
               });
  routes.remove("/v1/store/carts/{id}/lines/{line_id}", "Remove a line", everyone(), [&](const Call& call, const Request& request, const Path<CartId, LineId>& path, const MaybeMatch& match) {
    return carts.change_line(call, key_of(request, path.get<0>(), match), path.get<1>(), 0);
  });
  routes.get("/v1/store/carts/{id}/delivery-options", "List the ways of delivery with their prices", everyone(), [&](const Call& call, const Request& request, const Path<CartId>& path) {
    return Listed<shipping::DeliveryOption>{carts.delivery_options(call, key_of(request, path.get())), {}, {}, {}};
  });
  routes.put("/v1/store/carts/{id}/delivery", "Choose a way of delivery", everyone(),
             [&](const Call& call, const Request& request, const Path<CartId>& path, const MaybeMatch& match, const Body<ChooseDelivery>& chosen) { return carts.choose_delivery(call, key_of(request, path.get(), match), chosen.method_id); });
  routes.post("/v1/store/carts/{id}/claims", "Take over a guest's cart after signing in", http::customer(),
              [&](const Call& call, const Request& request, const Path<CartId>& path) { return carts.claim(call, key_of(request, path.get())); });
}

}  // namespace polyshop::cart
