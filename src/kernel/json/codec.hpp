#pragma once

#include <concepts>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <boost/describe.hpp>
#include <boost/json.hpp>
#include <boost/mp11.hpp>

#include "kernel/json/parse.hpp"
#include "kernel/types/id.hpp"
#include "kernel/types/money.hpp"
#include "kernel/types/patch.hpp"
#include "kernel/types/problem.hpp"
#include "kernel/types/text.hpp"

// JSON from and to values that are described with Boost.Describe: structs are objects by member name, enums are strings.
// An absent optional is left out when written. Strict reading is for requests (unknown keys are errors), lenient for
// events and facades, where a newer release may send more.
namespace polyshop::json {

enum class Mode { strict, lenient };

// Collects what is wrong with a document, with a JSON pointer for each, so that a client hears of everything at once.
class Faults {
 public:
  explicit Faults(Mode mode) : mode(mode) {}
  const Mode mode;
  void add(std::string code, std::string detail, bool is_malformed = false);
  // Throws Problem 400 where a key was unknown, 422 `validation_failed` where a value was, nothing where all is well.
  void raise() const;
  bool empty() const { return errors_.empty(); }

  class Step {
   public:
    Step(Faults& faults, std::string_view key);
    Step(Faults& faults, std::size_t index);
    ~Step() { faults_.pointer_.resize(size_); }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;

   private:
    Faults& faults_;
    std::size_t size_;
  };

 private:
  std::string pointer_;
  std::vector<FieldError> errors_;
  bool malformed_ = false;
};

// JSON Schema (2020-12) of the types of an API, each described struct once.
class Schemas {
 public:
  Object definitions;
};

template <class T>
struct Codec;  // write(out, value), read(json, value, faults), schema(schemas)

template <class T>
void write(std::string& out, const T& value) {
  Codec<T>::write(out, value);
}
template <class T>
std::string to_text(const T& value) {
  std::string out;
  write(out, value);
  return out;
}
template <class T>
T from_value(const Value& value, Mode mode) {
  Faults faults(mode);
  T result{};
  Codec<T>::read(value, result, faults);
  faults.raise();
  return result;
}
template <class T>
T from_text(std::string_view text, Mode mode) {
  const Document document(text);
  return from_value<T>(document.value(), mode);
}
template <class T>
Object schema_of(Schemas& schemas) {
  return Codec<T>::schema(schemas);
}

void write_string(std::string& out, std::string_view text);
void write_integer(std::string& out, std::int64_t number);
void write_double(std::string& out, double number);
bool read_integer(const Value& value, std::int64_t min, std::int64_t max, std::int64_t& out, Faults& faults);
bool read_string(const Value& value, std::string_view& out, Faults& faults);
bool check_length(std::string_view text, std::size_t min, std::size_t max, Faults& faults);
void unknown_key(Faults& faults, std::string_view key, std::string_view known);
void missing_key(Faults& faults);

// "polyshop::catalog::Product" is named "catalog.Product".
template <class T>
std::string type_name() {
  std::string_view text = __PRETTY_FUNCTION__;
  text.remove_prefix(text.find("T = ") + 4);
  text = text.substr(0, text.find_first_of(";]"));
  std::string name;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("polyshop::")) {
      i += 9;
    } else if (text.substr(i).starts_with("::")) {
      name += '.';
      ++i;
    } else if (std::isalnum(static_cast<unsigned char>(text[i])) || text[i] == '_') {
      name += text[i];
    } else if (text[i] == '<' || text[i] == ',') {
      name += '-';
    }
  }
  return name;
}

// A finished JSON text that is passed on as it is.
struct Raw {
  std::string text = "null";
};

// Nothing: what an operation without a result returns.
struct Nothing {};
BOOST_DESCRIBE_STRUCT(Nothing, (), ())

template <class T>
concept DescribedStruct = boost::describe::has_describe_members<T>::value && !std::is_union_v<T>;
template <class T>
concept DescribedEnum = boost::describe::has_describe_enumerators<T>::value;

