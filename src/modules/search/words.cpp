#include "words.hpp"

#include <algorithm>
#include <set>

#include "kernel/security/token.hpp"

namespace polyshop::search {
namespace {

constexpr std::size_t word_size_max = 60;

// The letter below the accents, for U+00C0 to U+024F and U+1E00 to U+1EFF; a dot where there is none of the 26.
constexpr std::string_view latin =
    "aaaaaa.ceeeeiiiidnooooo.ouuuuy..aaaaaa.ceeeeiiiidnooooo.ouuuuy.y"
    "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiii..jjkkklllllll"
    "lllnnnnnnnnnoooooo..rrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs"
    "................................oo.............uu..............."
    ".............aaiioouuuuuuuuuu.aaaa....ggkkoooo..j...gg..nnaa...."
    "aaaaeeeeiiiioooorrrruuuusstt..hh......aaeeooooooooyy............"
    "................";
constexpr std::string_view latin_additional =
    "aabbbbbbccddddddddddeeeeeeeeeeffgghhhhhhhhhhiiiikkkkkkllllllllmm"
    "mmmmnnnnnnnnoooooooopppprrrrrrrrssssssssssttttttttuuuuuuuuuuvvvv"
    "wwwwwwwwwwxxxxyyzzzzzzhtwy.s....aaaaaaaaaaaaaaaaaaaaaaaaeeeeeeee"
    "eeeeeeeeiiiioooooooooooooooooooooooouuuuuuuuuuuuuuyyyyyyyy......";
static_assert(latin.size() == 0x250 - 0xc0 && latin_additional.size() == 0x100);

struct Block {
  char32_t first, last;
};
// Above ASCII everything belongs to words but these: punctuation, symbols, arrows, pictures, private use.
constexpr Block apart[] = {{0x80, 0xa9},     {0xab, 0xac},     {0xae, 0xb1},     {0xb4, 0xb4},     {0xb6, 0xb8},     {0xbb, 0xbf},     {0xd7, 0xd7},       {0xf7, 0xf7},      {0x2b9, 0x2ff},    {0x37e, 0x37e},   {0x387, 0x387},
                           {0x55a, 0x55f},   {0x589, 0x58a},   {0x5be, 0x5be},   {0x5f3, 0x5f4},   {0x60c, 0x60d},   {0x61b, 0x61f},     {0x66a, 0x66d},    {0x6d4, 0x6d4},    {0x964, 0x965},   {0x2000, 0x200a}, {0x200e, 0x206f},
                           {0x20a0, 0x2101}, {0x2103, 0x2125}, {0x2190, 0x2bff}, {0x2e00, 0x2fff}, {0x3000, 0x3004}, {0x3008, 0x3020},   {0x3030, 0x3030},  {0x303d, 0x303f},  {0x30a0, 0x30a0}, {0x30fb, 0x30fb},
                           {0xe000, 0xf8ff}, {0xfd3e, 0xfd3f}, {0xfe00, 0xfe1f}, {0xfe30, 0xfe6f}, {0xff00, 0xff0f}, {0xff1a, 0xff20},   {0xff3b, 0xff40},  {0xff5b, 0xff65},  {0xffe0, 0xffff}, {0x1f000, 0x1faff},
                           {0xe0000, 0x10ffff}};
// Written without blanks: each sign is a word.
constexpr Block signs[] = {{0x3040, 0x30ff}, {0x3400, 0x4dbf}, {0x4e00, 0x9fff}, {0xf900, 0xfaff}, {0x20000, 0x3ffff}};

constexpr bool lies_in(std::ranges::range auto&& blocks, char32_t c) {
  return std::ranges::any_of(blocks, [c](const Block& block) { return block.first <= c && c <= block.last; });
}

char32_t next_code_point(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto first = byte(at);
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
  char32_t c = size == 1 ? first : first & (0xffu >> (size + 1));
  for (std::size_t k = 1; k < size; ++k) c = (c << 6) | (byte(at + k) & 0x3fu);
  at += size;
  return c;
}

void append(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
    return;
  }
  const int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  out += static_cast<char>((more == 1 ? 0xc0u : more == 2 ? 0xe0u : 0xf0u) | (c >> (6 * more)));
  for (int k = more - 1; k >= 0; --k) out += static_cast<char>(0x80u | ((c >> (6 * k)) & 0x3fu));
}

char32_t greek(char32_t c) {
  if (c >= 0x391 && c <= 0x3a9) return c + 0x20;
  switch (c) {
    case 0x386: case 0x3ac: return 0x3b1;
    case 0x388: case 0x3ad: return 0x3b5;
    case 0x389: case 0x3ae: return 0x3b7;
    case 0x38a: case 0x3aa: case 0x390: case 0x3af: case 0x3ca: return 0x3b9;
    case 0x38c: case 0x3cc: return 0x3bf;
    case 0x38e: case 0x3ab: case 0x3b0: case 0x3cb: case 0x3cd: return 0x3c5;
    case 0x38f: case 0x3ce: return 0x3c9;
    case 0x3c2: return 0x3c3;
    default: return c;
  }
}

char32_t cyrillic(char32_t c) {
  if (c == 0x401 || c == 0x451) return 0x435;
  if (c < 0x410) return c + 0x50;
  if (c < 0x430) return c + 0x20;
  if (c == 0x4c0) return 0x4cf;
  if (c >= 0x4c1 && c <= 0x4ce) return c + (c & 1);
  if ((c >= 0x460 && c <= 0x481) || (c >= 0x48a && c <= 0x52f)) return c | 1;
  return c;
}

// Appends the folded form of a letter or digit.
void fold(std::string& out, char32_t c) {
  if (c < 0x80) return append(out, c >= 'A' && c <= 'Z' ? c + 32 : c);
  switch (c) {
    case 0xaa: return append(out, 'a');
    case 0xb2: case 0xb3: return append(out, c - 0xb0 + '0');
    case 0xb5: return append(out, 0x3bc);
    case 0xb9: return append(out, '1');
    case 0xba: return append(out, 'o');
    case 0xc6: case 0xe6: case 0x1fc: case 0x1fd: out += "ae"; return;
    case 0x152: case 0x153: out += "oe"; return;
    case 0xde: case 0xfe: out += "th"; return;
    case 0xdf: case 0x1e9e: out += "ss"; return;
    case 0x132: case 0x133: out += "ij"; return;
    case 0x1fe: case 0x1ff: return append(out, 'o');
    default: break;
  }
  if (c >= 0xc0 && c < 0x250) return append(out, latin[c - 0xc0] == '.' ? c : static_cast<char32_t>(latin[c - 0xc0]));
  if (c >= 0x1e00 && c < 0x1f00) return append(out, latin_additional[c - 0x1e00] == '.' ? c : static_cast<char32_t>(latin_additional[c - 0x1e00]));
  if ((c >= 0x300 && c < 0x370) || c == 0xad || (c >= 0x200b && c <= 0x200d)) return;  // an accent by itself, a soft hyphen, joiners
  if (c >= 0x370 && c < 0x400) return append(out, greek(c));
  if (c >= 0x400 && c < 0x530) return append(out, cyrillic(c));
  if (c >= 0x531 && c < 0x557) return append(out, c + 0x30);  // Armenian
  if (c >= 0xff10 && c < 0xff1a) return append(out, c - 0xff10 + '0');  // full width
  if (c >= 0xff21 && c < 0xff3b) return append(out, c - 0xff21 + 'a');
  if (c >= 0xff41 && c < 0xff5b) return append(out, c - 0xff41 + 'a');
  append(out, c);
}

bool is_of_word(char32_t c) {
  if (c < 0x80) return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  return !lies_in(apart, c);
}

template <class Term>
std::string every(const std::vector<std::string>& words, std::string_view between, Term term) {
  std::string query;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i) query += between;
    query += term(words[i], i + 1 == words.size());
  }
  return query;
}

}  // namespace

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  std::size_t size = 0;
  const auto end = [&] {
    if (!word.empty()) words.push_back(std::move(word));
    word.clear();
    size = 0;
  };
  for (std::size_t at = 0; at < text.size();) {
    const auto c = next_code_point(text, at);
    if (!is_of_word(c)) {
      end();
    } else if (lies_in(signs, c)) {
      end();
      append(word, c);
      end();
    } else if (size++ < word_size_max) {
      fold(word, c);
    }
  }
  end();
  return words;
}

