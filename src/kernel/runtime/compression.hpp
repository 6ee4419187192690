#pragma once

#include <string>
#include <string_view>

namespace polyshop {

// The gzip format, RFC 1952, so that zcat reads it.
std::string compressed(std::string_view text);
// Throws Problem 500 `damaged_file` where it is none, or cut off, or its checksum does not fit.
std::string decompressed(std::string_view gzip);

}  // namespace polyshop
