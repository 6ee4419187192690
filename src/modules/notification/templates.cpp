#include "templates.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "store.hpp"

namespace polyshop::notification {
namespace {

struct BuiltIn {
  MailEvent event;
  std::string_view language;
  std::string_view subject;
  std::string_view body;
};

constexpr BuiltIn built_in[] = {
    {MailEvent::order_placed, "de", "Ihre Bestellung {{number}}",
     "Guten Tag {{name}},\n\nvielen Dank für Ihre Bestellung {{number}}.\n\n{{lines}}\n\nLieferung: {{delivery}}\nSteuern: {{tax}}\nGesamtbetrag: {{total}}\n\nWir sagen Ihnen gern mehr; antworten Sie einfach auf diese Nachricht.\n"},
    {MailEvent::order_placed, "en", "Your order {{number}}",
     "Dear {{name}},\n\nthank you for your order {{number}}.\n\n{{lines}}\n\nDelivery: {{delivery}}\nTaxes: {{tax}}\nTotal: {{total}}\n\nIf you have any questions, just reply to this message.\n"},
    {MailEvent::order_cancelled, "de", "Ihre Bestellung {{number}} ist storniert",
     "Guten Tag {{name}},\n\nIhre Bestellung {{number}} ist storniert. Erstattet werden {{refunded}}, auf dem Weg, auf dem Sie bezahlt haben.\n\nWenn Sie Fragen haben, antworten Sie einfach auf diese Nachricht.\n"},
    {MailEvent::order_cancelled, "en", "Your order {{number}} is cancelled",
     "Dear {{name}},\n\nyour order {{number}} is cancelled. {{refunded}} are refunded the way you paid.\n\nIf you have any questions, just reply to this message.\n"},
};

std::optional<MailTemplate> find_built_in(MailEvent event, std::string_view language) {
  for (const auto& one : built_in)
    if (one.event == event && one.language == language) return MailTemplate{event, std::string(one.language), std::string(one.subject), std::string(one.body), 0};
  return {};
}

std::optional<MailTemplate> find_template(Tx& tx, MailEvent event, const std::string& language) {
  if (auto stored = store::find_template(tx, event, language)) return stored;
  return find_built_in(event, language);
}

void check_language(const std::string& language) {
  if (language.size() != 2 || !std::ranges::all_of(language, [](char c) { return c >= 'a' && c <= 'z'; }))
    throw Problem::invalid("unknown_language", "Name a language by its two letters as of ISO 639-1, such as en.");
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// Calls on_text and on_name for the pieces of a template, in order; false where a placeholder does not end.
template <class OnText, class OnName>
bool walk(std::string_view text, OnText on_text, OnName on_name) {
  while (true) {
    const auto open = text.find("{{");
    on_text(text.substr(0, open));
    if (open == std::string_view::npos) return true;
    const auto close = text.find("}}", open);
    if (close == std::string_view::npos) return false;
    on_name(trimmed(text.substr(open + 2, close - open - 2)));
    text.remove_prefix(close + 2);
  }
}

}  // namespace

std::span<const std::string_view> placeholders_of(MailEvent event) {
  static constexpr std::string_view placed[] = {"delivery", "lines", "name", "number", "tax", "total"};
  static constexpr std::string_view cancelled[] = {"name", "number", "refunded"};
  return event == MailEvent::order_placed ? std::span<const std::string_view>(placed) : std::span<const std::string_view>(cancelled);
}

void check_placeholders(std::string_view text, MailEvent event, const std::string& pointer) {
  const auto known = placeholders_of(event);
  const auto names = fmt::format("{{{{{}}}}}", fmt::join(known, "}}, {{"));
  const auto ends = walk(text, [](std::string_view) {}, [&](std::string_view name) {
    if (std::ranges::find(known, name) == known.end()) throw Problem::invalid("unknown_placeholder", fmt::format("There is no placeholder of that name for this event. Known are: {}.", names), pointer);
  });
  if (!ends) throw Problem::invalid("malformed_placeholder", fmt::format("A placeholder is not closed by }}}}. Known are: {}.", names), pointer);
}

std::string render(std::string_view text, const Values& values) {
  std::string out;
  walk(text, [&](std::string_view piece) { out += piece; }, [&](std::string_view name) {
    if (const auto found = values.find(name); found != values.end()) out += found->second;
  });
  return out;
}

MailTemplate Templates::for_language(Tx& tx, MailEvent event, const std::string& language) {
  if (auto found = find_template(tx, event, language)) return std::move(*found);
  return find_template(tx, event, "en").value();
}

std::vector<MailTemplate> Templates::list(const Call& call) {
  std::map<std::pair<MailEvent, std::string>, MailTemplate> all;
  for (const auto& one : built_in) all[{one.event, std::string(one.language)}] = *find_built_in(one.event, one.language);
  for (auto& stored : node_.db.read(call, [](Tx& tx) { return store::list_templates(tx); })) all[{stored.event, stored.language}] = std::move(stored);
  std::vector<MailTemplate> templates;
  for (auto& [key, one] : all) templates.push_back(std::move(one));
  return templates;
}

MailTemplate Templates::get(const Call& call, MailEvent event, const std::string& language) {
  auto found = node_.db.read(call, [&](Tx& tx) { return find_template(tx, event, language); });
  if (!found) throw Problem::not_found("template");
  return std::move(*found);
}

MailTemplate Templates::replace(const Call& call, MailEvent event, const std::string& language, std::int64_t version, const ReplaceTemplate& wanted) {
  check_language(language);
  if (std::ranges::any_of(wanted.subject, [](unsigned char c) { return c < ' ' || c == 0x7f; })) throw Problem::invalid("control_character", "A subject is one line without control characters.", "/subject");
  check_placeholders(wanted.subject, event, "/subject");
  check_placeholders(wanted.body, event, "/body");
  const MailTemplate next{event, language, wanted.subject, wanted.body, version + 1};
  return node_.db.write(call, [&](Tx& tx) {
    if (!(version == 0 ? store::insert_template(tx, next) : store::update_template(tx, next, version)))
      throw Problem::precondition_failed("The template has changed since you read it; read it again and repeat your change.");
    return next;
  });
}

}  // namespace polyshop::notification
