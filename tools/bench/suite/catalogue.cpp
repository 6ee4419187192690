#include "suite/catalogue.hpp"

#include <array>
#include <cmath>
#include <fstream>
#include <random>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "kernel/types/problem.hpp"

namespace polyshop::bench {
namespace {

constexpr std::array<std::string_view, 20> syllables{"ba", "de", "fi", "go", "ku", "la", "me", "ni", "po", "ru", "sa", "te", "vi", "wo", "zu", "ral", "den", "mor", "kis", "tal"};
constexpr std::array<std::string_view, 24> adjectives{"Light", "Sturdy", "Folding", "Quiet", "Northern", "Striped", "Woven", "Plain", "Alpine", "Hidden", "Round", "Narrow",
                                                      "Golden", "Early", "Broad", "Gentle", "Coastal", "Forged", "Smooth", "Rustic", "Bright", "Heavy", "Simple", "Hollow"};
constexpr std::array<std::string_view, 40> nouns{"Lantern", "Jacket", "Kettle", "Basket", "Blanket", "Hammer", "Teapot", "Mirror", "Saddle", "Bottle", "Candle", "Ladder", "Pillow", "Ribbon",
                                                 "Shovel", "Table", "Wallet", "Whistle", "Anchor", "Barrel", "Cabinet", "Drawer", "Easel", "Funnel", "Goblet", "Hammock", "Inkwell", "Jigsaw",
                                                 "Knife", "Locket", "Mitten", "Napkin", "Oven", "Paddle", "Quilt", "Rocker", "Satchel", "Tripod", "Umbrella", "Vase"};
constexpr std::size_t words = 2'000;
constexpr int words_in_description = 30;
constexpr int categories = 24;
constexpr std::int64_t on_hand = 1'000'000;

// The standard leaves open how its distributions draw, so that numbers are drawn by hand here: always the same ones.
double fraction(std::mt19937_64& random) { return static_cast<double>(random() >> 11) * 0x1p-53; }

std::vector<std::string> vocabulary() {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < words; ++i) all.push_back(fmt::format("{}{}{}", syllables[i % 20], syllables[i / 20 % 20], syllables[i / 400 + 5]));
  return all;
}

// The n-th word comes up about in proportion to 1/n.
const std::string& draw(const std::vector<std::string>& all, std::mt19937_64& random) {
  return all[static_cast<std::size_t>(std::exp(fraction(random) * std::log(static_cast<double>(all.size())))) - 1];
}

std::ofstream open(const std::filesystem::path& file) {
  std::ofstream out(file, std::ios::trunc);
  if (!out) throw Problem::unavailable("writing_failed", fmt::format("{} cannot be written.", file.string()));
  return out;
}

}  // namespace

// Eight letters, digits of base 20 in consonant and vowel.
std::string series_word(std::int64_t series) {
  constexpr std::string_view consonants = "bdfgklmnprstvwzhjcxq";
  constexpr std::string_view vowels = "aeiouaeiouaeiouaeiou";
  std::string word = "x";
  for (int i = 0; i < 5; ++i, series /= 20) word += consonants[static_cast<std::size_t>(series % 20)];
  return word + vowels[word[1] % 5] + "n";
}

std::string handle_of(std::int64_t product) { return fmt::format("p-{:07}", product); }

void write_catalogue(const std::filesystem::path& folder, std::int64_t products) {
  std::filesystem::create_directories(folder);
  auto goods = open(folder / "products.csv");
  auto stock = open(folder / "stock.csv");
  goods << "sku,product,name,description,category,weight_g,option.size,price_EUR\n";
  stock << "sku,quantity\n";
  std::mt19937_64 random(1);
  const auto all = vocabulary();
  const auto series = (products + series_size - 1) / series_size;
  for (std::int64_t i = 0; i < products; ++i) {
    const auto name = fmt::format("{} {} {}", adjectives[random() % adjectives.size()], nouns[random() % nouns.size()], series_word(i % series));
    std::string description;
    for (int n = 0; n < words_in_description; ++n) description.append(n == 0 ? "" : " ").append(draw(all, random));
    const auto shelf = random() % categories;
    const auto cents = 500 + random() % 9'500;
    const auto grams = 100 + random() % 5'000;
    for (const auto* size : {"S", "M"}) {
      const auto sku = fmt::format("B{:07}-{}", i, size);
      goods << fmt::format("{},{},{},{},Department {} / Shelf {},{},{},{}.{:02}\n", sku, handle_of(i), name, description, shelf / 6 + 1, shelf + 1, grams, size, cents / 100, cents % 100);
      stock << sku << ',' << on_hand << '\n';
    }
  }
  if (!goods.flush() || !stock.flush()) throw Problem::unavailable("writing_failed", fmt::format("The files in {} could not be written; is the disk full?", folder.string()));
}

}  // namespace polyshop::bench
