#include "rate.hpp"

#include <set>

#include <fmt/format.h>

namespace polyshop::shipping {
namespace {

constexpr std::size_t steps_max = 100;

void check_steps(RateKind kind, const std::vector<RateStep>& steps, const std::string& pointer) {
  if (steps.empty() || steps.size() > steps_max) throw Problem::invalid("steps_out_of_range", fmt::format("A rate has 1 to {} steps.", steps_max), pointer);
  if (kind == RateKind::flat && (steps.size() != 1 || steps[0].up_to)) throw Problem::invalid("rate_not_flat", "A flat rate is one step without up_to.", pointer);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto& step = steps[i];
    const auto at = fmt::format("{}/{}", pointer, i);
    if (step.amount < 0) throw Problem::invalid("negative_amount", "A delivery costs 0 or more.", at + "/amount");
    if (!step.up_to && i + 1 < steps.size()) throw Problem::invalid("bound_missing", "Only the last step may be without up_to.", at + "/up_to");
    if (step.up_to && *step.up_to < 0) throw Problem::invalid("negative_bound", "A bound is 0 or more.", at + "/up_to");
    if (step.up_to && i > 0 && *step.up_to <= *steps[i - 1].up_to) throw Problem::invalid("bounds_not_ascending", "Each bound is above the one before it.", at + "/up_to");
  }
}

}  // namespace

std::optional<std::int64_t> price_of(RateKind kind, const std::vector<Rate>& rates, const GetOptions& wanted) {
  const auto rate = std::ranges::find(rates, wanted.currency, &Rate::currency);
  if (rate == rates.end()) return {};
  const auto measure = kind == RateKind::by_weight ? wanted.weight_g : wanted.lines_total;
  const auto step = std::ranges::find_if(rate->steps, [&](const auto& one) { return kind == RateKind::flat || !one.up_to || measure <= *one.up_to; });
  if (step == rate->steps.end()) return {};
  return step->amount;
}

void check_rates(RateKind kind, const std::vector<Rate>& rates) {
  if (rates.empty()) throw Problem::invalid("rate_required", "Give the method a rate in at least one currency.", "/rates");
  std::set<Currency> currencies;
  for (std::size_t i = 0; i < rates.size(); ++i) {
    const auto pointer = fmt::format("/rates/{}", i);
    if (!rates[i].currency) throw Problem::invalid("bad_currency", "Name the currency of a rate as of ISO 4217, such as EUR.", pointer + "/currency");
    if (!currencies.insert(rates[i].currency).second) throw Problem::invalid("currency_twice", fmt::format("The currency {} stands twice.", rates[i].currency.code()), pointer + "/currency");
    check_steps(kind, rates[i].steps, pointer + "/steps");
  }
}

}  // namespace polyshop::shipping
