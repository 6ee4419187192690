#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/describe.hpp>

// Places at which a test makes the program fail. A place is one line, `failpoint::reach("lane.before_commit", module)`, and
// costs a load of one flag where nothing is armed. Only `--allow-failpoints`, of serve and restore, lets any be armed.
namespace polyshop::failpoint {

// Every place there is, so that a test can run them all. A name starts with the part of the program it stands in.
inline constexpr auto names = std::to_array<std::string_view>({
    "lane.before_job",                 // in the transaction, before a job of it runs; scope: module
    "lane.after_job",                  // it has run
    "lane.before_commit",              // every job of the transaction has run
    "lane.after_commit",               // it is durable, and nobody was told
    "log.appended",                    // an event is in the open transaction; scope: module
    "log.epoch_begun",                 // a restored log has its new epoch, in the open transaction
    "log.archived",                    // old events are in the archive and in the log; scope: module, as for these
    "log.shortened",                   // they are taken out of the log, in the open transaction
    "log.tended",                      // that is durable, and files of the archive that nobody needs are there
    "sequencer.locked",                // PostgreSQL: the lock is held, no event has its position; scope: module
    "sequencer.moved",                 // PostgreSQL: they have, in the open transaction
    "subscription.before_prepare",     // events were read, nothing is done; scope: consumer.source, as for all of these
    "subscription.cursor_moved",       // in the transaction, before the handlers
    "subscription.applied",            // in the transaction, after them
    "subscription.committed",          // cursor and effects are durable
    "subscription.before_park",        // an event has failed
    "subscription.parked",             // in the transaction that sets it aside
    "subscription.before_retry",       // a parked event is about to be tried again
    "subscription.retried",            // in the transaction in which it took effect
    "saga.started",                    // in the transaction of the change that wants it; scope: kind, as for all of these
    "saga.leased",                     // a runner holds it
    "saga.before_step",                // before the step's facade calls
    "saga.after_step",                 // after them, nothing of it is logged
    "saga.recorded",                   // the step is logged, in the open transaction
    "saga.committed",                  // it is durable
    "saga.failing",                    // a step has failed, nothing is written about it
    "saga.before_compensation",        // before the compensation's facade calls
    "saga.after_compensation",         // after them, nothing of it is logged
    "effect.enqueued",                 // the row is in the open transaction; scope: kind, as for all of these
    "effect.before_perform",           // nothing has left the machine
    "effect.performed",                // the other side has answered, nothing is recorded
    "effect.recorded",                 // it is, in the open transaction
    "effect.committed",                // it is durable
    "webhook.queued",                  // deliveries of an event are in the open transaction
    "webhook.answered",                // an endpoint has answered, nothing of it is written down
    "webhook.noted",                   // the attempt is durable, what it means for the delivery is not
    "backup.taken",                    // a module's moment is taken, and nobody writes until all are; scope: module
    "backup.copied",                   // it is copied; scope: module
    "backup.archived",                 // the archive is too, and the manifest is not written
    "restore.verified",                // nothing is changed
    "restore.prepared",                // SQLite: a module's copy is ready; PostgreSQL: what is there was dumped; scope: module
    "restore.begun",                   // that the restore has begun to replace is durable
    "restore.set_aside",               // SQLite: a module's file is away, and its copy not in its place; scope: module
    "restore.loaded",                  // PostgreSQL: a module is loaded, its log has the epoch of the backup; scope: module
    "restore.replaced",                // scope: module
    "restore.archived",                // the archives are replaced, no cursor is
    "restore.aligned",                 // all is done, and the restore counts as one that has not ended
    "clock.now",                       // jump: what the clock says is so much later, or earlier
    "sqlite.synchronous_normal",       // on: commits do not wait for the disk. What a test of power cuts must notice
});

// One of the names; any other does not compile.
struct Name {
  consteval Name(const char* text) : text(text) {
    if (std::ranges::find(names, std::string_view(text)) == names.end()) throw "there is no failpoint of this name";
  }
  std::string_view text;
};

// crash: the process ends as by kill -9. error: a failure nobody foresaw, 500. unavailable: one that waiting mends, 503.
// delay: goes on after some time. jump and on: see the names that know them.
enum class Mode { crash, error, unavailable, delay, jump, on };
BOOST_DESCRIBE_ENUM(Mode, crash, error, unavailable, delay, jump, on)

inline std::atomic<bool> is_any_armed = false;
inline std::atomic<std::int64_t> clock_offset_ms = 0;

void act(std::string_view name, std::string_view scope);
bool is_switched_on(std::string_view name);

// Does what is armed here. Throws where that is an error, so a place may stand only where a failure may come from.
inline void reach(Name name, std::string_view scope = {}) {
  if (is_any_armed.load(std::memory_order_relaxed)) [[unlikely]]
    act(name.text, scope);
}

inline bool is_on(Name name) { return is_any_armed.load(std::memory_order_relaxed) && is_switched_on(name.text); }

// How often a place was reached while anything was armed, and how often it did something.
struct Reached {
  std::string name;
  std::int64_t reached = 0;
  std::int64_t acted = 0;
};
BOOST_DESCRIBE_STRUCT(Reached, (), (name, reached, acted))

// Arms what the text says, and nothing else, with new counts: `NAME[/SCOPE]=MODE[,after=N][,times=N][,ms=N]`, several separated
// by `;`. It acts after N others that reached it (0), so many times (once; delay, jump and on: always); `ms` is how long a delay
// is and how far a jump. Throws Problem 422 `bad_failpoint` that says what is not understood.
void arm(std::string_view text);

// What a crash and a delay are from now on: for simulations, in which neither a process ends nor time passes by itself. A
// crash then throws something that is no std::exception, so that nobody takes it for a failure to go on from.
void imitate(std::function<void()> crash, std::function<void(std::int64_t ms)> delay);
std::vector<Reached> counts();

}  // namespace polyshop::failpoint
