#include "shopload/generator.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <deque>
#include <queue>

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "kernel/types/problem.hpp"
#include "live/process.hpp"
#include "shopload/link.hpp"

namespace polyshop::load {
namespace {

using Nanoseconds = std::int64_t;  // on the monotonic clock
constexpr Nanoseconds second = 1'000'000'000;
constexpr Nanoseconds silence_max = 30 * second;
constexpr Nanoseconds repeat_after = second / 10;  // what is under way in the shop is asked for again

Nanoseconds now() { return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count(); }
Nanoseconds ns(double seconds) { return static_cast<Nanoseconds>(seconds * static_cast<double>(second)); }

// A shopper on a connection.
struct Seat {
  Seat(int epoll, int port, std::uint64_t tag, std::size_t load, std::unique_ptr<Shopper> shopper) : link(epoll, port, tag), load(load), shopper(std::move(shopper)) {}
  Link link;
  const std::size_t load;
  const std::unique_ptr<Shopper> shopper;
  bool is_visiting = false;
  bool is_waiting = false;       // for an answer
  std::size_t step = 0;
  Nanoseconds visit_meant = 0;   // when the visit was meant to begin
  Nanoseconds request_meant = 0;
  Nanoseconds asked = 0;         // when the request was last sent
};

struct Timer {
  Nanoseconds at = 0;
  std::size_t seat = 0;
  bool is_repeat = false;  // the same request, else the next
  bool operator>(const Timer& other) const { return at > other.at; }
};

struct Running {
  const Load& load;
  LoadResult result;
  std::vector<std::size_t> idle{};       // seats
  std::size_t seats = 0;
  std::deque<Nanoseconds> waiting{};     // open loop: visits without a seat, by when they were meant to begin
  Nanoseconds next_arrival = 0;
  std::int64_t begun = 0;
};

class Generator {
 public:
  Generator(Ground& ground, int port, const std::vector<Load>& loads, const Span& span) : ground_(ground), port_(port), span_(span), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    for (const auto& load : loads) {
      Running running{load, {}};
      running.result.scenario = load.scenario->name;
      for (const auto step : load.scenario->steps) running.result.steps.push_back({step, {}, {}});
      loads_.push_back(std::move(running));
    }
  }
  ~Generator() { ::close(epoll_); }
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;

  std::vector<LoadResult> run() {
    const auto start = now();
    measure_from_ = start + ns(span_.warmup_s);
    measure_until_ = measure_from_ + ns(span_.seconds);
    const auto give_up = measure_until_ + ns(span_.drain_s);
    for (std::size_t i = 0; i < loads_.size(); ++i) {
      loads_[i].next_arrival = start;
      if (!loads_[i].load.rate)
        for (std::size_t n = 0; n < loads_[i].load.shoppers && may_begin(loads_[i], start); ++n) begin(seat_for(i), start);
    }
    bool has_begun = false;
    bool has_ended = false;
    Nanoseconds tick = start + second / 4;
    for (auto at = now(); at < give_up && !(has_ended && visiting_ == 0); at = now()) {
      if (!has_begun && at >= measure_from_) {
        has_begun = true;
        if (span_.began) span_.began();
      }
      if (!has_ended && (at >= measure_until_ || all_have_come())) {
        has_ended = true;
        measure_until_ = std::min(measure_until_, at);
        if (span_.ended) span_.ended();
      }
      if (at >= tick) {
        tick = at + second / 4;
        live::stop_if_interrupted();
        end_silent(at);
      }
      const auto next = std::min(begin_arrivals(at), run_timers(at));
      wait(std::min({next, tick, has_begun ? give_up : measure_from_, has_ended ? give_up : measure_until_}) - now());
    }
    if (!has_ended && span_.ended) span_.ended();
    std::vector<LoadResult> results;
    for (auto& running : loads_) {
      running.result.seconds = static_cast<double>(measure_until_ - measure_from_) / 1e9;
      running.result.unstarted = static_cast<std::int64_t>(running.waiting.size());
      results.push_back(std::move(running.result));
    }
    for (const auto& seat : seats_)
      if (seat->is_visiting) ++results[seat->load].endings["unfinished"];
    return results;
  }

 private:
  bool is_measured(Nanoseconds at) const { return at >= measure_from_ && at < measure_until_; }

  bool may_begin(const Running& running, Nanoseconds at) const { return at < measure_until_ && (running.load.visits_max == 0 || running.begun < running.load.visits_max); }

  // Whether every load has a number of visits and all of them have ended.
  bool all_have_come() const {
    return visiting_ == 0 && std::ranges::all_of(loads_, [](const auto& running) { return running.load.visits_max > 0 && running.begun == running.load.visits_max && running.waiting.empty(); });
  }

