#pragma once

#include <atomic>
#include <barrier>
#include <exception>
#include <functional>
#include <thread>
#include <vector>

#include "kernel/types/problem.hpp"
#include "live/process.hpp"

namespace polyshop::attack {

// So many clients at a time, each on a thread with its number; throws what the first of them threw, once all have ended.
inline void crowd(int clients, const std::function<void(int)>& work) {
  std::atomic<bool> has_failed = false;
  std::exception_ptr failure;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < clients; ++i)
      threads.emplace_back([&, i] {
        try {
          work(i);
        } catch (...) {
          if (!has_failed.exchange(true)) failure = std::current_exception();
        }
      });
  }
  if (failure) std::rethrow_exception(failure);
}

// Groups of ten that meet: whoever leads prepares, all act at the same moment, whoever leads looks at what came of it, until
// `next` says that it is enough. Each member has its number in the group; what a group shares is made by `make`.
template <class Shared>
struct Meeting {
  static constexpr int size = 10;
  std::function<bool(Shared&)> prepare;               // by the leader; false: it is enough
  std::function<void(Shared&, int member)> act;       // by each
  std::function<void(Shared&)> conclude;              // by the leader

  void run(int groups, const std::function<std::unique_ptr<Shared>(int group)>& make) const {
    std::vector<std::unique_ptr<Shared>> shared;
    std::vector<std::unique_ptr<std::barrier<>>> doors;
    for (int group = 0; group < groups; ++group) {
      shared.push_back(make(group));
      doors.push_back(std::make_unique<std::barrier<>>(size));
    }
    std::vector<std::atomic<bool>> is_over(static_cast<std::size_t>(groups));
    crowd(groups * size, [&](int client) {
      const auto group = static_cast<std::size_t>(client / size);
      const auto member = client % size;
      std::exception_ptr failure;
      // Somebody who fails still opens the door for the others, and the group ends.
      const auto guarded = [&](const auto& part) {
        try {
          part();
        } catch (...) {
          if (!failure) failure = std::current_exception();
          is_over[group] = true;
        }
      };
      while (true) {
        if (member == 0)
          guarded([&] {
            live::stop_if_interrupted();
            if (!prepare(*shared[group])) is_over[group] = true;
          });
        doors[group]->arrive_and_wait();
        const bool ends = is_over[group];
        doors[group]->arrive_and_wait();  // nobody changes it before all have seen it
        if (ends) break;
        guarded([&] { act(*shared[group], member); });
        doors[group]->arrive_and_wait();
        if (member == 0) guarded([&] { conclude(*shared[group]); });
      }
      if (failure) std::rethrow_exception(failure);
    });
  }
};

}  // namespace polyshop::attack
