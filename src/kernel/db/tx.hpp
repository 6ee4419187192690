#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "kernel/db/column.hpp"
#include "kernel/db/sql.hpp"
#include "kernel/facade/call.hpp"

namespace polyshop {

enum class Engine { sqlite, postgresql };
BOOST_DESCRIBE_ENUM(Engine, sqlite, postgresql)

class Tx;

namespace db {

// A statement prepared on a session. Set the parameters, execute, then read the columns while there are rows.
class Prepared {
 public:
  virtual ~Prepared() = default;
  virtual bool execute() = 0;  // true where there is a row
  virtual bool fetch() = 0;    // true where there is another
  virtual std::int64_t affected() = 0;
  std::vector<Slot> parameters;
  std::vector<Slot> columns;
};

// One connection to one database, with the statements prepared on it. Belongs to one thread at a time.
class Session {
 public:
  virtual ~Session() = default;
  virtual Prepared& prepare(const Statement& statement, std::span<const std::string_view> parameter_names, std::span<const Kind> parameters, std::span<const Kind> columns) = 0;
  virtual Engine engine() const = 0;
};

// Where the events of a transaction go; the bus is one.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void append(Tx& tx, std::string_view name, std::string_view aggregate, std::int64_t version, std::string data) = 0;
};

}  // namespace db

// A fact that a module tells the others: a described struct with a wire name, the aggregate it is about (its order among
// the events of that aggregate is kept) and the version that aggregate has now.
template <class E>
concept EventType = json::DescribedStruct<E> && requires(const E& event) {
  { E::event_name } -> std::convertible_to<std::string_view>;
  { event.aggregate() } -> std::convertible_to<std::string>;
  { event.version } -> std::convertible_to<std::int64_t>;
};

// An open transaction on one module's database. Arguments of a statement are either values, bound to its parameters in the order in
// which these first stand in it, or a described struct, whose members are bound by name, followed by values for the
// parameters it has no member for. Rows are described structs, filled by column name, or single values. All of this is
// checked when it is compiled.
class Tx {
 public:
  Tx(db::Session& session, Timestamp now, db::EventSink* events, const Call* call = nullptr) : session_(session), now_(now), events_(events), call_(call) {}
  Tx(const Tx&) = delete;
  Tx& operator=(const Tx&) = delete;

  Timestamp now() const { return now_; }
  Engine engine() const { return session_.engine(); }

  // On whose behalf and in which trace (a W3C traceparent) the transaction runs; empty where nobody said. Its events carry both.
  std::string actor() const { return call_ ? call_->actor.id : std::string(); }
  std::string traceparent() const { return call_ && call_->trace.exists() ? call_->trace.traceparent() : std::string(); }
  // What follows in this transaction is caused by another call, which outlives it: one event of several that are taken together.
  void act_for(const Call& call) { call_ = &call; }

  // Runs a statement that changes rows; answers how many.
  template <class S, class... A>
  std::int64_t exec(S sql, const A&... arguments) {
    auto& prepared = bound<S>(sql, std::span<const db::Kind>{}, arguments...);
    prepared.execute();
    return prepared.affected();
  }

  // The first row, or nothing.
  template <class Row, class S, class... A>
  std::optional<Row> find(S sql, const A&... arguments) {
    auto& prepared = bound<S>(sql, kinds_of<Row, S>(), arguments...);
    if (!prepared.execute()) return {};
    std::optional<Row> row;
    read_or_finish(prepared, [&] { row = read_row<Row, S>(prepared); });
    finish(prepared);
    return row;
  }

  // The only row of a statement that always has one, such as an aggregate.
  template <class Row, class S, class... A>
  Row get(S sql, const A&... arguments) {
    auto row = find<Row>(sql, arguments...);
    if (!row) die("a statement that always answers a row answered none");
    return std::move(*row);
  }

  template <class Row, class S, class... A>
  std::vector<Row> list(S sql, const A&... arguments) {
    std::vector<Row> rows;
    auto& prepared = bound<S>(sql, kinds_of<Row, S>(), arguments...);
    for (bool more = prepared.execute(); more; more = prepared.fetch())
      read_or_finish(prepared, [&] { rows.push_back(read_row<Row, S>(prepared)); });
    return rows;
  }

  template <EventType E>
  void publish(const E& event) {
    if (!events_) die("an event was published in a transaction that only reads, or without a bus");
    events_->append(*this, E::event_name, event.aggregate(), event.version, json::to_text(event));
  }

  // Called once the outer transaction is durable, on the lane's thread; must be short and must not throw.
  void after_commit(std::move_only_function<void()> action) { after_commit_.push_back(std::move(action)); }

  // Gives this transaction up and has the whole job run again, because somebody else changed what it has decided on; after a few times it is Problem
  // 503 `database_busy`. For PostgreSQL: on SQLite nobody can come between.
  [[noreturn]] static void start_over(const std::string& why);

  // Of the lanes. A transaction that is one statement, which only reads, has nothing around it.
  void limit_to_one_statement() { is_limited_ = true; }
  std::vector<std::move_only_function<void()>> take_after_commit() { return std::move(after_commit_); }

 private:
  // A statement that is left before its last row, or because a row could not be read, would keep its snapshot.
  static void finish(db::Prepared& prepared) {
    while (prepared.fetch()) {}
  }
  template <class F>
  static void read_or_finish(db::Prepared& prepared, F&& read) {
    try {
      read();
    } catch (...) {
      finish(prepared);
      throw;
    }
  }

