#include "store.hpp"

// The statements of lists, and what they have in common.
namespace polyshop::search::store {
namespace {

// What a product d must meet. A variant fits where it has all the choices, and of these variants one is available or none is;
// without choices the product itself is.
constexpr auto fits = db::shared(
    R"((cast(:category as text) IS NULL OR EXISTS (SELECT 1 FROM search_placement AS ic WHERE ic.product_id = d.product_id AND ic.category_id = :category))
       AND (:is_priced = 0 OR EXISTS (SELECT 1 FROM search_price AS ip WHERE ip.product_id = d.product_id AND ip.currency = :currency
                                      AND ip.amount BETWEEN :price_min AND :price_max))
       AND CASE WHEN :options = 0 THEN d.is_available ELSE
             (SELECT coalesce(max(v.is_available), -1) FROM (SELECT io.is_available FROM search_option AS io
                WHERE io.product_id = d.product_id AND io.choice IN (:choice1, :choice2, :choice3, :choice4, :choice5)
                GROUP BY io.variant, io.is_available HAVING count(*) = :options) AS v) END BETWEEN :available_min AND :available_max )"_part);

// A page's products, with what is shown of them: these two around the products' keys. CROSS JOIN keeps SQLite from changing
// the order of tables.
constexpr auto shown_of = db::shared("SELECT k.product_id, k.text_key, k.number_key, s.body FROM ("_part);
constexpr auto ascending =
    db::shared(") AS k CROSS JOIN search_page AS s WHERE s.product_id = k.product_id AND s.language = :language ORDER BY k.text_key, k.number_key, k.product_id"_part);
constexpr auto descending = db::shared(
    ") AS k CROSS JOIN search_page AS s WHERE s.product_id = k.product_id AND s.language = :language ORDER BY k.text_key DESC, k.number_key DESC, k.product_id DESC"_part);

// What words find; `zone` is 0 where all of them stand in the title, 1 where they stand in title and labels, 2 otherwise.
constexpr auto by_words_sqlite = db::shared(
    R"(SELECT r.product_id, CASE WHEN r.number IN (SELECT rowid FROM search_words WHERE search_words MATCH :in_title) THEN 0
                                 WHEN r.number IN (SELECT rowid FROM search_words WHERE search_words MATCH :in_labels) THEN 1 ELSE 2 END
       FROM search_words CROSS JOIN search_words_row AS r WHERE :driver = 'words' AND r.number = search_words.rowid AND search_words MATCH :words )"_part);
constexpr auto by_words_postgresql = db::shared(
    R"(SELECT w.product_id, CASE WHEN w.words @@ cast(:in_title as tsquery) THEN 0 WHEN w.words @@ cast(:in_labels as tsquery) THEN 1 ELSE 2 END
       FROM search_words AS w WHERE :driver = 'words' AND w.words @@ cast(:words as tsquery) )"_part);

// One of these finds products and the others cost nothing, since a part whose driver is another is not begun.
constexpr auto found = db::shared("WITH found (product_id, zone) AS ("_part);
constexpr auto fitting = db::shared(
    R"(  UNION ALL SELECT product_id, 0 FROM search_placement WHERE :driver = 'category' AND category_id = :category
         UNION ALL SELECT product_id, 0 FROM search_price WHERE :driver = 'price' AND currency = :currency AND amount BETWEEN :price_min AND :price_max
         UNION ALL SELECT product_id, 0 FROM search_option WHERE :driver = 'option' AND choice = :lead AND is_first = 1
         UNION ALL SELECT product_id, 0 FROM search_document WHERE :driver = 'availability' AND is_available = :available_min
         UNION ALL SELECT product_id, 0 FROM search_document WHERE :driver = 'all'),
       fitting AS (SELECT d.product_id, d.created_ms, d.availability, found.zone FROM found CROSS JOIN search_document AS d WHERE d.product_id = found.product_id AND )"_part +
    fits + ") "_part);

// All that fits, with its keys in the order.
constexpr auto keys = db::shared(
    R"(SELECT f.product_id, f.text_key, f.number_key FROM (
         SELECT fitting.product_id, CASE WHEN :ordering = 'name' THEN n.name_key ELSE '' END AS text_key,
                CASE :ordering WHEN 'relevance' THEN fitting.zone WHEN 'created' THEN fitting.created_ms WHEN 'price' THEN p.amount ELSE 0 END AS number_key
         FROM fitting CROSS JOIN search_page AS n LEFT JOIN search_price AS p ON p.product_id = fitting.product_id AND p.currency = :currency
         WHERE n.product_id = fitting.product_id AND n.language = :language AND (:ordering <> 'price' OR p.amount IS NOT NULL)) AS f )"_part);

