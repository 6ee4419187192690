#pragma once

#include "bus/node.hpp"
#include "catalog/facade.hpp"
#include "pricing/facade.hpp"

namespace polyshop::pricing {

using TaxId = Id<"tax">;

struct Tax {
  TaxId id;
  std::string country;
  std::optional<catalog::CategoryId> category_id;
  std::string name;
  Decimal percent;
  bool inclusive = false;
  std::int64_t version = 0;
};
BOOST_DESCRIBE_STRUCT(Tax, (), (id, country, category_id, name, percent, inclusive, version))

// What a tax is for does not change: remove it and create another.
struct ChangeTax {
  Patch<Text<1, 100>> name;
  Patch<Decimal> percent;
  Patch<bool> inclusive;
};
BOOST_DESCRIBE_STRUCT(ChangeTax, (), (name, percent, inclusive))

struct ListTaxes {
  std::optional<Range<1, 100>> limit;
  std::optional<std::string> cursor;
  std::optional<Text<2, 2>> filter_country;
};
BOOST_DESCRIBE_STRUCT(ListTaxes, (), (limit, cursor, filter_country))

// The taxes of countries: at most one for a category, and one for everything else.
class Taxes {
 public:
  Taxes(bus::Node& node, const catalog::Facade& catalog) : node_(node), catalog_(catalog) {}

  void set(const Call& call, const SetTax& wanted);  // creates it, or changes the one that is there
  Tax create(const Call& call, const SetTax& wanted);
  Tax change(const Call& call, const TaxId& id, std::int64_t version, const ChangeTax& change);
  void remove(const Call& call, const TaxId& id, std::int64_t version);
  Tax get(const Call& call, const TaxId& id);
  http::Listed<Tax> list(const Call& call, const ListTaxes& wanted);

 private:
  Tax checked(const Call& call, const SetTax& wanted) const;

  bus::Node& node_;
  const catalog::Facade& catalog_;
};

}  // namespace polyshop::pricing
