#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "kernel/db/database.hpp"

namespace polyshop::db {

// What a module read of its database, kept in memory until something changes there, whatever it is: for data that changes now and then
// and is asked for all the time. Nothing is kept where others may change it too, which is on PostgreSQL. Any thread.
template <class V>
class Kept {
 public:
  Kept(const Database& database, std::size_t entries_max) : database_(database), entries_max_(entries_max) {}
  Kept(const Kept&) = delete;
  Kept& operator=(const Kept&) = delete;

  // Null where it is not kept, or may have changed since.
  std::shared_ptr<const V> find(const std::string& key) const {
    const auto generation = database_.generation();
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(key);
    return found != entries_.end() && found->second.generation == generation ? found->second.value : nullptr;
  }

  // `generation` is that of the database before the value was read: what changed meanwhile makes it useless.
  void keep(std::optional<std::uint64_t> generation, const std::string& key, V value) {
    if (!generation) return;
    auto shared = std::make_shared<const V>(std::move(value));
    const std::lock_guard lock(mutex_);
    if (entries_.size() >= entries_max_) entries_.clear();  // it fills again within as many questions
    entries_.insert_or_assign(key, Entry{*generation, std::move(shared)});
  }

 private:
  struct Entry {
    std::uint64_t generation;
    std::shared_ptr<const V> value;
  };
  const Database& database_;
  const std::size_t entries_max_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;
};

// The same for data that changes all the time: what changes is forgotten by itself, after the commit of its change.
template <class V>
class KeptEach {
 public:
  KeptEach(const Database& database, std::size_t entries_max) : database_(database), entries_max_(entries_max) {}
  KeptEach(const KeptEach&) = delete;
  KeptEach& operator=(const KeptEach&) = delete;

  std::optional<V> find(const std::string& key) const {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(key);
    return found == entries_.end() ? std::nullopt : std::optional(found->second);
  }

  // To be taken before values are read.
  std::uint64_t mark() const {
    const std::lock_guard lock(mutex_);
    return forgotten_;
  }
  // Unless something was forgotten since the mark: then the value may be of before.
  void keep(std::uint64_t mark, const std::string& key, V value) {
    if (database_.engine() != Engine::sqlite) return;
    const std::lock_guard lock(mutex_);
    if (mark != forgotten_) return;
    if (entries_.size() >= entries_max_) entries_.clear();
    entries_.insert_or_assign(key, std::move(value));
  }

  // In the transaction of every change.
  void forget(Tx& tx, const std::string& key) {
    tx.after_commit([this, key] {
      const std::lock_guard lock(mutex_);
      ++forgotten_;
      entries_.erase(key);
    });
  }

 private:
  const Database& database_;
  const std::size_t entries_max_;
  mutable std::mutex mutex_;
  std::uint64_t forgotten_ = 0;
  std::unordered_map<std::string, V> entries_;
};

}  // namespace polyshop::db
