#pragma once

#include <atomic>

namespace polyshop {

// Something one waits for and another says once. A job of a pool that waits leaves its thread to others; any other thread sleeps.
class Signal {
 public:
  // Who waits.
  class Waiter {
   public:
    virtual void go_on() = 0;

   protected:
    ~Waiter() = default;
  };

  Signal() = default;
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  void set();
  void wait();
  // Whether that one has to wait and will be told; false where it was said already.
  bool tell(Waiter& waiter);

 private:
  static Waiter* said();
  std::atomic<Waiter*> state_ = nullptr;  // who waits, or said()
};

}  // namespace polyshop
