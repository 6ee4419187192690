#include "messages.hpp"

#include <fmt/format.h>

#include "store.hpp"

namespace polyshop::notification {
namespace {

constexpr std::string_view kind = "notification.deliver";
constexpr std::int64_t attempts_max = 100;  // with the usual backoff about a day, as mail servers try

mail::Message mail_of(const Message& message, const Delivery& delivery) { return {message.id.str(), delivery.from(), message.recipient, message.subject, message.body, message.created_ms}; }

}  // namespace

std::string money_text(std::int64_t amount, Currency currency, std::string_view language) {
  constexpr std::string_view with_comma = "bg cs da de el es et fi fr hr hu it lt lv nb nl nn no pl pt ro ru sk sl sr sv tr uk";
  auto text = format_amount(amount, currency);
  if (language.size() == 2 && with_comma.find(language) != std::string_view::npos) std::ranges::replace(text, '.', ',');
  return fmt::format("{} {}", text, currency.code());
}

std::string lines_text(const order::Order& order) {
  std::string text;
  for (const auto& line : order.lines) {
    if (!text.empty()) text += '\n';
    text += fmt::format("{} x {}", line.quantity, line.name);
    for (const auto& [option, value] : line.option_values) text += fmt::format(", {}: {}", option, value);
    text += "  " + money_text(line.amount.total, order.currency, order.language);
  }
  return text;
}

Messages::Messages(bus::Node& node, Delivery delivery) : node_(node), delivery_(std::move(delivery)) {
  bus::Effects::Handler handler;
  if (delivery_.is_to_folder())
    handler.perform_together = [this](const Call& call, std::span<const bus::Effects::Row> rows) { return put_into_folder(call, rows); };
  else
    handler.perform = [this](const Call& call, const std::string& id, const std::string&, bus::Effects::Done done) { done(send(call, *MessageId::parse(id))); };
  handler.record = [](Tx& tx, const std::string& id, const std::string&, const bus::EffectResult& result) {
    if (result.kind == bus::EffectResult::Kind::done)
      store::set_sent(tx, *MessageId::parse(id));
    else
      store::set_failed(tx, *MessageId::parse(id), result.text);
  };
  handler.attempts_max = attempts_max;
  handler.blocks = true;
  node_.effects.handle(std::string(kind), std::move(handler));
}

void Messages::order_placed(Tx& tx, const bus::Event& event, const order::Order& order) {
  const auto money = [&](std::int64_t amount) { return money_text(amount, order.currency, order.language); };
  queue(tx, event, MailEvent::order_placed, order,
        {{"name", order.billing_address.name},
         {"number", order.number},
         {"lines", lines_text(order)},
         {"delivery", order.delivery ? fmt::format("{}, {}", order.delivery->name, money(order.delivery->amount.total)) : "-"},
         {"tax", money(order.totals.tax)},
         {"total", money(order.totals.total)}});
}

void Messages::order_cancelled(Tx& tx, const bus::Event& event, const order::OrderCancelled& cancelled, const order::Order& order) {
  queue(tx, event, MailEvent::order_cancelled, order,
        {{"name", order.billing_address.name}, {"number", cancelled.number}, {"refunded", money_text(cancelled.refunded.amount, cancelled.refunded.currency, order.language)}});
}

void Messages::queue(Tx& tx, const bus::Event& event, MailEvent mail, const order::Order& order, const Values& values) {
  const auto text = Templates::for_language(tx, mail, order.language);
  Message message;
  message.id = MessageId::make(tx.now());
  message.event = mail;
  message.order_id = order.id.str();
  message.language = text.language;
  message.recipient = order.email;
  message.subject = render(text.subject, values);
  for (auto& c : message.subject)
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = ' ';
  message.body = render(text.body, values);
  message.created_ms = tx.now();
  const bool is_address = mail::is_address(order.email);
  if (!is_address) {
    message.state = MessageState::failed;
    message.failure = "the recipient is no address that mail servers take";
  }
  if (store::insert_message(tx, message, event.id) && is_address) node_.effects.enqueue(tx, std::string(kind), message.id.str(), "");
}

bus::EffectResult Messages::send(const Call& call, const MessageId& id) {
  const auto message = node_.db.read(call, [&](Tx& tx) { return store::find_message(tx, id); });
  if (!message || message->state != MessageState::queued) return {};
  return delivery_.send(mail_of(*message, delivery_));
}

std::vector<bus::EffectResult> Messages::put_into_folder(const Call& call, std::span<const bus::Effects::Row> rows) {
  std::vector<mail::Message> mails;
  std::vector<std::size_t> row_of_mail;
  node_.db.read(call, [&](Tx& tx) {
    mails.clear();
    row_of_mail.clear();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto message = store::find_message(tx, *MessageId::parse(rows[i].id));
      if (!message || message->state != MessageState::queued) continue;
      mails.push_back(mail_of(*message, delivery_));
      row_of_mail.push_back(i);
    }
  });
  std::vector<bus::EffectResult> results(rows.size());
  auto put = delivery_.put_into_folder(mails);
  for (std::size_t i = 0; i < put.size(); ++i) results[row_of_mail[i]] = std::move(put[i]);
  return results;
}

Message Messages::get(const Call& call, const MessageId& id) {
  auto message = node_.db.read(call, [&](Tx& tx) { return store::find_message(tx, id); });
  if (!message) throw Problem::not_found("message", id.view());
  return std::move(*message);
}

http::Listed<Message> Messages::list(const Call& call, const ListMessages& wanted) {
  const auto before = http::cursor_as<MessageId>(wanted.cursor);
  const auto limit = wanted.limit ? static_cast<std::int64_t>(*wanted.limit) : 25;
  const auto order_id = wanted.filter_order_id ? std::optional<std::string>(*wanted.filter_order_id) : std::nullopt;
  http::Listed<Message> page;
  page.data = node_.db.read(call, [&](Tx& tx) { return store::list_messages(tx, before, wanted.filter_state, order_id, limit + 1); });
  if (static_cast<std::int64_t>(page.data.size()) > limit) {
    page.data.pop_back();
    page.next_cursor = http::cursor_of(page.data.back().id);
  }
  return page;
}

}  // namespace polyshop::notification
