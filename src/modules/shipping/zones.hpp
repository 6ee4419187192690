#pragma once

#include "bus/node.hpp"
#include "shipping/facade.hpp"

namespace polyshop::shipping {

struct ChangeZone {
  Patch<Text<1, 100>> name;
  Patch<std::vector<Text<2, 2>>> countries;  // the whole list
};
BOOST_DESCRIBE_STRUCT(ChangeZone, (), (name, countries))

struct ListZones {
  std::optional<Range<1, 100>> limit;
  std::optional<std::string> cursor;
};
BOOST_DESCRIBE_STRUCT(ListZones, (), (limit, cursor))

// Where is sent to: sets of countries that do not overlap, and at most one zone for all the others.
class Zones {
 public:
  explicit Zones(bus::Node& node) : node_(node) {}

  Zone create(const Call& call, const CreateZone& wanted);
  Zone change(const Call& call, const ZoneId& id, std::int64_t version, const ChangeZone& change);
  void remove(const Call& call, const ZoneId& id, std::int64_t version);  // only one without methods
  Zone get(const Call& call, const ZoneId& id);
  http::Listed<Zone> list(const Call& call, const ListZones& wanted);

 private:
  bus::Node& node_;
};

}  // namespace polyshop::shipping