  std::size_t seat_for(std::size_t load) {
    auto& running = loads_[load];
    if (!running.idle.empty()) {
      const auto seat = running.idle.back();
      running.idle.pop_back();
      return seat;
    }
    ++running.seats;
    seats_.push_back(std::make_unique<Seat>(epoll_, port_, seats_.size(), load, running.load.scenario->make(ground_)));
    return seats_.size() - 1;
  }

  void begin(std::size_t index, Nanoseconds meant) {
    auto& seat = *seats_[index];
    auto& running = loads_[seat.load];
    ++running.begun;
    ++visiting_;
    seat.is_visiting = true;
    seat.visit_meant = meant;
    seat.shopper->arrive();
    if (running.load.rate && is_measured(meant)) running.result.lag.record(now() - meant);
    ask(index, meant);
  }

  void ask(std::size_t index, Nanoseconds meant) {
    auto& seat = *seats_[index];
    seat.request_meant = meant;
    seat.link.request().clear();
    seat.step = seat.shopper->ask(seat.link.request());
    send(index);
  }

  void send(std::size_t index) {
    auto& seat = *seats_[index];
    seat.is_waiting = true;
    seat.asked = now();
    if (!seat.link.send()) lose(index);
  }

  void lose(std::size_t index) {
    auto& seat = *seats_[index];
    seat.link.close();
    if (!seat.is_waiting) return;  // nobody needs it now
    seat.is_waiting = false;
    ++loads_[seat.load].result.lost;
    leave(index, "lost", now());
  }

  void leave(std::size_t index, std::string_view ending, Nanoseconds at) {
    auto& seat = *seats_[index];
    auto& running = loads_[seat.load];
    auto& result = running.result;
    seat.is_visiting = false;
    --visiting_;
    const bool went_well = ending != "lost" && ending != "wrong" && ending != "refused";
    if (is_measured(at)) {
      const auto entry = result.endings.find(ending);
      ++(entry != result.endings.end() ? entry->second : result.endings[std::string(ending)]);
      if (went_well) {
        ++result.visits;
        const auto elapsed = static_cast<std::size_t>((at - measure_from_) / second);
        if (elapsed >= result.visits_by_second.size()) result.visits_by_second.resize(elapsed + 1);
        ++result.visits_by_second[elapsed];
      }
    }
    if (went_well && is_measured(seat.visit_meant)) result.visit.record(at - seat.visit_meant);
    ended_.push_back(index);
  }

  // Those whose visit has ended begin the next; not within leave(), which would nest for ever where connections fail at once.
  void go_on(Nanoseconds at) {
    for (std::size_t i = 0; i < ended_.size(); ++i) {
      const auto index = ended_[i];
      auto& running = loads_[seats_[index]->load];
      if (!running.waiting.empty() && at < measure_until_) {
        const auto meant = running.waiting.front();
        running.waiting.pop_front();
        --running.begun;  // it was counted when it came
        begin(index, meant);
      } else if (!running.load.rate && may_begin(running, at)) {
        if (seats_[index]->link.is_open())
          begin(index, at);
        else
          timers_.push({at + repeat_after, index, false});  // a server that is away is not asked without end
      } else {
        running.idle.push_back(index);
      }
    }
    ended_.clear();
  }

  // Answers when the next one is due.
  Nanoseconds begin_arrivals(Nanoseconds at) {
    auto next = std::numeric_limits<Nanoseconds>::max();
    for (std::size_t i = 0; i < loads_.size(); ++i) {
      auto& running = loads_[i];
      if (!running.load.rate) continue;
      while (running.next_arrival <= at && may_begin(running, running.next_arrival)) {
        if (running.idle.empty() && running.seats >= running.load.shoppers) {
          running.waiting.push_back(running.next_arrival);
          ++running.begun;
        } else {
          begin(seat_for(i), running.next_arrival);
        }
        running.next_arrival += ns(std::exponential_distribution<double>(*running.load.rate)(ground_.random));
      }
      if (may_begin(running, running.next_arrival)) next = std::min(next, running.next_arrival);
    }
    go_on(at);
    return next;
  }

  Nanoseconds run_timers(Nanoseconds at) {
    while (!timers_.empty() && timers_.top().at <= at) {
      const auto timer = timers_.top();
      timers_.pop();
      if (timer.is_repeat)
        send(timer.seat);
      else if (seats_[timer.seat]->is_visiting)
        ask(timer.seat, timer.at);
      else if (may_begin(loads_[seats_[timer.seat]->load], at))
        begin(timer.seat, at);
    }
    go_on(at);
    return timers_.empty() ? std::numeric_limits<Nanoseconds>::max() : timers_.top().at;
  }

  void end_silent(Nanoseconds at) {
    for (std::size_t i = 0; i < seats_.size(); ++i)
      if (seats_[i]->is_waiting && at - seats_[i]->asked > silence_max) lose(i);
    go_on(at);
  }

