#pragma once

#include "bus/node.hpp"

namespace polyshop::notification {

enum class MailEvent { order_placed, order_cancelled };
BOOST_DESCRIBE_ENUM(MailEvent, order_placed, order_cancelled)

// The text of one event's mails in one language, with placeholders such as {{number}}.
struct MailTemplate {
  MailEvent event = MailEvent::order_placed;
  std::string language;
  std::string subject;
  std::string body;
  std::int64_t version = 0;  // 0: the built-in text, which nobody has replaced
};
BOOST_DESCRIBE_STRUCT(MailTemplate, (), (event, language, subject, body, version))

struct ReplaceTemplate {
  Text<1, 200> subject;
  Text<1, 20'000> body;
};
BOOST_DESCRIBE_STRUCT(ReplaceTemplate, (), (subject, body))

using Values = std::map<std::string, std::string, std::less<>>;

class Templates {
 public:
  explicit Templates(bus::Node& node) : node_(node) {}

  std::vector<MailTemplate> list(const Call& call);  // built-in ones and those of staff, by event and language
  MailTemplate get(const Call& call, MailEvent event, const std::string& language);
  MailTemplate replace(const Call& call, MailEvent event, const std::string& language, std::int64_t version, const ReplaceTemplate& wanted);

  // What a mail in that language is written from: the language's template, else the English one.
  static MailTemplate for_language(Tx& tx, MailEvent event, const std::string& language);

 private:
  bus::Node& node_;
};

std::span<const std::string_view> placeholders_of(MailEvent event);
// Throws Problem 422 where a text has a placeholder that the event does not have, or one that does not end.
void check_placeholders(std::string_view text, MailEvent event, const std::string& pointer);
// Values are inserted as they are: what looks like a placeholder in one stays text.
std::string render(std::string_view text, const Values& values);

}  // namespace polyshop::notification
