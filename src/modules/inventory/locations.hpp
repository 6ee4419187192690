#pragma once

#include "stock.hpp"

namespace polyshop::inventory {

struct CreateLocation {
  Text<1, 60> code;
  Text<1, 200> name;
  std::optional<Range<0, 1'000'000>> priority;  // after all others where absent
};
BOOST_DESCRIBE_STRUCT(CreateLocation, (), (code, name, priority))

struct ChangeLocation {
  std::optional<Text<1, 200>> name;
  std::optional<Range<0, 1'000'000>> priority;
};
BOOST_DESCRIBE_STRUCT(ChangeLocation, (), (name, priority))

// Where goods are. A location stays for ever, since movements name it.
class Locations {
 public:
  explicit Locations(bus::Node& node) : node_(node) {}

  StockLocation create(const Call& call, const CreateLocation& wanted);
  StockLocation change(const Call& call, const LocationId& id, std::int64_t version, const ChangeLocation& change);
  StockLocation get(const Call& call, const LocationId& id);
  std::vector<StockLocation> list(const Call& call);

 private:
  bus::Node& node_;
};

bool is_location_code(std::string_view code);
// The location of that code; made where it is missing.
LocationId location_of_code(Tx& tx, const std::string& code);

}  // namespace polyshop::inventory
