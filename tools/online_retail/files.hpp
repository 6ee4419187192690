#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "online_retail/derive.hpp"

namespace polyshop::online_retail {

// derive() of a file. `progress` is told the bytes read and, where that is known, the file's size. Throws Problem also where the
// file cannot be read.
Derivation derive_file(const std::filesystem::path& file, const std::function<void(std::size_t bytes, std::uintmax_t size)>& progress = {});

// Writes products.csv (sku,name,price,currency), stock.csv (sku,quantity), orders.csv (invoice,line,sku,quantity) and
// left_aside.csv (line,reason,record) into the folder, which is made where it is missing; files of these names are
// replaced. Throws Problem where that fails.
void write_files(const Derivation& derivation, const std::filesystem::path& folder);

// Reads the files back and counts: every line of the source is in orders.csv or in left_aside.csv, exactly once; every
// order is for a product; the stock is what the orders take. Says what does not add up; nothing when all does.
std::vector<std::string> find_miscounts(const Derivation& derivation, const std::filesystem::path& folder);

}  // namespace polyshop::online_retail