template <DescribedEnum E>
std::string_view enum_name(E value) {
  return boost::describe::enum_to_string(value, "");
}
template <DescribedEnum E>
std::optional<E> enum_value(std::string_view name) {
  std::optional<E> found;
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<E>>([&](auto d) {
    if (name == d.name) found = d.value;
  });
  return found;
}

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <class T>
using members_of = boost::describe::describe_members<T, boost::describe::mod_public | boost::describe::mod_inherited>;

// Whether a member may be left out of a request.
template <class T>
inline constexpr bool may_be_absent = is_optional<T> || is_patch<T>;

// --- structs -------------------------------------------------------------------------------------------------------

template <DescribedStruct T>
struct Codec<T> {
  static void write(std::string& out, const T& value) {
    out += '{';
    [[maybe_unused]] bool first = true;
    boost::mp11::mp_for_each<members_of<T>>([&](auto d) {
      const auto& member = value.*d.pointer;
      using M = std::remove_cvref_t<decltype(member)>;
      if constexpr (is_optional<M>) {
        if (!member) return;
      } else if constexpr (is_patch<M>) {
        if (!member.present) return;
      }
      if (!first) out += ',';
      first = false;
      out += '"';
      out += d.name;
      out += "\":";
      Codec<M>::write(out, member);
    });
    out += '}';
  }

  static void read(const Value& json, T& value, Faults& faults) {
    const auto* object = json.if_object();
    if (!object) return faults.add("wrong_type", "Send an object here.");
    [[maybe_unused]] std::size_t seen = 0;
    boost::mp11::mp_for_each<members_of<T>>([&](auto d) {
      auto& member = value.*d.pointer;
      using M = std::remove_cvref_t<decltype(member)>;
      const auto* found = object->if_contains(d.name);
      if (found) ++seen;
      if (!found || (found->is_null() && is_optional<M>)) {
        if constexpr (!may_be_absent<M>) {
          if (faults.mode == Mode::strict) {
            Faults::Step step(faults, d.name);
            missing_key(faults);
          }
        }
        return;
      }
      Faults::Step step(faults, d.name);
      Codec<M>::read(*found, member, faults);
    });
    if (faults.mode == Mode::strict && seen != object->size()) {
      std::string known;
      boost::mp11::mp_for_each<members_of<T>>([&](auto d) { known.append(known.empty() ? "" : ", ").append(d.name); });
      for (const auto& entry : *object) {
        bool is_known = false;
        boost::mp11::mp_for_each<members_of<T>>([&](auto d) { is_known |= entry.key() == d.name; });
        if (is_known) continue;
        Faults::Step step(faults, entry.key());
        unknown_key(faults, entry.key(), known);
      }
    }
  }

  static Object schema(Schemas& schemas) {
    const auto name = type_name<T>();
    if (!schemas.definitions.contains(name)) {
      schemas.definitions[name] = nullptr;  // named first: types may refer to themselves
      Object properties;
      Array required;
      boost::mp11::mp_for_each<members_of<T>>([&](auto d) {
        using M = std::remove_cvref_t<decltype(std::declval<T&>().*d.pointer)>;
        properties[d.name] = Codec<M>::schema(schemas);
        if constexpr (!may_be_absent<M>) required.emplace_back(d.name);
      });
      Object object{{"type", "object"}, {"properties", std::move(properties)}};
      if (!required.empty()) object["required"] = std::move(required);
      schemas.definitions[name] = std::move(object);
    }
    return {{"$ref", "#/components/schemas/" + name}};
  }
};

// --- enums ---------------------------------------------------------------------------------------------------------

template <DescribedEnum T>
struct Codec<T> {
  static void write(std::string& out, T value) { write_string(out, enum_name(value)); }
  static void read(const Value& json, T& value, Faults& faults) {
    std::string_view text;
    if (!read_string(json, text, faults)) return;
    if (const auto found = enum_value<T>(text)) {
      value = *found;
      return;
    }
    std::string allowed;
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto d) { allowed.append(allowed.empty() ? "" : ", ").append(d.name); });
    faults.add("unknown_value", "Send one of: " + allowed + ".");
  }
  static Object schema(Schemas&) {
    Array names;
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto d) { names.emplace_back(d.name); });
    return {{"type", "string"}, {"enum", std::move(names)}};
  }
};