// A statement over what fits, in both forms.
template <db::SqlText Select>
auto of_fitting(db::Part<Select> select) {
  return db::one_of(db::sqlite(found + by_words_sqlite + fitting + select), db::postgresql(found + by_words_postgresql + fitting + select));
}

}  // namespace

std::int64_t count_in_category(Tx& tx, const CategoryId& category, std::int64_t limit) {
  return tx.get<std::int64_t>("SELECT count(*) AS n FROM (SELECT 1 AS one FROM search_placement WHERE category_id = :category LIMIT :limit) AS few"_sql, category, limit);
}

std::int64_t count_priced(Tx& tx, const Query& query, std::int64_t limit) {
  return tx.get<std::int64_t>("SELECT count(*) AS n FROM (SELECT 1 AS one FROM search_price WHERE currency = :currency AND amount BETWEEN :min AND :max LIMIT :limit) AS few"_sql, query.currency,
                              query.price_min, query.price_max, limit);
}

std::int64_t count_with_choice(Tx& tx, const std::string& choice, std::int64_t limit) {
  return tx.get<std::int64_t>("SELECT count(*) AS n FROM (SELECT 1 AS one FROM search_option WHERE choice = :choice AND is_first = 1 LIMIT :limit) AS few"_sql, choice, limit);
}

std::int64_t count_available(Tx& tx, bool is_available, std::int64_t limit) {
  return tx.get<std::int64_t>("SELECT count(*) AS n FROM (SELECT 1 AS one FROM search_document WHERE is_available = :is_available LIMIT :limit) AS few"_sql, is_available, limit);
}

std::vector<Hit> walk(Tx& tx, const Query& query, bool is_descending) {
  if (query.ordering == "name")
    return is_descending ? tx.list<Hit>(db::sql(shown_of + R"(SELECT n.product_id, n.name_key AS text_key, 0 AS number_key FROM search_page AS n CROSS JOIN search_document AS d
                                                              WHERE n.language = :language AND (n.name_key, n.product_id) < (:text_key, :id) AND d.product_id = n.product_id AND )"_part +
                                                fits + "ORDER BY n.name_key DESC, n.product_id DESC LIMIT :limit"_part + descending),
                                        query)
                         : tx.list<Hit>(db::sql(shown_of + R"(SELECT n.product_id, n.name_key AS text_key, 0 AS number_key FROM search_page AS n CROSS JOIN search_document AS d
                                                              WHERE n.language = :language AND (n.name_key, n.product_id) > (:text_key, :id) AND d.product_id = n.product_id AND )"_part +
                                                fits + "ORDER BY n.name_key, n.product_id LIMIT :limit"_part + ascending),
                                        query);
  if (query.ordering == "price")
    return is_descending ? tx.list<Hit>(db::sql(shown_of + R"(SELECT p.product_id, '' AS text_key, p.amount AS number_key FROM search_price AS p CROSS JOIN search_document AS d
                                                              WHERE p.currency = :currency AND (p.amount, p.product_id) < (:number_key, :id) AND d.product_id = p.product_id AND )"_part +
                                                fits + "ORDER BY p.amount DESC, p.product_id DESC LIMIT :limit"_part + descending),
                                        query)
                         : tx.list<Hit>(db::sql(shown_of + R"(SELECT p.product_id, '' AS text_key, p.amount AS number_key FROM search_price AS p CROSS JOIN search_document AS d
                                                              WHERE p.currency = :currency AND (p.amount, p.product_id) > (:number_key, :id) AND d.product_id = p.product_id AND )"_part +
                                                fits + "ORDER BY p.amount, p.product_id LIMIT :limit"_part + ascending),
                                        query);
  return is_descending ? tx.list<Hit>(db::sql(shown_of + R"(SELECT d.product_id, '' AS text_key, d.created_ms AS number_key FROM search_document AS d
                                                            WHERE (d.created_ms, d.product_id) < (:number_key, :id) AND )"_part +
                                              fits + "ORDER BY d.created_ms DESC, d.product_id DESC LIMIT :limit"_part + descending),
                                      query)
                       : tx.list<Hit>(db::sql(shown_of + R"(SELECT d.product_id, '' AS text_key, d.created_ms AS number_key FROM search_document AS d
                                                            WHERE (d.created_ms, d.product_id) > (:number_key, :id) AND )"_part +
                                              fits + "ORDER BY d.created_ms, d.product_id LIMIT :limit"_part + ascending),
                                      query);
}

