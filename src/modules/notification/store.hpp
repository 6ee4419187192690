#pragma once

#include "kernel/db/database.hpp"
#include "messages.hpp"

// Every SQL statement of notification, one function each.
namespace polyshop::notification::store {

bool insert_template(Tx& tx, const MailTemplate& one);                        // false where there is one
bool update_template(Tx& tx, const MailTemplate& one, std::int64_t version);  // where the stored version is that
std::optional<MailTemplate> find_template(Tx& tx, MailEvent event, const std::string& language);
std::vector<MailTemplate> list_templates(Tx& tx);

bool insert_message(Tx& tx, const Message& message, const std::string& event_id);  // false where the event has its message
void set_sent(Tx& tx, const MessageId& id);
void set_failed(Tx& tx, const MessageId& id, const std::string& failure);
std::optional<Message> find_message(Tx& tx, const MessageId& id);
std::vector<Message> list_messages(Tx& tx, const std::optional<MessageId>& before, const std::optional<MessageState>& state, const std::optional<std::string>& order_id, std::int64_t limit);  // the latest first

}  // namespace polyshop::notification::store
