#pragma once

#include <cstdlib>
#include <functional>

#include <doctest/doctest.h>

#include "kernel/http/client.hpp"
#include "kernel/http/route.hpp"
#include "kernel/json/codec.hpp"
#include "live/shop.hpp"
#include "live/staff.hpp"

namespace polyshop::tests {

using live::Variables;

// The real program in a folder of its own, with a member of staff, and what its operator does: commands, requests to the admin API,
// failpoints. Several tests in one program.
struct Serving {
  static constexpr const char* email = "ann@example.com";
  static constexpr const char* password = "correct horse battery";

  explicit Serving(const Variables& settings) : shop(POLYSHOP_PROGRAM, folder.path() / "shop", settings) {
    if (settings.contains("POLYSHOP_DATABASE_ENGINE")) shop.command({"provision", "--execute"});
    shop.command({"user", "create", "--email", email}, std::string(password) + "\n");
    start();
  }
  void start() {
    shop.serve({"--allow-failpoints"});
    client.emplace("127.0.0.1", shop.port());
    token = live::Staff(shop.port(), email, password).token();
  }
  // As staff; `target` is what follows /v1/admin.
  http::ClientResponse send(http::Method method, const std::string& target, const std::string& body = {}, live::Fields fields = {}) {
    fields.emplace_back("Authorization", "Bearer " + token);
    return client->send(method, "/v1/admin" + target, body, fields);
  }
  void arm(const std::string& failpoints) {
    http::Client control(folder.path() / "shop" / "control.sock");
    REQUIRE(control.send(http::Method::post, "/internal/failpoints", R"({"arm":")" + failpoints + R"("})").status == 200);
  }
  // Moves the clock on and on, with other failpoints armed, until it is so.
  bool comes_to_be(const std::function<bool()>& is_so, Timestamp step_ms = 0, const std::string& failpoints = {}) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!is_so()) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      if (step_ms) arm("clock.now=jump,ms=" + std::to_string(offset_ms += step_ms) + ";" + failpoints);
    }
    return true;
  }

  live::Folder folder{"polyshop-program-test"};
  live::Shop shop;
  std::optional<http::Client> client;
  std::string token;
  Timestamp offset_ms = 0;  // of the shop's clock
};

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

inline std::string refusal(const std::function<void()>& body) {
  try {
    body();
  } catch (const Problem& problem) {
    return problem.detail;
  }
  return "";
}

// The settings of a shop on SQLite, and where there is a server on PostgreSQL.
inline void on_each_engine(const std::function<void(const Variables&)>& body) {
  body({});
  if (std::getenv("POLYSHOP_TEST_POSTGRESQL")) {
    const live::PostgresqlDatabase database;
    body(database.settings());
  }
}

}  // namespace polyshop::tests
