#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace polyshop::http {

struct Route;

// An answer as it goes over the wire, but for the fields that every answer has of its own.
struct CachedAnswer {
  const Route* route = nullptr;
  std::string content;  // Content-Type and Content-Length, each with its line's end
  std::string fields;   // the others
  std::string etag;
  std::string body;
};

// Finished answers to public GET requests, which an I/O thread sends without asking anybody. A module says with
// Response::cached_under what an answer depends on, and calls invalidate() with a name after the commit of a change of it.
// A change that another process made is not heard of, so where there may be others, an answer is kept for max_age at most.
// Any thread.
class ResponseCache {
 public:
  using Duration = std::chrono::steady_clock::duration;
  explicit ResponseCache(std::size_t size_max, Duration max_age = Duration::max()) : size_max_(size_max), max_age_(max_age) {}
  ResponseCache(const ResponseCache&) = delete;
  ResponseCache& operator=(const ResponseCache&) = delete;

  // Rises with every change; taken before the answer's data is read.
  std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
  std::shared_ptr<const CachedAnswer> find(std::string_view key);
  // Keeps the answer, unless something has changed since `generation`: then its data may be of before.
  void store(const std::string& key, std::vector<std::string> under, CachedAnswer answer, std::uint64_t generation);
  void invalidate(const std::string& under);
  void invalidate_all();
  std::size_t size() const;  // bytes

 private:
  struct Entry {
    std::string key;
    std::vector<std::string> under;
    std::shared_ptr<const CachedAnswer> answer;
    std::chrono::steady_clock::time_point until;
    std::size_t size;
  };
  using Entries = std::list<Entry>;  // the latest used first
  void erase(Entries::iterator entry);

  const std::size_t size_max_;
  const Duration max_age_;
  std::atomic<std::uint64_t> generation_ = 0;
  mutable std::mutex mutex_;
  std::size_t size_ = 0;
  Entries entries_;
  std::unordered_map<std::string_view, Entries::iterator> by_key_;
  std::unordered_map<std::string, std::unordered_set<std::string_view>> by_name_;
};

}  // namespace polyshop::http
