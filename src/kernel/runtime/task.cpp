#include "kernel/runtime/task.hpp"

#include <boost/context/fiber.hpp>
#include <boost/context/protected_fixedsize_stack.hpp>
#include <cxxabi.h>

#include "kernel/observe/log.hpp"

namespace polyshop {
namespace {

namespace context = boost::context;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool has_own_stack = false;
#else
constexpr bool has_own_stack = true;
#endif

// Of address space; memory is taken as it is used. Below lies a page that nobody may touch.
constexpr std::size_t stack_size = 1024 * 1024;

thread_local Task* running = nullptr;

// What C++ keeps of exceptions for each thread, which is the job's here: Itanium C++ ABI, 2.2.2.
struct Exceptions {
  void* caught = nullptr;
  unsigned int uncaught = 0;
};

void swap_exceptions(Exceptions& other) { std::swap(*reinterpret_cast<Exceptions*>(abi::__cxa_get_globals()), other); }

// What the job holds is let go before it counts as ended, and where nobody holds a lock: a destructor may submit.
void carry_out(const std::function<void(Job&)>& perform, Job& job) {
  perform(job);
  job = nullptr;
}

}  // namespace

struct Task::Stack {
  context::fiber job;
  context::fiber thread;
  Exceptions exceptions{};
  log::Ids ids{};
};

Task::Task(std::function<void(Job&)> perform, std::function<void(Task&)> ready) : perform_(std::move(perform)), ready_(std::move(ready)), stack_(std::make_unique<Stack>()) {
  if (!has_own_stack) return;
  stack_->job = context::fiber(std::allocator_arg, context::protected_fixedsize_stack(stack_size), [this](context::fiber&& thread) {
    while (job_) {
      stack_->thread = std::move(thread);
      carry_out(perform_, job_);
      state_ = State::ended;
      thread = std::move(stack_->thread).resume();
    }
    return std::move(thread);
  });
}

Task::~Task() {
  if (stack_->job) stack_->job = std::move(stack_->job).resume();  // to its end, as there is no job
}

Task::State Task::run() {
  if (!has_own_stack) {
    carry_out(perform_, job_);
    return State::ended;
  }
  while (true) {
    auto* const outer = std::exchange(running, this);
    swap_exceptions(stack_->exceptions);
    stack_->ids = log::exchange_ids(stack_->ids);
    stack_->job = std::move(stack_->job).resume();
    stack_->ids = log::exchange_ids(stack_->ids);
    swap_exceptions(stack_->exceptions);
    running = outer;
    if (state_ != State::waits) return state_;
    // Only now, when nothing of the job runs any more, may somebody else take it up.
    if (std::exchange(signal_, nullptr)->tell(*this)) return State::waits;
  }
}

// Not inlined, as whoever asks twice may be on another thread by then.
[[gnu::noinline]] Task* Task::current() { return running; }

void Task::leave(State state) {
  state_ = state;
  stack_->thread = std::move(stack_->thread).resume();
}

void Task::wait_for(Signal& signal) {
  signal_ = &signal;
  leave(State::waits);
}

void Task::give_way() { leave(State::gives_way); }

}  // namespace polyshop
