#include "module.hpp"

namespace polyshop::notification {
namespace {

MailEvent event_of(const std::string& name) {
  if (const auto event = json::enum_value<MailEvent>(name)) return *event;
  throw Problem::not_found("template");
}

}  // namespace

void add_routes(http::ModuleRoutes routes, Templates& templates, Messages& messages) {
  using namespace http;
  const auto may_read = staff("notification.read");
  const auto may_write = staff("notification.write");

  routes.get("/v1/admin/notification-templates", "List the texts of mails by event and language", may_read, [&](const Call& call) { return Listed<MailTemplate>{templates.list(call), {}, {}, {}}; });
  routes.get("/v1/admin/notification-templates/{event}/{language}", "Read the text of an event's mails in a language", may_read, [&](const Call& call, const Path<std::string, std::string>& path) {
    return templates.get(call, event_of(path.get<0>()), path.get<1>());
  });
  routes.put("/v1/admin/notification-templates/{event}/{language}", "Replace the text of an event's mails in a language", may_write,
             [&](const Call& call, const Path<std::string, std::string>& path, const Match& match, const Body<ReplaceTemplate>& wanted) {
               return templates.replace(call, event_of(path.get<0>()), path.get<1>(), match.version, wanted);
             });

  routes.get("/v1/admin/messages", "List the mails to shoppers, the latest first", may_read, [&](const Call& call, const Params<ListMessages>& wanted) { return messages.list(call, wanted); });
  routes.get("/v1/admin/messages/{id}", "Read a mail and what became of it", may_read, [&](const Call& call, const Path<MessageId>& path) { return messages.get(call, path.get()); });
}

}  // namespace polyshop::notification
