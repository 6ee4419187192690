#pragma once

#include "attack/tests.hpp"

namespace polyshop::attack {

// A shop in a folder, or a database, of its own, to restore into.
struct FreshShop {
  FreshShop(const Run& run, const std::filesystem::path& data);
  std::optional<live::PostgresqlDatabase> database;
  live::Shop shop;
};

// What a command that is to fail says; that it was done where it does not.
std::string refusal_of(live::Shop& shop, const std::vector<std::string>& command);

// A mismatch where the part does not occur in the text.
void expect(Run& run, std::string_view what, const std::string& text, std::string_view part);

}  // namespace polyshop::attack
