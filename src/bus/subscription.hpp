#pragma once

#include <any>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "bus/event.hpp"
#include "kernel/db/database.hpp"

namespace polyshop::bus {

// Where a new subscription starts: at the first event there is, or at what comes next.
enum class From { start, head };

enum class SubscriptionState { running, paused };  // paused by hand
BOOST_DESCRIBE_ENUM(SubscriptionState, running, paused)

// How a subscription stands.
struct SubscriptionRow {
  std::string name;                // "search.catalog": who listens, and to whom
  std::string source;
  std::vector<std::string> events;  // that it has handlers for
  SubscriptionState state = SubscriptionState::running;
  std::string reason;              // why it was paused
  std::string failure;             // what it waits for at the moment: a database or a facade that is away
  std::int64_t position = 0;       // of the last event taken
  std::int64_t head = 0;           // of the last event there is
  std::int64_t lag = 0;            // how many lie between
  Timestamp lag_ms = 0;            // how old the first of these is
  std::int64_t parked = 0;         // set aside, to be tried again
  std::int64_t dead = 0;           // set aside, until somebody looks
};
BOOST_DESCRIBE_STRUCT(SubscriptionRow, (), (name, source, events, state, reason, failure, position, head, lag, lag_ms, parked, dead))

// A module's place in another's log. The cursor moves in the transaction of the handlers' effects, so that every event
// takes effect exactly once. Handlers of one subscription run one after the other; the events of one aggregate in order.
//
// What fails because something is away (503, 507, 429) makes the subscription wait. Any other failure is the event's own: it
// is parked with the later ones of its aggregate, tried again, and in the end dead; others flow on.
class Subscription {
 public:
  // The same for every event: a step outside of any transaction that may ask facades, then one inside.
  struct Handler {
    std::function<std::any(const Call&, const Event&)> prepare;  // may be empty
    std::function<void(Tx&, const Event&, const std::any& prepared)> apply;
    std::function<void(const Call&, const std::vector<const Event*>&)> prepare_all = nullptr;  // the same for several at once
  };

  Subscription(Database& consumer, Source& source, From from, Metrics& metrics);
  // The same handlers for another database of the same module, which is made anew.
  Subscription(Database& consumer, const Subscription& like, Metrics& metrics);

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
           {[prepare](const Call& call, const Event& event) { return std::any(prepare(call, json::from_text<E>(event.data, json::Mode::lenient))); },
            [apply](Tx& tx, const Event& event, const std::any& prepared) { apply(tx, event, json::from_text<E>(event.data, json::Mode::lenient), std::any_cast<const P&>(prepared)); }});
  }

  // What an event asks of other modules where it changes nothing here: called with several, once and outside of any transaction. It is called again, with one
  // or several, where it failed or the process ended, so that its commands have to be ones that answer a repetition as they did.
  template <class E>
  void on_several(std::function<void(const Call&, const std::vector<E>&)> run) {
    handle(std::string(E::event_name), {nullptr, [](Tx&, const Event&, const std::any&) {}, [run](const Call& call, const std::vector<const Event*>& events) {
                                          std::vector<E> described;
                                          for (const auto* event : events) described.push_back(json::from_text<E>(event->data, json::Mode::lenient));
                                          run(call, described);
                                        }});
  }

  // Puts the cursor of a database that has none where the source's log ends now.
  void begin_at_head(const Call& call);

  // Takes what is there, up to a batch; true where there may be more. Called by one thread at a time.
  bool step();

  // Whether the last step took all that it may at once, so that more is to be expected.
  bool is_behind() const { return is_behind_; }
  // Called after events took effect, from the thread of step().
  void on_progress(std::function<void()> progress) { progress_.push_back(std::move(progress)); }

  // Before the first step, where the process before this one did not end in an orderly way: one of the events it was taking
  // may have ended it. They are taken one by one, each written down before; one with which three processes ended is dead.
  void suspect() { is_suspicious_ = true; }

  // Holds in every instance and over restarts, from the moment these return.
  void pause(const Call& call, const std::string& reason);
  void resume(const Call& call);

  SubscriptionRow row();
  std::int64_t position();  // of the last event taken, as the database says; 0 where it has taken none

 private:
  enum class Applied { all, moved_elsewhere, failed };
  std::optional<std::int64_t> load_cursor();  // nothing where it is paused
  void take(const std::vector<Event>& events);
  bool may_begin(const Event& event);
  void prepare_all(std::span<const Event> events);
  Applied apply_batch(std::span<const Event> events, std::string& failure);
  void park(const Event& event, const std::string& failure, bool is_dead = false);
  bool retry_parked();
  bool retry(const Event& event, std::int64_t attempts);
  void wait(const std::string& why);
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
  std::size_t batch_;               // how many to take at once: what the lane can do in its time
  bool is_suspicious_ = false;
  std::int64_t suspect_until_ = 0;  // the last position of those that may have ended the process before
  std::set<std::int64_t> begun_;    // of these, what this process has begun and did not survive yet
  std::atomic<bool> is_behind_ = false;
  int waits_ = 0;
  Timestamp waits_until_ms_ = 0;       // these two of the steady clock
  Timestamp next_parked_look_ms_ = 0;
  std::mutex failure_mutex_;
  std::string failure_;
  Metrics::Counter taken_;
  Metrics::Counter parked_;
  Metrics::Gauge position_;
};

}  // namespace polyshop::bus
