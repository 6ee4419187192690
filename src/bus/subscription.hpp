#pragma once

#include <any>
#include <functional>
#include <map>
#include <string>

#include "bus/event.hpp"
#include "kernel/db/database.hpp"

namespace polyshop::bus {

// Where a new subscription starts: at the first event there is, or at what comes next.
enum class From { start, head };

// A module's place in another's log. The cursor moves in the transaction of the handlers' effects, so that every event
// takes effect exactly once. Handlers of one subscription run one after the other; the events of one aggregate in order.
class Subscription {
 public:
  // The same for every event: a step outside of any transaction that may ask facades, then one inside.
  struct Handler {
    std::function<std::any(const Call&, const Event&)> prepare;  // may be empty
    std::function<void(Tx&, const Event&, const std::any& prepared)> apply;
  };

  Subscription(Database& consumer, Source& source, From from, Metrics& metrics);

  const std::string& name() const { return name_; }
  Source& source() { return source_; }
  void handle(std::string event_name, Handler handler);
  std::vector<std::string> event_names() const;  // that have a handler
  template <class E>
  void on(std::function<void(Tx&, const Event&, const E&)> apply) {
    handle(std::string(E::event_name), {nullptr, [apply](Tx& tx, const Event& event, const std::any&) { apply(tx, event, json::from_text<E>(event.data, json::Mode::lenient)); }});
  }
  // With a question to a facade before the transaction.
  template <class E, class P>
  void on(std::function<P(const Call&, const E&)> prepare, std::function<void(Tx&, const Event&, const E&, const P&)> apply) {
    handle(std::string(E::event_name),
           {[prepare](const Call& call, const Event& event) -> std::any { return prepare(call, json::from_text<E>(event.data, json::Mode::lenient)); },
            [apply](Tx& tx, const Event& event, const std::any& prepared) { apply(tx, event, json::from_text<E>(event.data, json::Mode::lenient), std::any_cast<const P&>(prepared)); }});
  }

  // Takes what is there, up to a batch; true where there may be more. Called by one thread at a time.
  bool step();

  // Called after events took effect, from the thread of step().
  void on_progress(std::function<void()> progress) { progress_.push_back(std::move(progress)); }

 private:
  enum class Applied { all, moved_elsewhere, failed };
  std::int64_t load_cursor();
  Applied apply_batch(const std::vector<Event>& events, std::string& failure);
  void park(const Event& event, const std::string& failure);
  bool retry_parked();
  void pause(const std::string& why);
  Call call() const;
  Call call_about(const Event& event) const;

  Database& consumer_;
  Source& source_;
  const std::string name_;
  const From from_;
  std::map<std::string, Handler, std::less<>> handlers_;
  std::vector<std::function<void()>> progress_;
  std::optional<std::int64_t> cursor_;
  std::optional<bool> has_parked_;
  int pauses_ = 0;
  std::chrono::steady_clock::time_point paused_until_{};
  std::chrono::steady_clock::time_point next_parked_look_{};
  Metrics::Counter taken_;
  Metrics::Counter parked_;
  Metrics::Gauge position_;
};

}  // namespace polyshop::bus
