#include "bus/archive.hpp"

#include <charconv>

#include <fmt/format.h>

#include "kernel/runtime/compression.hpp"
#include "kernel/runtime/durable_file.hpp"

namespace polyshop::bus {
namespace {

constexpr std::string_view ending = ".jsonl.gz";

std::vector<Event> events_in(const std::filesystem::path& path) {
  const auto text = decompressed(read_file(path));
  std::vector<Event> events;
  for (std::size_t start = 0; start < text.size();) {
    const auto end = text.find('\n', start);
    if (end == std::string::npos) break;
    events.push_back(json::from_text<Event>(std::string_view(text).substr(start, end - start), json::Mode::lenient));
    start = end + 1;
  }
  return events;
}

}  // namespace

std::vector<Archive::File> Archive::files() const {
  std::vector<File> files;
  std::error_code none;  // no folder, no files
  for (const auto& entry : std::filesystem::directory_iterator(folder_, none)) {
    const auto name = entry.path().filename().string();
    File file;
    const auto* const end = name.data() + name.size();
    const auto first = std::from_chars(name.data(), end, file.first);
    if (!name.ends_with(ending) || first.ec != std::errc() || *first.ptr != '-' || std::from_chars(first.ptr + 1, end, file.last).ec != std::errc()) continue;
    file.path = entry.path();
    files.push_back(std::move(file));
  }
  std::ranges::sort(files, {}, [](const File& file) { return std::pair(file.first, -file.last); });
  return files;
}

void Archive::add(const std::vector<Event>& events) {
  std::string text;
  for (const auto& event : events) {
    json::write(text, event);
    text += '\n';
  }
  const std::lock_guard lock(mutex_);
  write_durably(folder_ / fmt::format("{:019}-{:019}{}", events.front().position, events.back().position, ending), compressed(text));
}

// Reads the file that has the position, unless it was the last one read.
bool Archive::load(std::int64_t position) {
  const auto has = [&] { return !read_.empty() && read_.front().position <= position && position <= read_.back().position; };
  if (has()) return true;
  for (const auto& file : files())
    if (file.first <= position && position <= file.last) {
      read_ = events_in(file.path);
      return has();
    }
  return false;
}

std::vector<Event> Archive::read_from(std::int64_t position, std::size_t count_max) {
  const std::lock_guard lock(mutex_);
  std::vector<Event> events;
  while (events.size() < count_max && load(position)) {
    const auto start = read_.begin() + (position - read_.front().position);
    const auto count = std::min<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(count_max - events.size()), read_.end() - start);
    events.insert(events.end(), start, start + count);
    position += count;
  }
  return events;
}

std::size_t Archive::forget_until(std::int64_t position) {
  const std::lock_guard lock(mutex_);
  std::size_t left = 0;
  for (const auto& file : files())
    if (file.last <= position)
      std::filesystem::remove(file.path);
    else
      ++left;
  return left;
}

std::optional<std::int64_t> Archive::first() {
  const std::lock_guard lock(mutex_);
  const auto all = files();
  return all.empty() ? std::nullopt : std::optional(all.front().first);
}

}  // namespace polyshop::bus
