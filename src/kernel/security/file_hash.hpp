#pragma once

#include <filesystem>
#include <string>

namespace polyshop {

// The SHA-256 of a file's content as 64 lower-case hex characters. Throws Problem 500 `file_not_read`.
std::string sha256_hex_of_file(const std::filesystem::path& path);

}  // namespace polyshop