  void wait(Nanoseconds timeout) {
    // To sleep and be woken takes about as long, and twice the processor's time of a look.
    constexpr Nanoseconds worth_sleeping = 50'000;
    timeout = timeout < worth_sleeping ? 0 : timeout;
    const timespec spec{timeout / second, timeout % second};
    const int count = ::epoll_pwait2(epoll_, events_.data(), static_cast<int>(events_.size()), &spec, nullptr);
    for (int i = 0; i < count; ++i) {
      const auto& event = events_[static_cast<std::size_t>(i)];
      const auto index = static_cast<std::size_t>(event.data.u64);
      auto& link = seats_[index]->link;
      if (!link.is_open()) continue;
      if ((event.events & EPOLLOUT) && !link.flush()) {
        lose(index);
        continue;
      }
      if (event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive(index);
    }
    go_on(now());
  }

  void receive(std::size_t index) {
    auto& seat = *seats_[index];
    const bool is_open = seat.link.receive();
    const auto at = now();
    try {
      const auto answer = seat.link.answer();
      if (answer && !seat.is_waiting) throw Fault{"an answer nobody asked for", std::string(answer->head)};
      if (answer) {
        seat.is_waiting = false;
        const bool closes = answer->closes();
        take(index, *answer, at);
        if (closes)
          seat.link.close();
        else
          seat.link.drop();
      }
    } catch (const Fault& fault) {
      count(seat, fault);
      seat.link.close();
      if (seat.is_waiting) {
        seat.is_waiting = false;
        leave(index, "wrong", at);
      }
    }
    if (!is_open) lose(index);
    act(index);
  }

  // What take() decided to do at once; after the answer was dropped, since it lies in the link's buffer.
  void act(std::size_t index) {
    if (asks_next_) ask(index, *asks_next_);
    asks_next_.reset();
  }

  void take(std::size_t index, const Answer& answer, Nanoseconds at) {
    auto& seat = *seats_[index];
    auto& running = loads_[seat.load];
    auto& step = running.result.steps[seat.step];
    if (is_measured(at)) ++step.by_status[answer.status];
    if (answer.status == 429 || answer.status == 503) return refuse(index, answer, at);
    auto next = Shopper::Next::leave;
    try {
      next = seat.shopper->take(answer);
    } catch (const Fault& fault) {
      count(seat, fault);
      return leave(index, "wrong", at);
    }
    if (next == Shopper::Next::repeat) return timers_.push({at + repeat_after, index, true});
    if (is_measured(at)) ++running.result.answers;
    if (is_measured(seat.request_meant)) step.latency.record(at - seat.request_meant);
    if (next == Shopper::Next::leave) return leave(index, seat.shopper->ending(), at);
    if (running.load.think_s <= 0)
      asks_next_ = at;
    else
      timers_.push({at + ns(std::exponential_distribution<double>(1 / running.load.think_s)(ground_.random)), index, false});
  }

  void refuse(std::size_t index, const Answer& answer, Nanoseconds at) {
    auto& seat = *seats_[index];
    auto& running = loads_[seat.load];
    const auto pause = answer.retry_after();
    if (is_measured(at)) {
      ++running.result.refusals;
      if (!pause) ++running.result.refusals_without_retry_after;
    }
    const auto again = at + std::max(repeat_after, ns(pause.value_or(1)));
    if (again - seat.request_meant <= ns(running.load.patience_s))
      timers_.push({again, index, true});
    else
      leave(index, "refused", at);
  }

  void count(const Seat& seat, const Fault& fault) {
    auto& entry = loads_[seat.load].result.faults[fault.what];
    if (entry.count++ == 0) entry.shown = fault.shown;
  }

  Ground& ground_;
  const int port_;
  const Span& span_;
  const int epoll_;
  std::vector<Running> loads_;
  std::vector<std::unique_ptr<Seat>> seats_;
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
  std::vector<std::size_t> ended_;
  std::optional<Nanoseconds> asks_next_;
  std::array<epoll_event, 256> events_{};
  std::int64_t visiting_ = 0;
  Nanoseconds measure_from_ = 0;
  Nanoseconds measure_until_ = 0;
};

// As many descriptors as the system lets us have, and a wake-up when it is due rather than up to 50 us later.
void take_limits() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ::prctl(PR_SET_TIMERSLACK, 1);
}

}  // namespace

std::int64_t LoadResult::fault_count() const {
  std::int64_t count = 0;
  for (const auto& [what, fault] : faults) count += fault.count;
  return count;
}

std::vector<LoadResult> run(Ground& ground, int port, const std::vector<Load>& loads, const Span& span) {
  take_limits();
  return Generator(ground, port, loads, span).run();
}

}  // namespace polyshop::load