std::string sort_key_of(std::string_view text) {
  return every(words_of(text), " ", [](const auto& word, bool) { return word; });
}

std::string joined(std::vector<std::string> words) {
  std::ranges::sort(words);
  words.erase(std::ranges::unique(words).begin(), words.end());
  return every(words, " ", [](const auto& word, bool) { return word; });
}

std::string Words::digest() const { return sha256_hex(title + '\n' + labels + '\n' + details).substr(0, 32); }

std::string Words::as_vector() const {
  std::string vector;
  std::set<std::string, std::less<>> seen;
  const auto add = [&](std::string_view text, char weight) {
    while (!text.empty()) {
      const auto word = text.substr(0, text.find(' '));
      text.remove_prefix(std::min(word.size() + 1, text.size()));
      if (seen.emplace(word).second) vector.append(vector.empty() ? "'" : " '").append(word).append("':1").push_back(weight);
    }
  };
  add(title, 'A');
  add(labels, 'B');
  add(details, 'C');
  return vector;
}

WordQuery sqlite_query(const std::vector<std::string>& words) {
  const auto all = every(words, " AND ", [](const auto& word, bool is_last) { return '"' + word + '"' + (is_last ? "*" : ""); });
  return {all, "title : (" + all + ")", "{title labels} : (" + all + ")"};
}

WordQuery postgresql_query(const std::vector<std::string>& words) {
  const auto of_weight = [&](std::string_view weights) {
    return every(words, " & ", [&](const auto& word, bool is_last) { return "'" + word + "':" + (is_last ? "*" : "") + std::string(weights); });
  };
  return {of_weight("ABC"), of_weight("A"), of_weight("AB")};
}

}  // namespace polyshop::search
