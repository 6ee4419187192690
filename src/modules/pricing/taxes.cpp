#include "taxes.hpp"

#include <fmt/format.h>

#include "store.hpp"

namespace polyshop::pricing {
namespace {

void check(const Tax& tax) {
  const bool is_country = tax.country.size() == 2 && std::ranges::all_of(tax.country, [](char c) { return c >= 'A' && c <= 'Z'; });
  if (!is_country) throw Problem::invalid("unknown_country", "Name the country by two capitals as of ISO 3166-1, such as DE.", "/country");
  const auto name_size = code_points(tax.name);
  if (name_size < 1 || name_size > 100) throw Problem::invalid("bad_name", "The name of a tax has 1 to 100 characters.", "/name");
  if (tax.percent < Decimal{0} || tax.percent > Decimal{100}) throw Problem::invalid("percent_out_of_range", "A tax is 0 to 100 percent.", "/percent");
}

Problem changed() { return Problem::precondition_failed("The tax has changed since you read it; read it again and repeat your change."); }

}  // namespace

// A category that does not exist would be a tax that is never charged, which nobody would notice.
Tax Taxes::checked(const Call& call, const SetTax& wanted) const {
  Tax tax{TaxId::make(call.now), wanted.country, wanted.category_id, wanted.name, wanted.percent, wanted.inclusive, 1};
  check(tax);
  if (tax.category_id && std::ranges::none_of(catalog_.list_categories(call, {}), [&](const auto& category) { return category.id == *tax.category_id; }))
    throw Problem::invalid("unknown_category", fmt::format("There is no category {}.", tax.category_id->view()), "/category_id");
  return tax;
}

void Taxes::set(const Call& call, const SetTax& wanted) {
  const auto tax = checked(call, wanted);
  node_.db.write(call, [&](Tx& tx) { store::put_tax(tx, tax); });
}

Tax Taxes::create(const Call& call, const SetTax& wanted) {
  const auto tax = checked(call, wanted);
  return node_.db.write(call, [&](Tx& tx) {
    if (!store::insert_tax(tx, tax))
      throw Problem::conflict("tax_exists", fmt::format("{} has {} already; change that one.", tax.country, tax.category_id ? "a tax for this category" : "a general tax"), tax.category_id ? "/category_id" : "/country");
    return tax;
  });
}

Tax Taxes::change(const Call& call, const TaxId& id, std::int64_t version, const ChangeTax& change) {
  return node_.db.write(call, [&](Tx& tx) {
    auto tax = store::find_tax(tx, id);
    if (!tax) throw Problem::not_found("tax", id.view());
    if (tax->version != version) throw changed();
    if (change.name.value) tax->name = *change.name.value;
    change.percent.apply_to(tax->percent);
    change.inclusive.apply_to(tax->inclusive);
    check(*tax);
    if (!store::update_tax(tx, *tax)) throw changed();
    ++tax->version;
    return *tax;
  });
}

void Taxes::remove(const Call& call, const TaxId& id, std::int64_t version) {
  node_.db.write(call, [&](Tx& tx) {
    if (!store::find_tax(tx, id)) throw Problem::not_found("tax", id.view());
    if (!store::delete_tax(tx, id, version)) throw changed();
  });
}

Tax Taxes::get(const Call& call, const TaxId& id) {
  auto tax = node_.db.read(call, [&](Tx& tx) { return store::find_tax(tx, id); });
  if (!tax) throw Problem::not_found("tax", id.view());
  return std::move(*tax);
}

http::Listed<Tax> Taxes::list(const Call& call, const ListTaxes& wanted) {
  const auto after = http::cursor_as<TaxId>(wanted.cursor);
  const auto limit = wanted.limit ? static_cast<std::int64_t>(*wanted.limit) : 25;
  http::Listed<Tax> page;
  page.data = node_.db.read(call, [&](Tx& tx) { return store::list_taxes(tx, after, wanted.filter_country, limit + 1); });
  if (static_cast<std::int64_t>(page.data.size()) > limit) {
    page.data.pop_back();
    page.next_cursor = http::cursor_of(page.data.back().id);
  }
  return page;
}

}  // namespace polyshop::pricing
