#include "kernel/runtime/compression.hpp"

#include <zlib.h>

#include "kernel/types/problem.hpp"

namespace polyshop {
namespace {

constexpr int gzip_window = 15 + 16;  // the largest window; 16 asks for gzip's header and checksum
constexpr int memory_level = 8;

auto bytes_of(std::string_view text) { return reinterpret_cast<Bytef*>(const_cast<char*>(text.data())); }  // zlib takes no const

}  // namespace

std::string compressed(std::string_view text) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, gzip_window, memory_level, Z_DEFAULT_STRATEGY) != Z_OK) throw std::bad_alloc();
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = bytes_of(text);
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = bytes_of(out);
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (result != Z_STREAM_END) die("a text was not compressed whole");
  return out;
}

std::string decompressed(std::string_view gzip) {
  z_stream stream{};
  if (inflateInit2(&stream, gzip_window) != Z_OK) throw std::bad_alloc();
  std::string out;
  stream.next_in = bytes_of(gzip);
  stream.avail_in = static_cast<uInt>(gzip.size());
  char buffer[64 * 1024];
  int result = Z_OK;
  while (result == Z_OK) {
    stream.next_out = bytes_of({buffer, sizeof buffer});
    stream.avail_out = sizeof buffer;
    result = inflate(&stream, Z_NO_FLUSH);
    out.append(buffer, sizeof buffer - stream.avail_out);
  }
  inflateEnd(&stream);
  if (result != Z_STREAM_END) throw Problem(500, "damaged_file", "A compressed file is damaged or cut off.");
  return out;
}

}  // namespace polyshop
