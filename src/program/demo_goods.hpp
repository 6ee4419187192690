#pragma once

#include <vector>

// What the demo shop sells, as written by hand; demo_catalogue.hpp makes products of it.
namespace polyshop::demo {

struct Words {
  const char* en;
  const char* de;
};

struct Value {
  const char* name;
  const char* code;        // as it stands in SKUs
  int price_percent = 0;   // more than the item's price
  int weight_percent = 0;  // more than the item's weight
};

struct Choice {
  const char* name;
  std::vector<Value> values;
  bool is_some = false;  // an item comes in two or three of them; else in all
};

struct Item {
  Words name;
  int price_cents;         // EUR
  int weight_g;
  bool is_plain = false;   // without the shelf's choices
};

// A category that has products. Each gets one of the sentences of `uses` and one of `makes`, which fit all its items.
struct Shelf {
  const char* handle;
  Words name;
  const char* sku;         // what its SKUs start with
  std::vector<Words> uses;
  std::vector<Words> makes;
  std::vector<Choice> choices;
  std::vector<Item> items;
};

struct Department {
  const char* handle;
  Words name;
  std::vector<Shelf> shelves;
};

const std::vector<Department>& departments();

}  // namespace polyshop::demo
