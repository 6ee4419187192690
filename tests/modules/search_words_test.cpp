#include <doctest/doctest.h>

#include "../../src/modules/search/document.hpp"
#include "../../src/modules/search/storefront.hpp"
#include "../../src/modules/search/words.hpp"

namespace polyshop::search {

TEST_CASE("words are folded and apart") {
  struct Case {
    const char* text;
    std::vector<std::string> words;
  };
  const std::vector<Case> cases{
      {"", {}},
      {"Tea & Cake, 2 cups", {"tea", "cake", "2", "cups"}},
      {"SHIRT-S/42.5", {"shirt", "s", "42", "5"}},
      {"Öl Café naïve Žluťoučký", {"ol", "cafe", "naive", "zlutoucky"}},
      {"Straße STRASSE ẞ", {"strasse", "strasse", "ss"}},
      {"Æther œuvre Ørsted Łódź þing", {"aether", "oeuvre", "orsted", "lodz", "thing"}},
      {"e\u0301t\u0065\u0301", {"ete"}},                     // accents by themselves
      {"Wasser\u00adkocher", {"wasserkocher"}},               // a soft hyphen
      {"Κιθάρα ΩΣ ως", {"κιθαρα", "ωσ", "ωσ"}},
      {"Ёлка ЧАЙНИК Їжак Ѓ", {"елка", "чайник", "їжак", "ѓ"}},
      {"tiếng Việt", {"tieng", "viet"}},
      {"茶壶 set", {"茶", "壶", "set"}},
      {"ｆｕｌｌ １２", {"full", "12"}},
      {"شاي، قهوة", {"شاي", "قهوة"}},
      {"चाय", {"चाय"}},
      {"🙂 👩‍👩‍👧 ™ €5 – “quoted”", {"5", "quoted"}},
      {"10m² µm", {"10m2", "μm"}},
  };
  for (const auto& one : cases) {
    CAPTURE(one.text);
    CHECK(words_of(one.text) == one.words);
  }
  CHECK(words_of(std::string(500, 'a')) == std::vector{std::string(60, 'a')});
  CHECK(words_of("\xf0\x9f") == std::vector<std::string>{});  // cut short: no crash
  CHECK(sort_key_of("  The Öl-Can! ") == "the ol can");
  CHECK(joined({"b", "a", "b"}) == "a b");
}

TEST_CASE("a query is made of words alone") {
  const auto words = words_of(R"("tea" OR NEAR(cup*) 'x':A | !y)");
  CHECK(sqlite_query(words).everywhere == R"("tea" AND "or" AND "near" AND "cup" AND "x" AND "a" AND "y"*)");
  CHECK(sqlite_query({"tea"}).in_labels == R"({title labels} : ("tea"*))");
  CHECK(postgresql_query({"tea", "cu"}).everywhere == "'tea':ABC & 'cu':*ABC");
  CHECK(Words{"a b", "b c", "c d"}.as_vector() == "'a':1A 'b':1A 'c':1B 'd':1C");
}

TEST_CASE("choices of options") {
  CHECK(choices_of("size:M") == std::vector<std::string>{R"(["size","M"])"});
  CHECK(choices_of("size:M,colour:dark red") == std::vector<std::string>{R"(["colour","dark red"])", R"(["size","M"])"});
  CHECK(choices_of(R"(a\:b\,c:d:e\\)") == std::vector<std::string>{R"(["a:b,c","d:e\\"])"});
  for (const auto* bad : {"size", "size:M,", "size:M,size:L", "", "a:1,b:2,c:3,d:4,e:5,f:6"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(choices_of(bad), Problem);
  }
}

TEST_CASE("a body is narrowed to a currency") {
  StoreProduct shown;
  shown.name = R"(tricky "prices":[{"amount":1,"currency":"EUR"}])";
  shown.options = {{Text<1, 60>("prices"), {Text<1, 100>("[{")}}};
  const Money eur{1, *Currency::parse("EUR")}, gbp{2, *Currency::parse("GBP")}, jpy{3, *Currency::parse("JPY")};
  shown.variants = {{catalog::Sku("A"), {{"prices", "[{"}, {"price_from", "[]"}}, 1, {eur, gbp, jpy}, Band::low}, {catalog::Sku("B"), {}, 1, {}, Band::low}, {catalog::Sku("C"), {}, 1, {gbp}, Band::low}};
  shown.price_from = {eur, gbp, jpy};
  const auto body = json::to_text(shown);
  for (const auto& money : {eur, gbp, jpy, Money{0, *Currency::parse("USD")}}) {
    auto expected = shown;
    const auto others = [&](const Money& m) { return m.currency != money.currency; };
    for (auto& variant : expected.variants) std::erase_if(variant.prices, others);
    std::erase_if(expected.price_from, others);
    CHECK(narrowed(body, money.currency) == json::to_text(expected));
  }
}

}  // namespace polyshop::search
