#pragma once

#include "attack/simulated_shop.hpp"

namespace polyshop::attack {

// Customers of a simulated shop, their provider of payments and the shop's operator. They do one thing at a time, which follows
// from the random numbers, keep what they were told, and repeat with its key what was not answered.
class SimulatedCustomers {
 public:
  SimulatedCustomers(SimulatedShop& shop, std::mt19937_64& random);
  void act();
  // With nothing armed any more: waits until everything has ended, asks for what is still in question, and answers what is wrong
  // then: what was acknowledged has to be there, nothing twice, goods and money conserved, nothing open, no event lost or
  // taken twice, and nothing for the shop's own audit to find.
  std::vector<std::string> settle();
  std::int64_t placed() const;

 private:
  enum class Stage { cart, lines, address, delivery, payment, completion, over };
  struct Customer {
    Stage stage = Stage::cart;
    std::string cart{};    // its path
    std::string token{};
    std::string card{};    // one of the sandbox's tokens
    std::string key{};     // of the request that is under way
    bool is_asked = false;  // whether the cart's completion was sent
    std::string order{};    // acknowledged as placed
    std::map<std::string, std::int64_t> units{};  // of it, by SKU
  };
  using Fields = std::vector<std::pair<std::string, std::string>>;

  http::Response ask(const Customer& customer, http::Method method, const std::string& target, const std::string& body = {}, const std::string& key = {});
  http::Response ask_as_staff(http::Method method, const std::string& target, const std::string& body, Fields fields);
  void go_on(Customer& customer);
  void complete(Customer& customer);
  order::OrderState state_of(const Customer& customer);
  void tell_outcome();  // of a payment, as the provider does without being asked
  void cancel_order();
  void cancel_saga();
  std::string what_is_open();
  void check_goods();
  void check_events();
  void wrong(std::string what) { wrongs_.push_back(std::move(what)); }
  std::string new_key() { return "key-" + std::to_string(++keys_); }

  SimulatedShop& shop_;
  std::mt19937_64& random_;
  std::vector<Customer> customers_;
  std::vector<std::string> wrongs_;
  int keys_ = 0;
};

}  // namespace polyshop::attack
