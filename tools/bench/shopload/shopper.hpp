#pragma once

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "shopload/answer.hpp"
#include "shopload/goods.hpp"

namespace polyshop::load {

using Random = std::mt19937_64;

// Somebody who visits a shop again and again, a request at a time. Answers that ask to come again later (429, 503) never
// reach it: the generator deals with them.
class Shopper {
 public:
  virtual ~Shopper() = default;
  virtual void arrive() = 0;  // a visit begins

  // Appends the bytes of the visit's next request. Answers which of the scenario's steps it is.
  virtual std::size_t ask(std::string& out) = 0;

  enum class Next { ask, repeat, leave };  // repeat: the same again, which is still under way in the shop
  // Looks at the answer, thoroughly: an answer that is not as it must be throws Fault.
  virtual Next take(const Answer& answer) = 0;
  // How a visit ended that was left, such as "ordered"; counted by it.
  virtual std::string_view ending() const { return "done"; }
};

// Who wants what: all products alike, or the n-th in 1/n of the cases (Zipf's law with exponent 1).
class Choice {
 public:
  Choice(std::size_t size, bool zipf);
  std::size_t draw(Random& random) const;

 private:
  std::size_t size_;
  std::vector<double> cumulative_;  // empty where all are alike
};

// What all shoppers of a run share. Belongs to the generator's thread.
struct Ground {
  const Goods& goods;
  Choice choice;
  Random random{1};             // the same draws in every run
  std::string keys{};           // what the run's idempotency keys start with; no other run has it
  std::uint64_t keys_made = 0;
  std::string host{};           // of the Host field
  std::string only_sku{};       // what a flash sale is about
  std::string staff_token{};    // of who changes prices
  // By product, as far as they are known.
  std::vector<std::string> etags = std::vector<std::string>(goods.products.size());  // of its page
  std::vector<std::string> price_versions = etags;                                   // of its first variant's prices
  std::size_t prices_changed = 0;

  struct Placed {
    std::string_view order_id;
    std::string_view cart_id;
    std::string_view cart_token;
    std::int64_t total = 0;
  };
  std::function<void(const Placed&)> placed{};  // told of every order that was acknowledged, before anything else happens
};

struct Scenario {
  std::string_view name;
  std::string_view description;
  std::vector<std::string_view> steps;
  std::unique_ptr<Shopper> (*make)(Ground& ground);
};
const std::vector<Scenario>& scenarios();
// Throws Problem 422 `unknown_scenario` where there is none of the name.
const Scenario& scenario_named(std::string_view name);

// Pieces that shoppers are made of.
std::unique_ptr<Shopper> make_buyer(Ground& ground);         // two lines of any products
std::unique_ptr<Shopper> make_flash_buyer(Ground& ground);   // one of ground.only_sku
extern const std::vector<std::string_view> buyer_steps;

}  // namespace polyshop::load
