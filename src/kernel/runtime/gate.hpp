#pragma once

#include <atomic>

#include "kernel/runtime/workers.hpp"

namespace polyshop {

// Lets any number through at a time until it is shut: then those inside are waited for, and those who come wait.
class Gate {
 public:
  class Pass {
   public:
    explicit Pass(Gate& gate) : gate_(gate) { gate_.enter(); }
    ~Pass() { gate_.leave(); }
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;

   private:
    Gate& gate_;
  };

  void shut() {
    is_shut_ = true;
    for (int inside; (inside = inside_.load()) != 0;) inside_.wait(inside);
  }
  void open() {
    is_shut_ = false;
    is_shut_.notify_all();
  }

 private:
  void enter() {
    while (true) {
      inside_.fetch_add(1);
      if (!is_shut_) return;
      leave();
      const Workers::Blocking blocking;
      is_shut_.wait(true);
    }
  }
  void leave() {
    if (inside_.fetch_sub(1) == 1 && is_shut_) inside_.notify_all();
  }
  std::atomic<int> inside_ = 0;
  std::atomic<bool> is_shut_ = false;
};

}  // namespace polyshop