// --- scalars -------------------------------------------------------------------------------------------------------

template <>
struct Codec<bool> {
  static void write(std::string& out, bool value) { out += value ? "true" : "false"; }
  static void read(const Value& json, bool& value, Faults& faults) {
    if (json.is_bool())
      value = json.get_bool();
    else
      faults.add("wrong_type", "Send true or false.");
  }
  static Object schema(Schemas&) { return {{"type", "boolean"}}; }
};

template <std::integral T>
struct Codec<T> {
  static void write(std::string& out, T value) { write_integer(out, static_cast<std::int64_t>(value)); }
  static void read(const Value& json, T& value, Faults& faults) {
    std::int64_t number = 0;
    const auto max = sizeof(T) == 8 ? std::numeric_limits<std::int64_t>::max() : static_cast<std::int64_t>(std::numeric_limits<T>::max());
    if (read_integer(json, static_cast<std::int64_t>(std::numeric_limits<T>::min()), max, number, faults)) value = static_cast<T>(number);
  }
  static Object schema(Schemas&) { return {{"type", "integer"}, {"format", "int64"}}; }
};

template <long long Min, long long Max>
struct Codec<Range<Min, Max>> {
  static void write(std::string& out, Range<Min, Max> value) { write_integer(out, value); }
  static void read(const Value& json, Range<Min, Max>& value, Faults& faults) {
    std::int64_t number = 0;
    if (read_integer(json, Min, Max, number, faults)) value = number;
  }
  static Object schema(Schemas&) { return {{"type", "integer"}, {"minimum", Min}, {"maximum", Max}}; }
};

template <>
struct Codec<double> {
  static void write(std::string& out, double value) { write_double(out, value); }
  static void read(const Value& json, double& value, Faults& faults) {
    if (json.is_number())
      value = json.to_number<double>();
    else
      faults.add("wrong_type", "Send a number.");
  }
  static Object schema(Schemas&) { return {{"type", "number"}}; }
};

template <>
struct Codec<std::string> {
  static void write(std::string& out, const std::string& value) { write_string(out, value); }
  static void read(const Value& json, std::string& value, Faults& faults) {
    std::string_view text;
    if (read_string(json, text, faults)) value = text;
  }
  static Object schema(Schemas&) { return {{"type", "string"}}; }
};

template <std::size_t Min, std::size_t Max>
struct Codec<Text<Min, Max>> {
  static void write(std::string& out, const Text<Min, Max>& value) { write_string(out, value); }
  static void read(const Value& json, Text<Min, Max>& value, Faults& faults) {
    std::string_view text;
    if (read_string(json, text, faults) && check_length(text, Min, Max, faults)) value = Text<Min, Max>(text);
  }
  static Object schema(Schemas&) { return {{"type", "string"}, {"minLength", Min}, {"maxLength", Max}}; }
};

template <FixedString P>
struct Codec<Id<P>> {
  static void write(std::string& out, const Id<P>& value) { write_string(out, value.view()); }
  static void read(const Value& json, Id<P>& value, Faults& faults) {
    std::string_view text;
    if (!read_string(json, text, faults)) return;
    if (const auto id = Id<P>::parse(text))
      value = *id;
    else if (faults.mode == Mode::strict || !text.empty())
      faults.add("malformed_id", "Send an id that starts with " + std::string(Id<P>::prefix) + "_.");
  }
  static Object schema(Schemas&) { return {{"type", "string"}, {"pattern", "^" + std::string(Id<P>::prefix) + "_[0-9a-hjkmnp-tv-z]{26}$"}}; }
};

