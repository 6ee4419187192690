#include "module.hpp"

#include "payment/events.hpp"
#include "sandbox.hpp"

namespace polyshop::payment {
namespace {

Payments::Limits limits_of(Config& config) {
  Payments::Limits limits;
  limits.sessions_of_cart_max = config.integer("payment.sessions_of_cart_max", 50, 1, 1000, "How many payment sessions a cart may have.");
  limits.unclaimed_days = config.integer("payment.unclaimed_days", 30, 1, 365, "How long a payment session that no order used is kept.");
  return limits;
}

}  // namespace

Module::Module(Platform& platform, const cart::Facade& cart) : node_(platform, "payment"), payments_(node_, cart, limits_of(platform.config)) {
  node_.publishes<PaymentChanged>();

  const auto webhook_secret = platform.config.secret("payment.sandbox_webhook_secret", "What notices to /v1/hooks/sandbox are signed with; without it none is taken.");
  if (platform.config.boolean("payment.sandbox", true, "Whether shoppers may pay with the sandbox, which moves no money; switch it off in a shop that sells."))
    payments_.add_provider("sandbox", std::make_unique<Sandbox>(node_, webhook_secret));

  facade_.list_of_cart = [this](const Call& call, const OfCart& wanted) { return payments_.list_of_cart(call, wanted.cart_id); };
  facade_.get_payment = [this](const Call& call, const OfPayment& wanted) { return payments_.get(call, wanted.id); };
  facade_.authorize = [this](const Call& call, const AuthorizePayment& wanted) { return payments_.authorize(call, wanted); };
  facade_.capture = [this](const Call& call, const OfPayment& wanted) { return payments_.capture(call, wanted.id); };
  facade_.cancel = [this](const Call& call, const OfPayment& wanted) { return payments_.cancel(call, wanted.id); };
  facade_.refund = [this](const Call& call, const RefundPayment& wanted) -> Refund { return payments_.refund(call, wanted); };
  facade_.export_payments = [this](const Call& call, const ExportPayments& wanted) { return payments_.export_page(call, wanted); };
  facade_.audit = [this](const Call& call, const Nothing&) { return payments_.audit(call); };

  add_routes(node_.routes(), payments_);
}

// Calls to providers that are under way still need what goes before the node does.
Module::~Module() { node_.workers.stop(); }

}  // namespace polyshop::payment
