#pragma once

#include <functional>
#include <map>
#include <vector>

#include "bus/archive.hpp"
#include "bus/event.hpp"
#include "kernel/db/database.hpp"

namespace polyshop::bus {

// The event log of one module: written in the transaction of the change, read by subscriptions.
class Log final : public db::EventSink, public Source {
 public:
  Log(Database& database, std::filesystem::path archive) : database_(database), archive_(std::move(archive)) {}

  // Before anything is appended.
  void declare(EventKind kind);
  const std::map<std::string, EventKind, std::less<>>& kinds() const { return kinds_; }

  void append(Tx& tx, std::string_view name, std::string_view aggregate, std::int64_t version, std::string data) override;

  const std::string& module() const override { return database_.module(); }
  bool may_publish(std::string_view event_name) const override { return kinds_.contains(event_name); }
  // Events that are no longer in the log come from the archive, where it has them.
  std::vector<Event> read_after(std::int64_t position, std::size_t count_max) override;
  std::int64_t head() override;
  LogEpoch epoch_since(std::int64_t epoch) override;
  void on_append(std::function<void()> wake) override { wakes_.push_back(std::move(wake)); }

  std::optional<Event> find(const Call& call, const std::string& id);  // in the log
  std::vector<Event> list_before(const Call& call, std::int64_t position, std::size_t count_max);  // in the log; the latest first
  // Calls back once, from any thread, when something may have been added; at once where there is something after the position.
  void when_appended(std::int64_t position, std::move_only_function<void()> ready);
  // Something may have been added, here or by another instance.
  void wake();
  // PostgreSQL: what is appended is nothing to read before it has its position, and wakes only what calls sequence(). Set before the lanes start.
  void set_sequencer(std::function<void()> sequencer) { sequencer_ = std::move(sequencer); }
  // Called when events got their positions here, so that other instances can be told. Set before the lanes start.
  void set_tell(std::function<void()> tell) { tell_ = std::move(tell); }

  // PostgreSQL: gives committed events their positions. A sequence taken before commit would let a reader of
  // `position > last` pass over what commits late, so positions are given afterwards, under one lock. True where it
  // moved something. Any number of instances may run it.
  bool sequence();

  // Takes some of the events from before that time out of the log; those after `taken`, which somebody still wants, go to the
  // archive. True where there may be more. The last event stays: the next position follows from it.
  bool shorten(const Call& call, Timestamp before, std::int64_t taken);
  // PostgreSQL with several instances: whether this one is to look after the log for so long.
  bool may_tend(const Call& call, Timestamp for_ms);
  Archive& archive() { return archive_; }

  struct Extent {
    std::int64_t first = 0;  // both 0 where it is empty
    std::int64_t last = 0;
  };
  Extent extent();

  // How far readers in other processes have come, as far as is known.
  void note_reader(const Call& call, const std::string& name, std::int64_t position);
  struct Reader {
    std::string name;
    std::int64_t position = 0;
    Timestamp seen_ms = 0;
  };
  std::vector<Reader> readers(const Call& call);
  bool forget_reader(const Call& call, const std::string& name);  // false where there is none

 private:
  Database& database_;
  Archive archive_;
  std::map<std::string, EventKind, std::less<>> kinds_;
  std::vector<std::function<void()>> wakes_;  // complete before the lanes start
  std::function<void()> sequencer_;
  std::function<void()> tell_;
  std::mutex waiting_mutex_;
  std::vector<std::move_only_function<void()>> waiting_;
};
BOOST_DESCRIBE_STRUCT(Log::Extent, (), (first, last))
BOOST_DESCRIBE_STRUCT(Log::Reader, (), (name, position, seen_ms))

}  // namespace polyshop::bus
