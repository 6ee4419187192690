#include <cstdlib>
#include <fstream>
#include <sstream>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "bus/cloud_event.hpp"
#include "program/app.hpp"

// Every type of event that a module declares, against what was released: tests/events/golden/<type>.json holds the schema of
// its data and an event with every field. Within a version only optional fields are added, anywhere in the data: consumers of
// the release before read what this one writes, and this one reads what stands in the logs.
namespace polyshop {
namespace {

using json::Object;
using json::Value;

// Without references and descriptions.
Value resolved(const Value& schema, const Object& definitions) {
  if (const auto* array = schema.if_array()) {
    json::Array made;
    for (const auto& item : *array) made.push_back(resolved(item, definitions));
    return made;
  }
  const auto* object = schema.if_object();
  if (!object) return schema;
  if (const auto* reference = object->if_contains("$ref")) {
    const std::string_view target = reference->as_string();
    return resolved(definitions.at(target.substr(target.rfind('/') + 1)), definitions);
  }
  Object made;
  for (const auto& [key, value] : *object)
    if (key != "description" || !value.is_string()) made[key] = resolved(value, definitions);
  return made;
}

Value schema_of(const bus::EventKind& kind) {
  json::Schemas schemas;
  const auto root = kind.schema(schemas);
  return resolved(root, schemas.definitions);
}

bool is_in(const Object& schema, std::string_view list, std::string_view name) {
  const auto* names = schema.if_contains(list);
  return names && std::ranges::any_of(names->as_array(), [&](const auto& one) { return one.as_string() == name; });
}

// What a consumer or a log of the released schema would not survive.
void compare(const Object& released, const Object& now, const std::string& where, std::vector<std::string>& faults) {
  for (const auto& [key, value] : released) {
    if (key == "required") continue;
    const auto* other = now.if_contains(key);
    if (key == "properties") {
      for (const auto& [name, property] : value.as_object()) {
        const auto* found = other ? other->as_object().if_contains(name) : nullptr;
        const auto field = where + "/" + std::string(name);
        if (!found) {
          faults.push_back(field + " was removed");
          continue;
        }
        if (is_in(released, "required", name) != is_in(now, "required", name)) faults.push_back(field + (is_in(now, "required", name) ? " has become required" : " has become optional"));
        compare(property.as_object(), found->as_object(), field, faults);
      }
    } else if ((key == "items" || key == "additionalProperties") && other) {
      compare(value.as_object(), other->as_object(), where + "/*", faults);
    } else if (!other || *other != value) {
      faults.push_back(fmt::format("{} had {} {} and has {}", where.empty() ? "the data" : where, std::string_view(key), boost::json::serialize(value), other ? boost::json::serialize(*other) : "none"));
    }
  }
  for (const auto& [key, value] : now)
    if (key != "required" && key != "properties" && !released.contains(key)) faults.push_back(fmt::format("{} had no {} and has {}", where, std::string_view(key), boost::json::serialize(value)));
  if (const auto* properties = now.if_contains("properties"))
    for (const auto& [name, property] : properties->as_object()) {
      const auto* before = released.if_contains("properties");
      if ((!before || !before->as_object().contains(name)) && is_in(now, "required", name)) faults.push_back(where + "/" + std::string(name) + " was added and is required");
    }
}

std::vector<std::string> faults_of(const Value& released, const Value& now) {
  std::vector<std::string> faults;
  compare(released.as_object(), now.as_object(), "", faults);
  return faults;
}

// A value with every field, as the schema says.
Value sample_of(const Object& schema) {
  if (const auto* names = schema.if_contains("enum")) return names->as_array().front();
  const std::string_view type = schema.at("type").as_string();
  if (type == "integer") return schema.contains("minimum") ? schema.at("minimum") : Value(7);
  if (type == "number") return 0.5;
  if (type == "boolean") return true;
  if (type == "array") return json::Array{sample_of(schema.at("items").as_object())};
  if (type == "object") {
    Object made;
    if (const auto* properties = schema.if_contains("properties"))
      for (const auto& [name, property] : properties->as_object()) made[name] = sample_of(property.as_object());
    if (const auto* values = schema.if_contains("additionalProperties")) made["key"] = sample_of(values->as_object());
    return made;
  }
  const std::string pattern(schema.contains("pattern") ? std::string_view(schema.at("pattern").as_string()) : std::string_view());
  if (pattern.find("{26}") != std::string::npos) return Value(std::string_view(pattern.substr(1, pattern.find('[') - 1) + "01jgfjjr00e3w8mvqf4t6z2xk5"));
  if (pattern == "^[A-Z]{3}$") return "EUR";
  if (pattern.find("[0-9]{1,9}") != std::string::npos) return "19.5";
  return "text";
}

Value golden_of(const bus::EventKind& kind) {
  const auto schema = schema_of(kind);
  bus::Event event{4711, "evt_01jgfjjr00e3w8mvqf4t6z2xk5", kind.name, "text", 7, 1'767'225'600'000, "usr_01jgfjjr00e3w8mvqf4t6z2xk5", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", boost::json::serialize(sample_of(schema.as_object()))};
  return Object{{"event", json::parse(json::to_text(bus::cloud_event_of(event)))}, {"schema", schema}};
}

std::string pretty(const Value& value, const std::string& indent = "") {
  const auto inner = indent + "  ";
  std::string text;
  const auto add = [&](const std::string& line) { text += (text.empty() ? "\n" : ",\n") + inner + line; };
  if (const auto* object = value.if_object(); object && !object->empty()) {
    for (const auto& [key, member] : *object) add(boost::json::serialize(Value(key)) + ": " + pretty(member, inner));
    return "{" + text + "\n" + indent + "}";
  }
  if (const auto* array = value.if_array(); array && std::ranges::any_of(*array, [](const auto& item) { return item.is_structured(); })) {
    for (const auto& item : *array) add(pretty(item, inner));
    return "[" + text + "\n" + indent + "]";
  }
  return boost::json::serialize(value);
}

std::map<std::string, bus::EventKind> declared() {
  auto config = Config::load({}, {}, {});
  const App app(config, "unused");
  std::map<std::string, bus::EventKind> all;
  for (const auto* node : app.nodes())
    for (const auto& [name, kind] : node->log.kinds()) all.emplace(name, kind);
  return all;
}

const std::filesystem::path folder = std::filesystem::path(POLYSHOP_SOURCE_DIR) / "tests/events/golden";

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("every declared event agrees with the one that was released") {
  const auto all = declared();
  REQUIRE(all.size() >= 10);
  for (const auto& [name, kind] : all) {
    CAPTURE(name);
    const auto path = folder / (name + ".json");
    if (!std::filesystem::exists(path) && std::getenv("POLYSHOP_WRITE_GOLDEN")) std::ofstream(path) << pretty(golden_of(kind)) << '\n';
    if (!std::filesystem::exists(path)) {
      FAIL_CHECK("the event type is new: run this test once with POLYSHOP_WRITE_GOLDEN=1, which writes tests/events/golden/" << name << ".json and changes no other, read it, and commit it");
      continue;
    }
    const auto golden = json::parse(read_file(path));
    for (const auto& fault : faults_of(golden.at("schema"), schema_of(kind)))
      FAIL_CHECK("incompatible with the released " << name << ": " << fault << ". Add optional fields only, or declare the next version beside this one");

    // An event of the released form comes through this release unchanged.
    const auto& wire = golden.at("event");
    const auto event = bus::event_of(json::from_value<bus::CloudEvent>(wire, json::Mode::lenient));
    CHECK(event.name == name);
    CHECK(json::parse(kind.reread(event.data)) == wire.at("data"));
    CHECK(json::parse(json::to_text(bus::cloud_event_of(event))) == wire);
  }
}

TEST_CASE("every released event is still declared") {
  const auto all = declared();
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto name = entry.path().stem().string();
    INFO(name << " was released and is declared by no module: subscribers and logs may still hold it");
    CHECK(all.contains(name));
  }
}

TEST_CASE("the comparison tells a compatible change from one that is not") {
  const auto released = json::parse(R"({"type":"object","properties":{
    "id":{"type":"string"},"note":{"type":"string"},"state":{"type":"string","enum":["new","done"]},
    "lines":{"type":"array","items":{"type":"object","properties":{"sku":{"type":"string"}},"required":["sku"]}}},
    "required":["id","state","lines"]})");
  struct Change {
    const char* pointer;
    const char* value;  // null: remove
    const char* fault;  // null: compatible
  };
  const Change changes[] = {
      {"/properties/comment", R"({"type":"string"})", nullptr},
      {"/properties/lines/items/properties/quantity", R"({"type":"integer"})", nullptr},
      {"/properties/note", nullptr, "/note was removed"},
      {"/properties/lines/items/properties/sku", nullptr, "/lines/*/sku was removed"},
      {"/properties/id/type", R"("integer")", R"(/id had type "string" and has "integer")"},
      {"/properties/state/enum", R"(["new","done","lost"])", R"(/state had enum ["new","done"] and has ["new","done","lost"])"},
      {"/properties/lines/items/properties/sku/maxLength", "10", "/lines/*/sku had no maxLength and has 10"},
      {"/required", R"(["id","note","state","lines"])", "/note has become required"},
      {"/required", R"(["id","lines"])", "/state has become optional"},
      {"/properties/lines/items", R"({"type":"object","properties":{"sku":{"type":"string"},"quantity":{"type":"integer"}},"required":["sku","quantity"]})", "/lines/*/quantity was added and is required"},
      {"/properties/lines/items", R"({"type":"string"})", R"(/lines/* had type "object" and has "string")"},
  };
  for (const auto& change : changes) {
    CAPTURE(change.pointer);
    auto now = released;
    const std::string_view pointer = change.pointer;
    const auto slash = pointer.rfind('/');
    auto& parent = now.at_pointer(pointer.substr(0, slash)).as_object();
    const auto name = pointer.substr(slash + 1);
    if (change.value)
      parent[name] = json::parse(change.value);
    else
      parent.erase(name);
    const auto faults = faults_of(released, now);
    if (change.fault)
      CHECK(std::ranges::find(faults, change.fault) != faults.end());
    else
      CHECK(faults.empty());
  }
}

}  // namespace polyshop
