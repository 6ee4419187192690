#include "bus/rebuild.hpp"

#include <pthread.h>

#include "bus/node.hpp"
#include "kernel/observe/log.hpp"

namespace polyshop::bus {
namespace {

struct Held {
  std::string name;
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(Held, (), (name, reason))

}  // namespace

void Rebuild::begin() {
  const std::lock_guard lock(mutex_);
  if (standing_.state == RebuildState::running) throw Problem::conflict("rebuild_running", node_.module() + " is being rebuilt already. Wait for it.");
  standing_ = {node_.module(), RebuildState::running, {}, 0, {}};
}

void Rebuild::start(const Call& call) {
  begin();
  if (thread_.joinable()) thread_.join();
  thread_ = std::thread([this, call] {
    pthread_setname_np(pthread_self(), (node_.module().substr(0, 7) + "-rebuild").c_str());
    try {
      make(call);
    } catch (const std::exception&) {
      // It is in the standing and in the log.
    }
  });
}

void Rebuild::run(const Call& call) {
  begin();
  make(call);
}

RebuildStanding Rebuild::standing() {
  const std::lock_guard lock(mutex_);
  auto standing = standing_;
  standing.module = node_.module();
  return standing;
}

void Rebuild::stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

void Rebuild::say(std::string doing, std::int64_t more_items) {
  if (stopping_) throw Problem::unavailable("stopping", "The shop is stopping; nothing was replaced.");
  const std::lock_guard lock(mutex_);
  standing_.doing = std::move(doing);
  standing_.items += more_items;
}

void Rebuild::make(const Call& asked) {
  Call call = asked.unkeyed();
  call.deadline = Deadline::max();  // it reads whole modules
  try {
    log::info("a rebuild begins", {{"module", node_.module()}, {"actor", call.actor.id}});
    Metrics metrics;  // those of the old database go on
    auto beside = node_.db.make_place_beside();
    Database fresh(node_.module(), beside.options, node_.db.clock(), metrics);
    fresh.migrate();
    fresh.open();
    std::vector<std::unique_ptr<Subscription>> subscriptions;
    for (const auto& subscription : node_.subscriptions()) {
      auto& made = subscriptions.emplace_back(std::make_unique<Subscription>(fresh, *subscription, metrics));
      made->begin_at_head(call);
    }
    plan_.load(call, fresh, [this](std::string_view what, std::int64_t items) { say(std::string(what), items); });
    say("what has happened since");
    for (const auto& subscription : subscriptions) {
      while (subscription->step()) say("what has happened since");
      const auto row = subscription->row();
      if (!row.failure.empty() || row.parked + row.dead > 0) throw Problem::conflict("rebuild_failed", "Events could not be taken, so nothing was replaced; see the log: " + subscription->name());
    }
    if (plan_.settle) plan_.settle(call, fresh);
    say("the swap");
    // Whoever paused a subscription finds it paused.
    const auto paused = node_.db.read(call, [](Tx& tx) { return tx.list<Held>("SELECT name, reason FROM subscription WHERE state = 'paused'"_sql); });
    fresh.write(call, [&](Tx& tx) {
      for (const auto& held : paused) tx.exec("UPDATE subscription SET state = 'paused', reason = :reason WHERE name = :name"_sql, held.reason, held.name);
    });
    node_.db.replace_with(fresh, beside);
    if (plan_.replaced) plan_.replaced();
    log::info("a rebuild is done", {{"module", node_.module()}, {"items", standing().items}});
    const std::lock_guard lock(mutex_);
    standing_.state = RebuildState::done;
    standing_.doing.clear();
  } catch (const std::exception& error) {
    log::error("a rebuild failed; the database is as it was", {{"module", node_.module()}, {"error", error.what()}});
    const auto* problem = dynamic_cast<const Problem*>(&error);
    const std::lock_guard lock(mutex_);
    standing_.state = RebuildState::failed;
    standing_.problem = problem ? problem->detail : "Something went wrong; the log says what.";
    throw;
  }
}

}  // namespace polyshop::bus
