#include "attack/listener.hpp"

#include <set>

#include <fmt/format.h>

#include "kernel/json/codec.hpp"
#include "kernel/security/token.hpp"

namespace polyshop::attack {

struct Endpoint {
  std::string secret;
};
BOOST_DESCRIBE_STRUCT(Endpoint, (), (secret))

struct Told {
  std::string type;
  std::string subject;
};
BOOST_DESCRIBE_STRUCT(Told, (), (type, subject))

Listener::Listener()
    : receiver_([this](const live::Receiver::Message& message) {
        if (++count_ % 7 == 0) return 503;
        const std::lock_guard lock(mutex_);
        taken_.push_back(message);
        return 204;
      }) {}

void Listener::listen_to(Target& target) {
  const auto made = target.staff().send(http::Method::post, "/v1/admin/webhook-endpoints", fmt::format(R"({{"url":"http://127.0.0.1:{}/","events":["order.*"]}})", receiver_.port()));
  secret_ = json::from_text<Endpoint>(made.body, json::Mode::lenient).secret;
}

void Listener::check(const Ledger& ledger, live::Report& report) const {
  const auto key = from_base64(std::string_view(secret_).substr(secret_.find('_') + 1));
  std::map<std::string, std::set<std::string>> events;  // that say that it was placed, by order
  std::map<std::string, std::string> bodies;            // by event
  const std::lock_guard lock(mutex_);
  for (const auto& message : taken_) {
    const auto& id = message.fields.at("webhook-id");
    if (message.fields.at("webhook-signature") != "v1," + to_base64(hmac_sha256(*key, fmt::format("{}.{}.{}", id, message.fields.at("webhook-timestamp"), message.body)))) report.mismatch(fmt::format("the webhook {} is not signed by its endpoint's secret", id));
    if (bodies.emplace(id, message.body).first->second != message.body) report.mismatch(fmt::format("the webhook {} has come with two bodies", id));
    const auto told = json::from_text<Told>(message.body, json::Mode::lenient);
    if (told.type == "order.order_placed.v1") events[told.subject].insert(id);
  }
  for (const auto& attempt : ledger.attempts()) {
    if (!attempt.is_placed()) continue;
    const auto found = events.find(attempt.order);
    if (found == events.end() || found->second.size() != 1) report.mismatch(fmt::format("that order {} was placed was told by {} events", attempt.order, found == events.end() ? 0 : found->second.size()));
  }
}

}  // namespace polyshop::attack
