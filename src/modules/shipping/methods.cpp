#include "methods.hpp"

#include <fmt/format.h>

#include "rate.hpp"
#include "store.hpp"

namespace polyshop::shipping {
namespace {

using Names = std::map<std::string, Text<1, 200>>;

// The name in a language, else in English, else in any.
const std::string& name_in(const Names& names, const std::string& language) {
  auto found = names.find(language);
  if (found == names.end()) found = names.find("en");
  return found == names.end() ? names.begin()->second : found->second;
}

void check(const Method& method) {
  if (method.names.empty()) throw Problem::invalid("name_required", "Give the method a name in at least one language.", "/names");
  for (const auto& [language, name] : method.names)
    if (language.size() != 2 || !std::ranges::all_of(language, [](char c) { return c >= 'a' && c <= 'z'; }))
      throw Problem::invalid("unknown_language", "Name a language by its two letters as of ISO 639-1, such as en.", "/names/" + language);
  check_rates(method.kind, method.rates);
}

// Nobody removes the zone from here on.
void check_zone(Tx& tx, const ZoneId& id) {
  if (!store::lock_zone(tx, id)) throw Problem::invalid("unknown_zone", fmt::format("There is no zone {}.", id.view()), "/zone_id");
}

Problem changed() { return Problem::precondition_failed("The method has changed since you read it; read it again and repeat your change."); }

}  // namespace

std::vector<DeliveryOption> Methods::options(const Call& call, const GetOptions& wanted) {
  auto methods = to_.find(wanted.country);
  if (!methods) {
    const auto generation = node_.db.generation();
    methods = std::make_shared<const std::vector<Method>>(node_.db.read_once(call, [&](Tx& tx) { return store::list_methods_to(tx, wanted.country); }));
    to_.keep(generation, wanted.country, *methods);
  }
  std::vector<DeliveryOption> options;
  for (const auto& method : *methods)
    if (const auto amount = price_of(method.kind, method.rates, wanted)) options.push_back({method.id, name_in(method.names, call.language), *amount, wanted.currency});
  return options;
}

Method Methods::create(const Call& call, const CreateMethod& wanted) {
  const Method method{MethodId::make(call.now), wanted.zone_id, wanted.names, wanted.kind, wanted.rates, wanted.position ? static_cast<std::int64_t>(*wanted.position) : 0, 1};
  check(method);
  return node_.db.write(call, [&](Tx& tx) {
    check_zone(tx, method.zone_id);
    store::insert_method(tx, method);
    return method;
  });
}

Method Methods::change(const Call& call, const MethodId& id, std::int64_t version, const ChangeMethod& change) {
  return node_.db.write(call, [&](Tx& tx) {
    auto method = store::find_method(tx, id);
    if (!method) throw Problem::not_found("method", id.view());
    if (method->version != version) throw changed();
    change.zone_id.apply_to(method->zone_id);
    for (const auto& [language, name] : change.names.value_or(std::map<std::string, Patch<Text<1, 200>>>{})) {
      if (name.value)
        method->names[language] = *name.value;
      else
        method->names.erase(language);
    }
    change.kind.apply_to(method->kind);
    change.rates.apply_to(method->rates);
    if (change.position.value) method->position = *change.position.value;
    check(*method);
    check_zone(tx, method->zone_id);
    if (!store::update_method(tx, *method)) throw changed();
    ++method->version;
    return *method;
  });
}

void Methods::remove(const Call& call, const MethodId& id, std::int64_t version) {
  node_.db.write(call, [&](Tx& tx) {
    if (!store::find_method(tx, id)) throw Problem::not_found("method", id.view());
    if (!store::delete_method(tx, id, version)) throw changed();
  });
}

Method Methods::get(const Call& call, const MethodId& id) {
  auto method = node_.db.read(call, [&](Tx& tx) { return store::find_method(tx, id); });
  if (!method) throw Problem::not_found("method", id.view());
  return std::move(*method);
}

http::Listed<Method> Methods::list(const Call& call, const ListMethods& wanted) {
  const auto after = http::cursor_as<MethodId>(wanted.cursor);
  const auto limit = wanted.limit ? static_cast<std::int64_t>(*wanted.limit) : 25;
  http::Listed<Method> page;
  page.data = node_.db.read(call, [&](Tx& tx) { return store::list_methods(tx, after, wanted.filter_zone, limit + 1); });
  if (static_cast<std::int64_t>(page.data.size()) > limit) {
    page.data.pop_back();
    page.next_cursor = http::cursor_of(page.data.back().id);
  }
  return page;
}

}  // namespace polyshop::shipping
