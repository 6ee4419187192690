#pragma once

#include "delivery.hpp"
#include "order/events.hpp"
#include "templates.hpp"

namespace polyshop::notification {

using MessageId = Id<"msg">;

enum class MessageState { queued, sent, failed };
BOOST_DESCRIBE_ENUM(MessageState, queued, sent, failed)

// An entry of the message log: a mail as it was written, and what became of it.
struct Message {
  MessageId id;
  MailEvent event = MailEvent::order_placed;
  std::string order_id;
  std::string language;
  std::string recipient;
  std::string subject;
  std::string body;
  MessageState state = MessageState::queued;
  std::string failure;
  Timestamp created_ms = 0;
  std::optional<Timestamp> sent_ms;
};
BOOST_DESCRIBE_STRUCT(Message, (), (id, event, order_id, language, recipient, subject, body, state, failure, created_ms, sent_ms))

struct ListMessages {
  std::optional<Range<1, 100>> limit;
  std::optional<std::string> cursor;
  std::optional<MessageState> filter_state;
  std::optional<Text<1, 100>> filter_order_id;
};
BOOST_DESCRIBE_STRUCT(ListMessages, (), (limit, cursor, filter_state, filter_order_id))

// Mails to shoppers: written and logged in the transaction that takes the event, delivered after it.
class Messages {
 public:
  Messages(bus::Node& node, Delivery delivery);

  void order_placed(Tx& tx, const bus::Event& event, const order::Order& order);
  void order_cancelled(Tx& tx, const bus::Event& event, const order::OrderCancelled& cancelled, const order::Order& order);

  Message get(const Call& call, const MessageId& id);
  http::Listed<Message> list(const Call& call, const ListMessages& wanted);

 private:
  void queue(Tx& tx, const bus::Event& event, MailEvent kind, const order::Order& order, const Values& values);
  bus::EffectResult send(const Call& call, const MessageId& id);
  std::vector<bus::EffectResult> put_into_folder(const Call& call, std::span<const bus::Effects::Row> rows);
  bus::Node& node_;
  const Delivery delivery_;
};

// "19.99 EUR", with the decimal sign of the language.
std::string money_text(std::int64_t amount, Currency currency, std::string_view language);
std::string lines_text(const order::Order& order);

}  // namespace polyshop::notification
