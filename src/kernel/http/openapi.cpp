#include "kernel/http/route.hpp"

namespace polyshop::http {
namespace {

json::Object content(std::string_view type, json::Object schema) {
  return {{"content", json::Object{{type, json::Object{{"schema", std::move(schema)}}}}}};
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (auto& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

json::Object operation_of(const Route& route, json::Schemas& schemas) {
  auto documentation = route.document(schemas);
  json::Array parameters;
  std::string_view rest = route.pattern;
  for (auto open = rest.find('{'); open != std::string_view::npos; open = rest.find('{')) {
    const auto close = rest.find('}', open);
    parameters.push_back(json::Object{{"name", rest.substr(open + 1, close - open - 1)}, {"in", "path"}, {"required", true}, {"schema", json::Object{{"type", "string"}}}});
    rest.remove_prefix(close + 1);
  }
  for (auto& parameter : documentation.parameters) {
    auto& name = parameter.as_object()["name"].as_string();
    if (std::string_view(name).starts_with("filter_")) name = "filter[" + std::string(name).substr(7) + "]";
    parameters.push_back(std::move(parameter));
  }
  if (route.options.idempotency != Idempotency::none)
    parameters.push_back(json::Object{{"name", "Idempotency-Key"}, {"in", "header"}, {"required", route.options.idempotency == Idempotency::required}, {"schema", json::Object{{"type", "string"}, {"maxLength", 255}}}});

  json::Object answer{{"description", route.summary}};
  if (documentation.answer) {
    auto body = content("application/json", *documentation.answer);
    answer["content"] = body["content"];
  }
  auto problem = content("application/problem+json", {{"$ref", "#/components/schemas/Problem"}});
  problem["description"] = "What is wrong, as of RFC 9457";
  json::Object operation{{"summary", route.summary}, {"tags", json::Array{route.module}}, {"parameters", std::move(parameters)},
                         {"responses", json::Object{{std::to_string(documentation.status), std::move(answer)}, {"default", std::move(problem)}}}};
  if (documentation.body) {
    auto body = content("application/json", *documentation.body);
    body["required"] = true;
    operation["requestBody"] = std::move(body);
  }
  if (route.access.kind != Access::Kind::everyone) operation["security"] = json::Array{json::Object{{"session", json::Array{}}}};
  if (!route.access.permission.empty()) operation["x-permission"] = route.access.permission;
  return operation;
}

}  // namespace

std::string openapi_text(const Routes& routes) {
  json::Schemas schemas;
  schemas.definitions["Problem"] = json::parse(R"({"type":"object","required":["type","title","status","detail","code","retryable"],"properties":{
    "type":{"type":"string"},"title":{"type":"string"},"status":{"type":"integer"},"detail":{"type":"string"},"instance":{"type":"string"},"code":{"type":"string"},
    "errors":{"type":"array","items":{"type":"object","properties":{"pointer":{"type":"string"},"code":{"type":"string"},"detail":{"type":"string"}}}},
    "request_id":{"type":"string"},"retryable":{"type":"boolean"},"retry_after_s":{"type":"integer"}}})");
  schemas.definitions["Page"] = json::parse(R"({"type":"object","required":["next_cursor","has_more"],"properties":{"next_cursor":{"type":["string","null"]},"has_more":{"type":"boolean"},"count":{"type":"integer"}}})");
  json::Object paths;
  for (const auto& route : routes.all()) {
    if (route->access.kind == Access::Kind::control || route->access.kind == Access::Kind::internal) continue;
    auto& path = paths[route->pattern];
    if (!path.is_object()) path = json::Object{};
    path.as_object()[lower(name_of(route->method))] = operation_of(*route, schemas);
  }
  const json::Object document{
      {"openapi", "3.1.0"},
      {"info", json::Object{{"title", "PolyShop"}, {"version", "1"}}},
      {"paths", std::move(paths)},
      {"components", json::Object{{"schemas", std::move(schemas.definitions)}, {"securitySchemes", json::Object{{"session", json::Object{{"type", "http"}, {"scheme", "bearer"}}}}}}}};
  return boost::json::serialize(document);
}

}  // namespace polyshop::http
