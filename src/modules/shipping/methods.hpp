#pragma once

#include "bus/node.hpp"
#include "kernel/db/kept.hpp"
#include "shipping/facade.hpp"

namespace polyshop::shipping {

struct ChangeMethod {
  Patch<ZoneId> zone_id;
  std::optional<std::map<std::string, Patch<Text<1, 200>>>> names;  // by language; null removes one
  Patch<RateKind> kind;
  Patch<std::vector<Rate>> rates;  // the whole list
  Patch<Range<0, 1'000'000>> position;
};
BOOST_DESCRIBE_STRUCT(ChangeMethod, (), (zone_id, names, kind, rates, position))

struct ListMethods {
  std::optional<Range<1, 100>> limit;
  std::optional<std::string> cursor;
  std::optional<ZoneId> filter_zone;
};
BOOST_DESCRIBE_STRUCT(ListMethods, (), (limit, cursor, filter_zone))

// The ways of sending something to a zone, with what they cost.
class Methods {
 public:
  explicit Methods(bus::Node& node) : node_(node), to_(node.db, 300) {}

  std::vector<DeliveryOption> options(const Call& call, const GetOptions& wanted);
  Method create(const Call& call, const CreateMethod& wanted);
  Method change(const Call& call, const MethodId& id, std::int64_t version, const ChangeMethod& change);
  void remove(const Call& call, const MethodId& id, std::int64_t version);
  Method get(const Call& call, const MethodId& id);
  http::Listed<Method> list(const Call& call, const ListMethods& wanted);

 private:
  bus::Node& node_;
  db::Kept<std::vector<Method>> to_;  // by country
};

}  // namespace polyshop::shipping
