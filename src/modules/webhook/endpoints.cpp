#include "endpoints.hpp"

#include <fmt/format.h>

#include "signature.hpp"
#include "store.hpp"

namespace polyshop::webhook {
namespace {

constexpr Timestamp secret_before_ms = 24 * 3600'000;

Problem changed() { return Problem::precondition_failed("The endpoint has changed since you read it; read it again and repeat your change."); }

store::EndpointRow get_row(Tx& tx, const EndpointId& id, std::optional<std::int64_t> version = {}) {
  auto row = store::find_endpoint(tx, id);
  if (!row) throw Problem::not_found("webhook endpoint", id.view());
  if (version && row->version != *version) throw changed();
  return std::move(*row);
}

void update(Tx& tx, store::EndpointRow& row) {
  if (!store::update_endpoint(tx, row)) throw changed();
  ++row.version;
}

EndpointWithSecret with_secret(const store::EndpointRow& row) {
  EndpointWithSecret shown;
  static_cast<Endpoint&>(shown) = store::endpoint_of(row);
  shown.secret = row.secret;
  return shown;
}

}  // namespace

bool wants(const std::vector<std::string>& events, std::string_view type) {
  return std::ranges::any_of(events, [&](const std::string& wanted) {
    return wanted == "*" || wanted == type || (wanted.ends_with(".*") && type.starts_with(std::string_view(wanted).substr(0, wanted.size() - 1)));
  });
}

// Where it leads is judged when it is connected to; here only what could never be.
std::string Endpoints::checked_url(const std::string& url) const {
  const bool is_secure = url.starts_with("https://");
  if (!is_secure && !(allow_private_ && url.starts_with("http://"))) throw Problem::invalid("bad_url", "Give a URL that starts with https://.", "/url");
  const auto rest = std::string_view(url).substr(is_secure ? 8 : 7);
  const auto host = rest.substr(0, rest.find_first_of("/?#"));
  if (host.empty() || host.starts_with(':')) throw Problem::invalid("bad_url", "The URL names no host.", "/url");
  if (host.find('@') != std::string_view::npos) throw Problem::invalid("bad_url", "A URL with a user or a password is not taken; the signature says who sends.", "/url");
  if (!std::ranges::all_of(url, [](unsigned char c) { return c > ' ' && c < 0x7f; })) throw Problem::invalid("bad_url", "A URL has visible ASCII characters only; percent-encode others.", "/url");
  return url;
}

std::vector<std::string> Endpoints::checked_events(const std::vector<Text<1, 100>>& events) const {
  if (events.empty() || events.size() > 100) throw Problem::invalid("bad_events", "Name 1 to 100 types of events; * stands for all.", "/events");
  std::vector<std::string> checked;
  for (std::size_t i = 0; i < events.size(); ++i) {
    const std::string& wanted = events[i].str();
    if (std::ranges::none_of(types_, [&](const auto& type) { return wants({wanted}, type); }))
      throw Problem::invalid("unknown_event_type", fmt::format("There is no event of the type {}. GET /v1/admin/webhook-event-types lists them; order.* stands for all of a module.", wanted), fmt::format("/events/{}", i));
    checked.push_back(wanted);
  }
  return checked;
}

EndpointWithSecret Endpoints::create(const Call& call, const CreateEndpoint& wanted) {
  store::EndpointRow row;
  row.id = EndpointId::make(call.now);
  row.url = checked_url(wanted.url);
  row.description = wanted.description ? wanted.description->str() : "";
  row.events.value = checked_events(wanted.events);
  row.secret = make_secret();
  row.version = 1;
  row.created_ms = call.now;
  node_.db.write(call, [&](Tx& tx) { store::insert_endpoint(tx, row); });
  return with_secret(row);
}

Endpoint Endpoints::change(const Call& call, const EndpointId& id, std::int64_t version, const ChangeEndpoint& change) {
  const auto url = change.url ? std::optional(checked_url(*change.url)) : std::nullopt;
  const auto events = change.events ? std::optional(checked_events(*change.events)) : std::nullopt;
  return node_.db.write(call, [&](Tx& tx) {
    auto row = get_row(tx, id, version);
    if (url) row.url = *url;
    if (events) row.events.value = *events;
    if (change.description) row.description = change.description->str();
    if (change.state) {
      row.state = *change.state;
      row.disabled_because = row.state == EndpointState::active ? "" : "by staff";
      row.failing_since_ms = 0;
    }
    update(tx, row);
    return store::endpoint_of(row);
  });
}

EndpointWithSecret Endpoints::rotate_secret(const Call& call, const EndpointId& id, std::int64_t version) {
  const auto secret = make_secret();
  // The result is not kept by key: it is a secret.
  return node_.db.write(call.unkeyed(), [&](Tx& tx) {
    auto row = get_row(tx, id, version);
    row.secret_before = row.secret;
    row.secret_before_until_ms = tx.now() + secret_before_ms;
    row.secret = secret;
    update(tx, row);
    return with_secret(row);
  });
}

void Endpoints::remove(const Call& call, const EndpointId& id, std::int64_t version) {
  node_.db.write(call, [&](Tx& tx) {
    get_row(tx, id, version);
    if (!store::delete_endpoint(tx, id, version)) throw changed();
  });
}

Endpoint Endpoints::get(const Call& call, const EndpointId& id) {
  return node_.db.read(call, [&](Tx& tx) { return store::endpoint_of(get_row(tx, id)); });
}

http::Listed<Endpoint> Endpoints::list(const Call& call, const ListEndpoints& wanted) {
  const auto before = http::cursor_as<EndpointId>(wanted.cursor);
  const auto limit = wanted.limit ? static_cast<std::int64_t>(*wanted.limit) : 25;
  http::Listed<Endpoint> page;
  for (const auto& row : node_.db.read(call, [&](Tx& tx) { return store::list_endpoints(tx, before, limit + 1); })) page.data.push_back(store::endpoint_of(row));
  if (static_cast<std::int64_t>(page.data.size()) > limit) {
    page.data.pop_back();
    page.next_cursor = http::cursor_of(page.data.back().id);
  }
  return page;
}

}  // namespace polyshop::webhook
