#pragma once

#include <optional>
#include <random>

#include "program/app.hpp"

namespace polyshop::attack {

// The whole shop in this process, on this thread alone, in a time that only goes by when it is told to. Its databases are real
// ones in SQLite's files; a crash leaves of it what stands in them. One at a time, since failpoints are the process's.
class SimulatedShop {
 public:
  static constexpr int skus = 4;
  static std::string sku(int number) { return "S-" + std::to_string(number); }
  static constexpr const char* hook_secret = "simulated";  // of the sandbox's notices
  static constexpr std::int64_t units = 30;  // of each SKU, at first

  // `data` is a folder that stocked() has filled, or a copy of it.
  SimulatedShop(std::filesystem::path data, std::uint64_t seed);
  ~SimulatedShop();
  SimulatedShop(const SimulatedShop&) = delete;
  SimulatedShop& operator=(const SimulatedShop&) = delete;
  static void stock(const std::filesystem::path& data);

  void arm(const std::string& failpoints);  // in place of what was armed
  std::int64_t acted() const;               // how often what is armed did something

  struct Request {
    http::Method method = http::Method::get;
    std::string target;
    std::string body{};
    Actor actor{};
    std::vector<std::pair<std::string, std::string>> fields{};
  };
  // Status 0 where the shop crashed before it answered; it serves again then.
  http::Response send(Request request);
  // Time goes by, then each module does a round of background work, in an order that follows from the seed.
  void pass(Timestamp ms);

  App& app() { return *app_; }
  Call call() const;  // the operator's
  std::int64_t crashes() const { return crashes_; }
  Timestamp lived_ms() const { return clock_.now() - born_ms_; }

 private:
  struct Crash {};  // no std::exception: nobody may take it for a failure to go on from
  bool survives(const std::function<void()>& work);
  void open();
  void start_again();
  const std::filesystem::path data_;
  std::mt19937_64 random_;
  ManualClock clock_;
  const Timestamp born_ms_ = clock_.now();
  std::optional<Config> config_;
  std::unique_ptr<App> app_;
  std::int64_t crashes_ = 0;
};

}  // namespace polyshop::attack