std::vector<Hit> gather(Tx& tx, const Query& query, bool is_descending) {
  if (is_descending)
    return tx.list<Hit>(of_fitting(shown_of + keys + R"(WHERE (f.text_key, f.number_key, f.product_id) < (:text_key, :number_key, :id)
                                                        ORDER BY f.text_key DESC, f.number_key DESC, f.product_id DESC LIMIT :limit)"_part + descending),
                        query);
  return tx.list<Hit>(of_fitting(shown_of + keys + R"(WHERE (f.text_key, f.number_key, f.product_id) > (:text_key, :number_key, :id)
                                                      ORDER BY f.text_key, f.number_key, f.product_id LIMIT :limit)"_part + ascending),
                      query);
}

std::int64_t count(Tx& tx, const Query& query) { return tx.get<std::int64_t>(of_fitting("SELECT count(*) AS n FROM fitting"_part), query); }

std::vector<CategoryCount> count_by_category(Tx& tx, const Query& query, std::int64_t values_max) {
  return tx.list<CategoryCount>(of_fitting(R"(SELECT c.id, c.handle, c.texts, t.products FROM (
                                             SELECT l.category_id, count(*) AS products FROM fitting CROSS JOIN search_placement AS l WHERE l.product_id = fitting.product_id
                                             GROUP BY l.category_id ORDER BY products DESC, l.category_id LIMIT :values_max) AS t
                                           CROSS JOIN search_category AS c WHERE c.id = t.category_id ORDER BY t.products DESC, c.id)"_part),
                                query, values_max);
}

std::vector<BandCount> count_by_band(Tx& tx, const Query& query) {
  return tx.list<BandCount>(of_fitting("SELECT availability AS band, count(*) AS products FROM fitting GROUP BY availability ORDER BY availability"_part), query);
}

std::vector<ChoiceCount> count_by_choice(Tx& tx, const Query& query, std::int64_t values_max) {
  return tx.list<ChoiceCount>(of_fitting(R"(SELECT o.choice, count(*) AS products FROM fitting CROSS JOIN search_option AS o WHERE o.product_id = fitting.product_id AND o.is_first = 1
                                         GROUP BY o.choice ORDER BY products DESC, o.choice LIMIT :values_max)"_part),
                              query, values_max);
}

std::vector<PriceRange> price_ranges(Tx& tx, const Query& query) {
  return tx.list<PriceRange>(of_fitting(R"(SELECT r.currency, min(r.amount) AS min, max(r.amount) AS max FROM fitting CROSS JOIN search_price AS r
                                        WHERE r.product_id = fitting.product_id AND (cast(:currency as text) IS NULL OR r.currency = :currency)
                                        GROUP BY r.currency ORDER BY r.currency)"_part),
                             query);
}

}  // namespace polyshop::search::store
