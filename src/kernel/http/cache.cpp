#include "kernel/http/cache.hpp"

namespace polyshop::http {

std::shared_ptr<const CachedAnswer> ResponseCache::find(std::string_view key) {
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  const auto entry = found->second;
  if (max_age_ != Duration::max() && std::chrono::steady_clock::now() > entry->until) {
    erase(entry);
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, entry);
  return entry->answer;
}

void ResponseCache::store(const std::string& key, std::vector<std::string> under, CachedAnswer answer, std::uint64_t generation) {
  constexpr std::size_t overhead = 240;       // nodes of the list and the map of keys
  constexpr std::size_t overhead_name = 160;  // of the map of names, and of a set in it
  auto size = overhead + 2 * key.size() + answer.content.size() + answer.fields.size() + answer.body.size();
  for (const auto& name : under) size += overhead_name + 2 * name.size();
  if (size > size_max_ / 8) return;  // one answer must not push out all others
  const auto until = max_age_ == Duration::max() ? std::chrono::steady_clock::time_point::max() : std::chrono::steady_clock::now() + max_age_;
  auto kept = std::make_shared<const CachedAnswer>(std::move(answer));
  const std::lock_guard lock(mutex_);
  if (generation_.load(std::memory_order_relaxed) != generation) return;
  if (const auto found = by_key_.find(key); found != by_key_.end()) erase(found->second);
  while (size_ + size > size_max_) erase(std::prev(entries_.end()));
  entries_.push_front({key, std::move(under), std::move(kept), until, size});
  const auto entry = entries_.begin();
  by_key_.emplace(entry->key, entry);
  for (const auto& name : entry->under) by_name_[name].insert(entry->key);
  size_ += size;
}

void ResponseCache::invalidate(const std::string& under) {
  const std::lock_guard lock(mutex_);
  generation_.fetch_add(1, std::memory_order_release);
  const auto found = by_name_.find(under);
  if (found == by_name_.end()) return;
  const auto keys = std::move(found->second);
  by_name_.erase(found);
  for (const auto key : keys) erase(by_key_.at(key));
}

void ResponseCache::invalidate_all() {
  const std::lock_guard lock(mutex_);
  generation_.fetch_add(1, std::memory_order_release);
  by_name_.clear();  // these two look into the entries
  by_key_.clear();
  entries_.clear();
  size_ = 0;
}

void ResponseCache::erase(Entries::iterator entry) {
  for (const auto& name : entry->under) {
    const auto named = by_name_.find(name);
    if (named == by_name_.end()) continue;
    named->second.erase(entry->key);
    if (named->second.empty()) by_name_.erase(named);
  }
  by_key_.erase(entry->key);
  size_ -= entry->size;
  entries_.erase(entry);
}

std::size_t ResponseCache::size() const {
  const std::lock_guard lock(mutex_);
  return size_;
}

}  // namespace polyshop::http
