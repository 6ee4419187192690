#include "ownership_check/dependencies.hpp"

#include <cstring>
#include <fstream>

#include <fmt/format.h>

#include "kernel/types/problem.hpp"

namespace polyshop::ownership {
namespace {

std::string read_all(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw Problem::invalid("unreadable_dependencies", fmt::format("{} cannot be read. Build with Ninja, which writes it.", file.string()));
  return {std::istreambuf_iterator<char>(in), {}};
}

std::uint32_t word_at(std::string_view bytes, std::size_t offset) {
  std::uint32_t word = 0;
  std::memcpy(&word, bytes.data() + offset, sizeof word);
  return word;
}

}  // namespace

// The format of Ninja 1.5 and later: a line, a version, then records of a size and as many bytes. The size's highest bit says
// whether it is a path (padded with zeros, then a checksum), or an object's number, its time, and the numbers of its files.
DependencyLog::DependencyLog(const std::filesystem::path& build) {
  constexpr std::string_view magic = "# ninjadeps\n";
  constexpr std::uint32_t version = 4;
  constexpr std::uint32_t is_record = 0x8000'0000;
  const auto file = build / ".ninja_deps";
  const auto log = read_all(file);
  if (!log.starts_with(magic) || log.size() < magic.size() + 4 || word_at(log, magic.size()) != version)
    throw Problem::invalid("unreadable_dependencies", fmt::format("{} is not a log of dependencies of version {}. Use a Ninja that writes one, or teach tools/ownership_check/dependencies.cpp its version.", file.string(), version));
  std::vector<std::string> paths;
  for (auto offset = magic.size() + 4; offset + 4 <= log.size();) {
    const auto head = word_at(log, offset);
    const std::size_t size = head & ~is_record;
    offset += 4;
    if (size > log.size() - offset || size < 4 || size % 4 != 0) break;
    const std::string_view body(log.data() + offset, size);
    offset += size;
    if (head & is_record) {
      if (size < 12 || word_at(body, 0) >= paths.size()) break;
      auto& record = records_[paths[word_at(body, 0)]];
      record.object_time_ns = static_cast<std::int64_t>(word_at(body, 4) | (std::uint64_t{word_at(body, 8)} << 32));
      record.files.clear();
      for (std::size_t at = 12; at < size; at += 4)
        if (const auto id = word_at(body, at); id < paths.size()) record.files.push_back(paths[id]);
    } else {
      auto path = body.substr(0, size - 4);
      while (path.ends_with('\0')) path.remove_suffix(1);
      paths.emplace_back(path);
    }
  }
}

const DependencyLog::Record* DependencyLog::of(const std::string& object) const {
  const auto found = records_.find(object);
  return found == records_.end() ? nullptr : &found->second;
}

std::vector<std::filesystem::path> read_depfile(const std::filesystem::path& file) {
  const auto text = read_all(file);
  std::vector<std::filesystem::path> files;
  std::string word;
  bool after_colon = false;
  const auto finish = [&] {
    if (word.ends_with(':') && !after_colon) after_colon = true;
    else if (!word.empty() && after_colon) files.emplace_back(word);
    word.clear();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    // A backslash joins lines, or makes a blank part of a name.
    if (c == '\\' && i + 1 < text.size()) {
      if (text[i + 1] == '\n') finish();
      else word.push_back(text[i + 1]);
      ++i;
    } else if (c == ' ' || c == '\n' || c == '\t') {
      finish();
    } else {
      word.push_back(c);
    }
  }
  finish();
  return files;
}

}  // namespace polyshop::ownership
