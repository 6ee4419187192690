#pragma once

#include "kernel/facade/operation.hpp"

namespace polyshop::shipping {

using ZoneId = Id<"zone">;
using MethodId = Id<"shm">;

// How a method's price is found: the same always, by the weight, or by the net total of the lines.
enum class RateKind { flat, by_weight, by_total };
BOOST_DESCRIBE_ENUM(RateKind, flat, by_weight, by_total)

// The price up to and including a bound: grams by weight, minor units of the currency by total. The last has no bound.
struct RateStep {
  std::optional<std::int64_t> up_to;
  std::int64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(RateStep, (), (up_to, amount))

struct Rate {
  Currency currency;
  std::vector<RateStep> steps;  // ascending; one without bound where flat. Beyond the last bound the method is not offered.
};
BOOST_DESCRIBE_STRUCT(Rate, (), (currency, steps))

struct CreateZone {
  Text<1, 100> name;
  std::vector<Text<2, 2>> countries;  // ISO 3166-1 alpha-2; empty: every country no other zone names
};
BOOST_DESCRIBE_STRUCT(CreateZone, (), (name, countries))

struct Zone {
  ZoneId id;
  std::string name;
  std::vector<std::string> countries;
  std::int64_t version = 0;
};
BOOST_DESCRIBE_STRUCT(Zone, (), (id, name, countries, version))

struct CreateMethod {
  ZoneId zone_id;
  std::map<std::string, Text<1, 200>> names;  // by language
  RateKind kind = RateKind::flat;
  std::vector<Rate> rates;  // at most one per currency
  std::optional<Range<0, 1'000'000>> position;
};
BOOST_DESCRIBE_STRUCT(CreateMethod, (), (zone_id, names, kind, rates, position))

struct Method {
  MethodId id;
  ZoneId zone_id;
  std::map<std::string, Text<1, 200>> names;
  RateKind kind = RateKind::flat;
  std::vector<Rate> rates;
  std::int64_t position = 0;
  std::int64_t version = 0;
};
BOOST_DESCRIBE_STRUCT(Method, (), (id, zone_id, names, kind, rates, position, version))

struct GetOptions {
  std::string country;
  Currency currency;
  std::int64_t weight_g = 0;
  std::int64_t lines_total = 0;  // net, minor units
};
BOOST_DESCRIBE_STRUCT(GetOptions, (), (country, currency, weight_g, lines_total))

struct DeliveryOption {
  MethodId method_id;
  std::string name;   // in the call's language
  std::int64_t amount = 0;
  Currency currency;
};
BOOST_DESCRIBE_STRUCT(DeliveryOption, (), (method_id, name, amount, currency))

struct Facade {
  Query<GetOptions, std::vector<DeliveryOption>> get_options;  // in their position; empty where nothing is sent there
  Command<CreateZone, Zone> create_zone;
  Command<CreateMethod, Method> create_method;
};
BOOST_DESCRIBE_STRUCT(Facade, (), (get_options, create_zone, create_method))

}  // namespace polyshop::shipping
