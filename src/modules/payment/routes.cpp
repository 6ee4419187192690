#include "module.hpp"

namespace polyshop::payment {

// A body that is refused where a card number stands anywhere in it, also in a field that is not known here: PolyShop takes
// what a provider's form made of a card, never the card.
template <class T>
struct WithoutCardNumbers : T {};

namespace {

void refuse_card_numbers(const json::Value& value) {
  const auto check = [](std::string_view text) {
    if (rules::holds_card_number(text)) throw Problem::invalid("card_number_refused", "Card numbers are not taken here in any field. Send the token that the provider's form gives for the card.");
  };
  if (const auto* object = value.if_object()) {
    for (const auto& entry : *object) {
      check(entry.key());
      refuse_card_numbers(entry.value());
    }
  } else if (const auto* array = value.if_array()) {
    for (const auto& element : *array) refuse_card_numbers(element);
  } else if (const auto* text = value.if_string()) {
    check(*text);
  } else if (value.is_number()) {
    check(json::from_value<json::Raw>(value, json::Mode::lenient).text);
  }
}

struct AskForRefund {
  Money amount;
  Text<1, 500> reason;
};
BOOST_DESCRIBE_STRUCT(AskForRefund, (), (amount, reason))

}  // namespace
}  // namespace polyshop::payment

namespace polyshop::json {

template <class T>
struct Codec<payment::WithoutCardNumbers<T>> {
  static void read(const Value& json, payment::WithoutCardNumbers<T>& value, Faults& faults) {
    payment::refuse_card_numbers(json);
    Codec<T>::read(json, value, faults);
  }
  static Object schema(Schemas& schemas) { return Codec<T>::schema(schemas); }
};

}  // namespace polyshop::json

namespace polyshop::payment {

void add_routes(http::ModuleRoutes routes, Payments& payments) {
  using namespace http;
  const auto may_read = staff("payment.read");
  const auto may_write = staff("payment.write");
  const auto cart_token = [](const Request& request) { return std::string(request.field("Cart-Token")); };

  routes.get("/v1/store/carts/{id}/payment-sessions", "List a cart's payment sessions, the latest first", everyone(), [&payments, cart_token](const Call& call, const Path<cart::CartId>& path, const Request& request) {
    return Listed<Payment>{payments.list_sessions(call, path.get(), cart_token(request)), {}, {}, {}};
  });
  routes.post(
      "/v1/store/carts/{id}/payment-sessions", "Open a payment session for a cart's total, with the token that the provider's form gave", everyone(),
      [&payments, cart_token](const Call& call, const Path<cart::CartId>& path, const Request& request, const Body<WithoutCardNumbers<OpenSession>>& wanted) {
        return Created<Payment>{payments.open_session(call, path.get(), cart_token(request), wanted), "/v1/store/carts/" + path.get().str() + "/payment-sessions"};
      },
      {.idempotency = Idempotency::required, .stage = Stage::goes_on});

  routes.post(
      "/v1/hooks/{provider}", "Take a notice of a payment provider", everyone(),
      [&payments](const Call& call, const Path<std::string>& path, const Request& request) {
        payments.take_notice(call, path.get(), request);
        return NoContent{};
      },
      {Idempotency::none, 64 * 1024});

  routes.get("/v1/admin/payments", "List payments, the latest first", may_read, [&](const Call& call, const Params<ListPayments>& wanted) { return payments.list(call, wanted); });
  routes.get("/v1/admin/payments/{id}", "Read a payment with its refunds and postings", may_read, [&](const Call& call, const Path<PaymentId>& path) { return payments.detail(call, path.get()); });
  routes.get("/v1/admin/payments/{id}/refunds", "List a payment's refunds", may_read, [&](const Call& call, const Path<PaymentId>& path) {
    return Listed<AdminRefund>{payments.list_refunds(call, path.get()), {}, {}, {}};
  });
  routes.post(
      "/v1/admin/payments/{id}/refunds", "Refund a captured payment, wholly or in part", may_write,
      [&](const Call& call, const Path<PaymentId>& path, const Body<WithoutCardNumbers<AskForRefund>>& wanted) {
        if (payments.get(call, path.get()).amount.currency != wanted.amount.currency) throw Problem::invalid("currency_mismatch", "Refund in the currency of the payment.", "/amount/currency");
        return Created<AdminRefund>{payments.refund(call, {path.get(), wanted.amount.amount, wanted.reason}), "/v1/admin/payments/" + path.get().str() + "/refunds"};
      },
      {Idempotency::required});
}

}  // namespace polyshop::payment
