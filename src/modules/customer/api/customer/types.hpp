#pragma once

#include "kernel/json/codec.hpp"

namespace polyshop::customer {

// A country by its two capitals, ISO 3166-1 alpha-2; is_country() says whether there is such a one.
using Country = Text<2, 2>;

// Where something is sent or billed to. Lines and parts as they are printed on a label.
struct Address {
  Text<1, 200> name;
  std::optional<Text<0, 200>> company;
  Text<1, 200> line1;
  std::optional<Text<0, 200>> line2;
  Text<1, 120> city;
  std::optional<Text<0, 120>> region;
  std::optional<Text<0, 20>> postal_code;
  Country country;
  std::optional<Text<0, 40>> phone;
  bool operator==(const Address&) const = default;
};
BOOST_DESCRIBE_STRUCT(Address, (), (name, company, line1, line2, city, region, postal_code, country, phone))

inline bool is_country(std::string_view code) {
  constexpr std::string_view codes =
      " AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR "
      "GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR "
      "MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV "
      "TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW ";
  return code.size() == 2 && codes.find(std::string{' ', code[0], code[1], ' '}) != std::string_view::npos;
}

// A part, one @, a domain with a dot; no blanks or control characters; at most 254 bytes (RFC 5321). Whether somebody reads
// what is sent there only a mail can tell.
inline bool is_email(std::string_view text) {
  const auto at = text.find('@');
  if (text.size() > 254 || at == 0 || at == std::string_view::npos || text.find('@', at + 1) != std::string_view::npos) return false;
  const auto domain = text.substr(at + 1);
  const auto dot = domain.find('.');
  if (dot == 0 || dot == std::string_view::npos || domain.back() == '.' || domain.find("..") != std::string_view::npos) return false;
  return std::ranges::none_of(text, [](unsigned char c) { return c <= ' ' || c == 0x7f || c == '<' || c == '>' || c == ',' || c == ';'; });
}

}  // namespace polyshop::customer
