#include "storefront.hpp"

#include <fmt/format.h>

#include "store.hpp"

namespace polyshop::search {
namespace {

struct SortName {
  std::string_view text;
  Sort sort;
};
constexpr SortName sorts[] = {{"relevance", {Sort::By::relevance, false}}, {"name", {Sort::By::name, false}},   {"-name", {Sort::By::name, true}},      {"price", {Sort::By::price, false}},
                              {"-price", {Sort::By::price, true}},         {"created", {Sort::By::created, false}}, {"-created", {Sort::By::created, true}}};

constexpr std::int64_t facet_values_max = 200;
constexpr std::string_view after_all_text = "\U0010FFFF";

struct Position {
  std::string sort;
  std::string text_key;
  std::int64_t number_key = 0;
  std::string id;
};
BOOST_DESCRIBE_STRUCT(Position, (), (sort, text_key, number_key, id))

Problem currency_required(const std::string& pointer) {
  return Problem::invalid("currency_required", "Say in which currency, such as currency=EUR: a product has a price in each.", pointer);
}

Sort sort_of(const ListProducts& wanted) {
  const auto sort = wanted.sort.value_or(wanted.q ? Sort{Sort::By::relevance, false} : Sort{});
  if (sort.by == Sort::By::relevance && !wanted.q) throw Problem::invalid("query_required", "Only what is searched for with q has a relevance; sort by name, price or created.", "sort");
  if (sort.by == Sort::By::price && !wanted.currency) throw currency_required("sort");
  return sort;
}

std::string_view ordering_of(Sort sort) {
  auto text = sort.text();
  if (sort.is_descending) text.remove_prefix(1);
  return text;
}

void start_after(store::Query& query, Sort sort, const std::optional<std::string>& cursor) {
  if (const auto position = http::cursor_as<Position>(cursor)) {
    if (position->sort != sort.text()) throw Problem::malformed("malformed_cursor", fmt::format("This cursor is of a list in the order {}; send it with sort={}.", position->sort, position->sort), "cursor");
    query.text_key = position->text_key;
    query.number_key = position->number_key;
    query.id = position->id;
  } else if (sort.is_descending) {
    query.text_key = after_all_text;
    query.number_key = std::numeric_limits<std::int64_t>::max();
    query.id = after_all_text;
  } else {
    query.number_key = std::numeric_limits<std::int64_t>::min();
  }
}

void take_conditions(Tx& tx, store::Query& query, const ListProducts& wanted) {
  if (wanted.filter_category) {
    query.category = store::find_category(tx, *wanted.filter_category);
    if (!query.category) throw Problem::invalid("unknown_category", fmt::format("There is no category {}.", wanted.filter_category->str()), "filter[category]");
  }
  query.currency = wanted.currency;
  query.is_priced = wanted.filter_price_min || wanted.filter_price_max;
  if (query.is_priced && !wanted.currency) throw currency_required(wanted.filter_price_min ? "filter[price_min]" : "filter[price_max]");
  if (wanted.filter_price_min) query.price_min = *wanted.filter_price_min;
  if (wanted.filter_price_max) query.price_max = *wanted.filter_price_max;
  if (wanted.filter_available) query.available_min = query.available_max = wanted.filter_available->value;
  if (wanted.filter_option) {
    const auto choices = choices_of(*wanted.filter_option);
    query.options = static_cast<std::int64_t>(choices.size());
    std::string* const places[] = {&query.choice1, &query.choice2, &query.choice3, &query.choice4, &query.choice5};
    for (std::size_t i = 0; i < choices.size(); ++i) *places[i] = choices[i];
    query.lead = choices.front();
  }
}

void take_words(Tx& tx, store::Query& query, const std::vector<std::string>& words) {
  auto text = tx.engine() == Engine::sqlite ? sqlite_query(words) : postgresql_query(words);
  query.words = std::move(text.everywhere);
  query.in_title = std::move(text.in_title);
  query.in_labels = std::move(text.in_labels);
}

// Chooses the condition that finds the fewest; answers whether they are few.
bool choose_driver(Tx& tx, store::Query& query, std::int64_t few, bool by_words, bool by_availability) {
  if (by_words) {
    query.driver = "words";
    return true;
  }
  std::int64_t fewest = std::numeric_limits<std::int64_t>::max();
  const auto offer = [&](const char* driver, std::int64_t count) {
    if (count >= fewest) return false;
    fewest = count;
    query.driver = driver;
    return true;
  };
  if (query.category) offer("category", store::count_in_category(tx, *query.category, few));
  for (const auto* choice : {&query.choice1, &query.choice2, &query.choice3, &query.choice4, &query.choice5})
    if (!choice->empty() && offer("option", store::count_with_choice(tx, *choice, few))) query.lead = *choice;
  if (query.is_priced) offer("price", store::count_priced(tx, query, few));
  if (by_availability) offer("availability", store::count_available(tx, query.available_min == 1, few));
  if (query.driver.empty()) query.driver = "all";
  return fewest < few;
}

Facets facets_of(Tx& tx, const store::Query& query, const std::string& language) {
  Facets facets;
  for (const auto& row : store::count_by_category(tx, query, facet_values_max)) facets.categories.push_back({row.id, row.handle, catalog::text_in(row.texts.value, language).name, row.products});
  for (const auto& row : store::count_by_band(tx, query)) facets.availability.push_back({row.band, row.products});
  for (auto& row : store::count_by_choice(tx, query, facet_values_max)) {
    auto& choice = row.choice.value;
    auto option = std::ranges::find(facets.options, choice[0], &OptionFacet::name);
    if (option == facets.options.end()) option = facets.options.insert(option, {choice[0], {}});
    option->values.push_back({std::move(choice[1]), row.products});
  }
  for (const auto& row : store::price_ranges(tx, query)) facets.prices.push_back({{row.min, row.currency}, {row.max, row.currency}});
  return facets;
}

// What decides which products a list has and where; what it shows of them is theirs.
std::vector<std::string> dependences_of(const ListProducts& wanted, Sort sort) {
  const bool has_facets = wanted.facets && wanted.facets->value;
  std::vector<std::string> names{std::string(lists_name)};
  if (has_facets || sort.by == Sort::By::price || wanted.filter_price_min || wanted.filter_price_max) names.emplace_back(lists_by_price_name);
  if (has_facets || wanted.filter_available) names.emplace_back(lists_by_availability_name);
  return names;
}

std::string shown_in(std::string&& body, const std::optional<Currency>& currency) { return currency ? narrowed(body, *currency) : std::move(body); }

}  // namespace

std::optional<Sort> Sort::parse(std::string_view text) {
  for (const auto& one : sorts)
    if (one.text == text) return one.sort;
  return {};
}

std::string_view Sort::text() const {
  return std::ranges::find(sorts, *this, &SortName::sort)->text;
}

std::optional<Storefront::Found> Storefront::find(const Call& call, const std::string& id_or_handle, const GetProduct& wanted) {
  const auto id = ProductId::parse(id_or_handle);
  const std::int64_t min_version = wanted.min_version ? static_cast<std::int64_t>(*wanted.min_version) : 0;
  bool is_late = false;
  std::string depends_on;
  auto shown = node_.db.read(call, [&](Tx& tx) {
    const auto look = [&](const std::string& language) { return id ? store::find_page(tx, *id, language) : store::find_page_by_handle(tx, id_or_handle, language); };
    auto found = look(call.language);
    if (found) {
      depends_on = found->product_id.str();
    } else if (const auto language = store::find_language(tx, call.language); language != call.language) {
      found = look(language);
      depends_on = lists_name;  // which language stands in for another depends on all documents
    }
    is_late = min_version > 0 && (found ? store::document_version(tx, found->product_id) : id ? store::shown_version(tx, *id) : 0) < min_version;
    return found;
  });
  if (is_late) return {};
  if (!shown) throw Problem::not_found("product", id_or_handle);
  auto etag = wanted.currency ? fmt::format("\"{}-{}\"", shown->digest, wanted.currency->code()) : fmt::format("\"{}\"", shown->digest);
  return Found{shown_in(std::move(shown->body), wanted.currency), std::move(etag), std::move(depends_on)};
}

Storefront::List Storefront::list(const Call& call, const ListProducts& wanted) {
  const auto sort = sort_of(wanted);
  const auto limit = wanted.limit ? static_cast<std::int64_t>(*wanted.limit) : 25;
  const auto words = wanted.q ? words_of(*wanted.q) : std::vector<std::string>();
  const bool is_nothing_asked = wanted.q && words.empty();  // "?!" finds nothing
  const bool with_facets = wanted.facets && wanted.facets->value;
  const bool with_count = wanted.count == Count::exact;
  store::Query query;
  query.ordering = ordering_of(sort);
  query.limit = limit + 1;
  start_after(query, sort, wanted.cursor);

  std::vector<store::Hit> hits;
  std::optional<std::int64_t> count;
  Facets facets;
  node_.db.read(call, [&](Tx& tx) {
    take_conditions(tx, query, wanted);
    if (is_nothing_asked) {
      count = 0;
      return;
    }
    query.language = store::find_language(tx, call.language);
    if (wanted.q) take_words(tx, query, words);
    const bool are_few = choose_driver(tx, query, few_, wanted.q.has_value(), wanted.filter_available && query.options == 0);
    hits = are_few ? store::gather(tx, query, sort.is_descending) : store::walk(tx, query, sort.is_descending);
    if (with_count) count = store::count(tx, query);
    if (with_facets) facets = facets_of(tx, query, query.language);
  });

  List list{{}, dependences_of(wanted, sort)};
  auto& page = list.page;
  if (static_cast<std::int64_t>(hits.size()) > limit) {
    hits.pop_back();
    const auto& last = hits.back();
    page.next_cursor = http::cursor_of(Position{std::string(sort.text()), last.text_key, last.number_key, last.product_id.str()});
  }
  for (auto& hit : hits) {
    list.depends_on.push_back(hit.product_id.str());
    page.data.push_back({shown_in(std::move(hit.body), wanted.currency)});
  }
  if (with_count) page.count = count;
  if (with_facets) page.facets = json::Raw{json::to_text(facets)};
  return list;
}

std::vector<std::string> choices_of(std::string_view filter) {
  const auto malformed = [] { return Problem::invalid("malformed_option", "Name options and values as in size:M,colour:red, each option once and at most five.", "filter[option]"); };
  std::map<std::string, std::string> values;
  std::string name, text;
  bool is_value = false;
  const auto end = [&] {
    if (!is_value || !values.emplace(std::move(name), std::move(text)).second || values.size() > 5) throw malformed();
    name.clear();
    text.clear();
    is_value = false;
  };
  for (std::size_t i = 0; i < filter.size(); ++i) {
    if (filter[i] == '\\' && i + 1 < filter.size()) {
      text += filter[++i];
    } else if (filter[i] == ',') {
      end();
    } else if (filter[i] == ':' && !is_value) {
      name = std::move(text);
      text.clear();
      is_value = true;
    } else {
      text += filter[i];
    }
  }
  end();
  std::vector<std::string> choices;
  for (const auto& [option, value] : values) choices.push_back(choice_of(option, value));
  return choices;
}

}  // namespace polyshop::search

namespace polyshop::json {

void Codec<search::Sort>::read(const Value& json, search::Sort& value, Faults& faults) {
  std::string_view text;
  if (!read_string(json, text, faults)) return;
  if (const auto sort = search::Sort::parse(text))
    value = *sort;
  else
    faults.add("unknown_value", "Send one of: relevance, name, -name, price, -price, created, -created.");
}

Object Codec<search::Sort>::schema(Schemas&) {
  Array names;
  for (const auto& one : search::sorts) names.emplace_back(one.text);
  return {{"type", "string"}, {"enum", std::move(names)}};
}

void Codec<search::Flag>::read(const Value& json, search::Flag& value, Faults& faults) {
  std::string_view text;
  if (!read_string(json, text, faults)) return;
  if (text == "true" || text == "false")
    value.value = text == "true";
  else
    faults.add("wrong_type", "Send true or false.");
}

}  // namespace polyshop::json