template <>
struct Codec<Currency> {
  static void write(std::string& out, Currency value) { write_string(out, value.code()); }
  static void read(const Value& json, Currency& value, Faults& faults) {
    std::string_view text;
    if (!read_string(json, text, faults)) return;
    if (const auto currency = Currency::parse(text))
      value = *currency;
    else if (faults.mode == Mode::strict || !text.empty())
      faults.add("unknown_currency", "Send the three capitals of an ISO 4217 currency in use, such as EUR.");
  }
  static Object schema(Schemas&) { return {{"type", "string"}, {"pattern", "^[A-Z]{3}$"}, {"description", "ISO 4217"}}; }
};

template <>
struct Codec<Decimal> {
  static void write(std::string& out, const Decimal& value) { write_string(out, value.str()); }
  static void read(const Value& json, Decimal& value, Faults& faults) {
    std::string_view text;
    if (!read_string(json, text, faults)) return;
    if (const auto decimal = Decimal::parse(text))
      value = *decimal;
    else
      faults.add("malformed_decimal", "Send a decimal number as a string, such as \"19.5\".");
  }
  static Object schema(Schemas&) { return {{"type", "string"}, {"pattern", "^-?[0-9]+(\\.[0-9]{1,9})?$"}}; }
};

template <>
struct Codec<Raw> {
  static void write(std::string& out, const Raw& value) { out += value.text; }
  static void read(const Value& json, Raw& value, Faults&) { value.text = boost::json::serialize(json); }
  static Object schema(Schemas&) { return {}; }
};

// --- containers ----------------------------------------------------------------------------------------------------

template <class T>
struct Codec<std::optional<T>> {
  static void write(std::string& out, const std::optional<T>& value) {
    if (value)
      Codec<T>::write(out, *value);
    else
      out += "null";
  }
  static void read(const Value& json, std::optional<T>& value, Faults& faults) {
    if (json.is_null()) return value.reset();
    Codec<T>::read(json, value.emplace(), faults);
  }
  static Object schema(Schemas& schemas) { return Codec<T>::schema(schemas); }
};

template <class T>
struct Codec<Patch<T>> {
  static void write(std::string& out, const Patch<T>& value) { Codec<std::optional<T>>::write(out, value.value); }
  static void read(const Value& json, Patch<T>& value, Faults& faults) {
    value.present = true;
    Codec<std::optional<T>>::read(json, value.value, faults);
  }
  static Object schema(Schemas& schemas) { return {{"anyOf", Array{Codec<T>::schema(schemas), Object{{"type", "null"}}}}}; }
};

template <class T>
struct Codec<std::vector<T>> {
  static void write(std::string& out, const std::vector<T>& values) {
    out += '[';
    bool first = true;
    for (const auto& value : values) {
      if (!first) out += ',';
      first = false;
      Codec<T>::write(out, value);
    }
    out += ']';
  }
  static void read(const Value& json, std::vector<T>& values, Faults& faults) {
    const auto* array = json.if_array();
    if (!array) return faults.add("wrong_type", "Send an array here.");
    values.resize(array->size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      Faults::Step step(faults, i);
      Codec<T>::read((*array)[i], values[i], faults);
    }
  }
  static Object schema(Schemas& schemas) { return {{"type", "array"}, {"items", Codec<T>::schema(schemas)}}; }
};

template <class T>
struct Codec<std::map<std::string, T>> {
  static void write(std::string& out, const std::map<std::string, T>& values) {
    out += '{';
    bool first = true;
    for (const auto& [key, value] : values) {
      if (!first) out += ',';
      first = false;
      write_string(out, key);
      out += ':';
      Codec<T>::write(out, value);
    }
    out += '}';
  }
  static void read(const Value& json, std::map<std::string, T>& values, Faults& faults) {
    const auto* object = json.if_object();
    if (!object) return faults.add("wrong_type", "Send an object here.");
    for (const auto& entry : *object) {
      Faults::Step step(faults, entry.key());
      Codec<T>::read(entry.value(), values[std::string(entry.key())], faults);
    }
  }
  static Object schema(Schemas& schemas) { return {{"type", "object"}, {"additionalProperties", Codec<T>::schema(schemas)}}; }
};

}  // namespace polyshop::json
