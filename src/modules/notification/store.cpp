#include "store.hpp"

namespace polyshop::notification::store {
namespace {

// An optional filter keeps SQLite from an index, so that an order that is asked for stands once more, by itself.
constexpr auto listed = db::shared(R"(SELECT id, event, order_id, language, recipient, subject, body, state, failure, created_ms, sent_ms FROM mail_message
                                      WHERE id < :before AND (cast(:state as text) IS NULL OR state = :state) AND (cast(:order_id as text) IS NULL OR order_id = :order_id) )"_part);
constexpr auto newest_first = " ORDER BY id DESC LIMIT :limit"_part;

}  // namespace

bool insert_template(Tx& tx, const MailTemplate& one) {
  return tx.exec("INSERT INTO mail_template (event, language, subject, body, version, updated_ms) VALUES (:event, :language, :subject, :body, :version, :now) ON CONFLICT (event, language) DO NOTHING"_sql, one, tx.now()) == 1;
}

bool update_template(Tx& tx, const MailTemplate& one, std::int64_t version) {
  return tx.exec("UPDATE mail_template SET subject = :subject, body = :body, version = :version, updated_ms = :now WHERE event = :event AND language = :language AND version = :before"_sql, one, tx.now(), version) == 1;
}

std::optional<MailTemplate> find_template(Tx& tx, MailEvent event, const std::string& language) {
  return tx.find<MailTemplate>("SELECT event, language, subject, body, version FROM mail_template WHERE event = :event AND language = :language"_sql, event, language);
}

std::vector<MailTemplate> list_templates(Tx& tx) { return tx.list<MailTemplate>("SELECT event, language, subject, body, version FROM mail_template"_sql); }

bool insert_message(Tx& tx, const Message& message, const std::string& event_id) {
  return tx.exec(R"(INSERT INTO mail_message (id, event_id, event, order_id, language, recipient, subject, body, state, failure, created_ms, sent_ms)
                    VALUES (:id, :event_id, :event, :order_id, :language, :recipient, :subject, :body, :state, :failure, :created_ms, :sent_ms) ON CONFLICT (event_id) DO NOTHING)"_sql,
                 message, event_id) == 1;
}

void set_sent(Tx& tx, const MessageId& id) { tx.exec("UPDATE mail_message SET state = 'sent', sent_ms = :now WHERE id = :id AND state = 'queued'"_sql, tx.now(), id); }

void set_failed(Tx& tx, const MessageId& id, const std::string& failure) { tx.exec("UPDATE mail_message SET state = 'failed', failure = :failure WHERE id = :id AND state = 'queued'"_sql, failure, id); }

std::optional<Message> find_message(Tx& tx, const MessageId& id) {
  return tx.find<Message>("SELECT id, event, order_id, language, recipient, subject, body, state, failure, created_ms, sent_ms FROM mail_message WHERE id = :id"_sql, id);
}

std::vector<Message> list_messages(Tx& tx, const std::optional<MessageId>& before, const std::optional<MessageState>& state, const std::optional<std::string>& order_id, std::int64_t limit) {
  const auto list = [&](auto statement) { return tx.list<Message>(statement, before ? before->str() : after_all_ids, state, order_id, limit); };
  return order_id ? list(db::sql(listed + "AND order_id = :order_id"_part + newest_first)) : list(db::sql(listed + newest_first));
}

}  // namespace polyshop::notification::store