  // In a transaction that is one statement.
  void note(std::string_view text) {
    if (!is_limited_) return;
    if (has_run_) die("a second statement was run where one was to be: " + std::string(text));
    if (!text.starts_with("SELECT") && !text.starts_with("WITH")) die("a statement that does not read was run where one was to read: " + std::string(text));
    has_run_ = true;
  }

  template <class Row, class S>
  static std::span<const db::Kind> kinds_of() {
    if constexpr (db::Scalar<Row>) {
      static_assert(S::columns.size == 1, "a single value needs a statement with one column");
      static constexpr db::Kind kind[] = {db::Column<Row>::kind};
      return kind;
    } else {
      static constexpr auto kinds = [] {
        std::array<db::Kind, db::Names::max> result{};
        std::size_t found = 0;
        boost::mp11::mp_for_each<json::members_of<Row>>([&](auto d) {
          using M = std::remove_cvref_t<decltype(std::declval<Row&>().*d.pointer)>;
          const auto index = S::columns.index_of(d.name);
          if (index == db::Names::max) throw "a member of the row has no column of its name in the statement";
          result[index] = db::Column<M>::kind;
          ++found;
        });
        if (found != S::columns.size) throw "a column of the statement has no member of its name in the row";
        return result;
      }();
      return std::span(kinds).first(S::columns.size);
    }
  }

  template <class Row, class S>
  static Row read_row(db::Prepared& prepared) {
    if constexpr (db::Scalar<Row>) {
      return db::Column<Row>::read(prepared.columns[0]);
    } else {
      Row row{};
      boost::mp11::mp_for_each<json::members_of<Row>>([&](auto d) {
        using M = std::remove_cvref_t<decltype(row.*d.pointer)>;
        constexpr auto index = S::columns.index_of(decltype(d)::name);
        row.*d.pointer = db::Column<M>::read(prepared.columns[index]);
      });
      return row;
    }
  }

  // The parameters that no member of T is bound to, in their order.
  template <class S, class T>
  static constexpr auto free_parameters() {
    std::array<std::size_t, db::Names::max> free{};
    std::size_t size = 0;
    for (std::size_t i = 0; i < S::parameters.size; ++i) {
      bool taken = false;
      boost::mp11::mp_for_each<json::members_of<T>>([&](auto d) { taken |= S::parameters.name[i] == d.name; });
      if (!taken) free[size++] = i;
    }
    return std::pair(free, size);
  }

  template <class S, class... A>
  db::Prepared& bound(S sql, std::span<const db::Kind> columns, const A&... arguments) {
    constexpr auto count = S::parameters.size;
    const auto& statement = db::statement_for(sql, engine() == Engine::sqlite);
    note(statement.text);
    const std::span names(S::parameters.name.data(), count);
    if constexpr (sizeof...(A) == 0) {
      static_assert(count == 0, "the statement has parameters and got no arguments");
      return session_.prepare(statement, names, {}, columns);
    } else {
      using First = std::tuple_element_t<0, std::tuple<A...>>;
      if constexpr (db::Scalar<First>) {
        static_assert(count == sizeof...(A), "the statement has another number of parameters than it got arguments");
        static constexpr db::Kind kinds[] = {db::Column<std::decay_t<A>>::kind...};
        auto& prepared = session_.prepare(statement, names, kinds, columns);
        std::size_t at = 0;
        ((bind(prepared.parameters[at++], arguments)), ...);
        return prepared;
      } else {
        return bound_by_name<S>(statement, names, columns, arguments...);
      }
    }
  }

  template <class S, class T, class... A>
  db::Prepared& bound_by_name(const db::Statement& statement, std::span<const std::string_view> names, std::span<const db::Kind> columns, const T& record, const A&... values) {
    static constexpr auto free = free_parameters<S, T>();
    static_assert(free.second == sizeof...(A), "a parameter of the statement has neither a member nor a value, or a value has no parameter");
    static constexpr auto kinds = [] {
      std::array<db::Kind, db::Names::max> result{};
      boost::mp11::mp_for_each<json::members_of<T>>([&](auto d) {
        constexpr auto index = S::parameters.index_of(decltype(d)::name);
        if constexpr (index != db::Names::max) {
          using M = std::remove_cvref_t<decltype(std::declval<T&>().*d.pointer)>;
          result[index] = db::Column<M>::kind;
        }
      });
      [[maybe_unused]] std::size_t at = 0;
      ((result[free.first[at++]] = db::Column<std::decay_t<A>>::kind), ...);
      return result;
    }();
    auto& prepared = session_.prepare(statement, names, std::span(kinds).first(S::parameters.size), columns);
    boost::mp11::mp_for_each<json::members_of<T>>([&](auto d) {
      constexpr auto index = S::parameters.index_of(decltype(d)::name);
      if constexpr (index != db::Names::max) bind(prepared.parameters[index], record.*d.pointer);
    });
    [[maybe_unused]] std::size_t at = 0;
    ((bind(prepared.parameters[free.first[at++]], values)), ...);
    return prepared;
  }

  template <class T>
  static void bind(db::Slot& slot, const T& value) {
    slot.is_null = false;
    db::Column<std::decay_t<T>>::bind(slot, value);
  }

  db::Session& session_;
  const Timestamp now_;
  db::EventSink* const events_;
  const Call* call_;
  bool is_limited_ = false;
  bool has_run_ = false;
  std::vector<std::move_only_function<void()>> after_commit_;
};

}  // namespace polyshop
