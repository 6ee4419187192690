#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>

#include "kernel/json/codec.hpp"
#include "kernel/types/id.hpp"
#include "kernel/types/money.hpp"
#include "kernel/types/text.hpp"

namespace polyshop::db {

enum class Kind : std::uint8_t { integer, real, text };

// One bound parameter or one column of the current row, in memory that stays where it is for as long as its statement.
struct Slot {
  Kind kind = Kind::integer;
  bool is_null = false;
  long long integer = 0;
  double real = 0;
  std::string text;
};

// A value that is kept as JSON text in a column.
template <class T>
struct Json {
  T value{};
};

// How a C++ type is kept in a column of the common dialect: integers and booleans as bigint, everything else as text.
template <class T>
struct Column;

template <std::integral T>
struct Column<T> {
  static constexpr Kind kind = Kind::integer;
  static void bind(Slot& slot, T value) { slot.integer = static_cast<long long>(value); }
  static T read(const Slot& slot) { return static_cast<T>(slot.integer); }
};
template <long long Min, long long Max>
struct Column<Range<Min, Max>> {
  static constexpr Kind kind = Kind::integer;
  static void bind(Slot& slot, Range<Min, Max> value) { slot.integer = value; }
  static Range<Min, Max> read(const Slot& slot) { return slot.integer; }
};
template <>
struct Column<double> {
  static constexpr Kind kind = Kind::real;
  static void bind(Slot& slot, double value) { slot.real = value; }
  static double read(const Slot& slot) { return slot.real; }
};
template <class T>
  requires std::is_convertible_v<const T&, std::string_view>
struct Column<T> {
  static constexpr Kind kind = Kind::text;
  static void bind(Slot& slot, std::string_view value) { slot.text = value; }
  static T read(const Slot& slot) { return T(slot.text); }
};
template <FixedString P>
struct Column<Id<P>> {
  static constexpr Kind kind = Kind::text;
  static void bind(Slot& slot, const Id<P>& value) { slot.text = value.view(); }
  static Id<P> read(const Slot& slot) {
    if (slot.text.empty()) return {};
    if (auto id = Id<P>::parse(slot.text)) return *id;
    die("a column holds an id of another kind: " + slot.text);
  }
};
template <>
struct Column<Currency> {
  static constexpr Kind kind = Kind::text;
  static void bind(Slot& slot, Currency value) { slot.text = value.code(); }
  static Currency read(const Slot& slot) { return Currency::parse(slot.text).value_or(Currency{}); }
};
template <>
struct Column<Decimal> {
  static constexpr Kind kind = Kind::text;
  static void bind(Slot& slot, const Decimal& value) { slot.text = value.str(); }
  static Decimal read(const Slot& slot) { return Decimal::parse(slot.text).value_or(Decimal{}); }
};
template <json::DescribedEnum T>
struct Column<T> {
  static constexpr Kind kind = Kind::text;
  static void bind(Slot& slot, T value) { slot.text = json::enum_name(value); }
  static T read(const Slot& slot) {
    if (const auto value = json::enum_value<T>(slot.text)) return *value;
    die("a column holds an unknown value: " + slot.text);
  }
};
template <class T>
struct Column<Json<T>> {
  static constexpr Kind kind = Kind::text;
  static void bind(Slot& slot, const Json<T>& value) {
    slot.text.clear();
    json::write(slot.text, value.value);
  }
  static Json<T> read(const Slot& slot) { return {json::from_text<T>(slot.text, json::Mode::lenient)}; }
};
template <>
struct Column<json::Raw> {
  static constexpr Kind kind = Kind::text;
  static void bind(Slot& slot, const json::Raw& value) { slot.text = value.text; }
  static json::Raw read(const Slot& slot) { return {slot.text}; }
};
template <class T>
struct Column<std::optional<T>> {
  static constexpr Kind kind = Column<T>::kind;
  static void bind(Slot& slot, const std::optional<T>& value) {
    slot.is_null = !value;
    if (value) Column<T>::bind(slot, *value);
  }
  static std::optional<T> read(const Slot& slot) {
    if (slot.is_null) return {};
    return Column<T>::read(slot);
  }
};

template <class T>
concept Scalar = requires { Column<std::decay_t<T>>::kind; };

}  // namespace polyshop::db

namespace polyshop::json {

template <class T>
struct Codec<db::Json<T>> {
  static void write(std::string& out, const db::Json<T>& value) { Codec<T>::write(out, value.value); }
  static void read(const Value& json, db::Json<T>& value, Faults& faults) { Codec<T>::read(json, value.value, faults); }
  static Object schema(Schemas& schemas) { return Codec<T>::schema(schemas); }
};

}  // namespace polyshop::json
