// Writes every statement that a program executes to the file STATEMENT_TRACE names, with the values bound to it: loaded before
// SQLite's and PostgreSQL's libraries (LD_PRELOAD), it stands in for the functions that execute statements and passes them on.
// Only benchmarks use it, which replay what was written; suite/trace.hpp reads it. A program that is measured never has it.
//
// Lines of the file: a letter and fields of "<length>:<bytes>", first the connection and what it is to, a SQLite file or a schema
// of PostgreSQL. Q is an execution: "r" where the statement only reads, "w" where it changed something (on PostgreSQL: where it
// could), "u" where it could and did not; the statement; its values, each n, i, d, t or b and its text. C is a text that controls
// transactions or settings.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <dlfcn.h>
#include <libpq-fe.h>
#include <sqlite3.h>

namespace {

struct Value {
  char kind = 'n';
  std::string text{};
};

struct State {
  std::mutex mutex;
  std::FILE* out = std::fopen(std::getenv("STATEMENT_TRACE") ? std::getenv("STATEMENT_TRACE") : "/dev/null", "ae");
  std::map<sqlite3_stmt*, std::vector<Value>> bound;
  std::map<std::pair<const PGconn*, std::string>, std::string> prepared;  // by name
  std::map<const PGconn*, std::string> schemas;
};

// Never destroyed: threads of the program may outlive what is destroyed at its end.
State& state() {
  static auto* const all = new State;
  return *all;
}

// SQLite executes statements of its own within what it was asked for, such as those of full-text tables, and libpq is built of its
// own functions; what they do then is not the program's.
thread_local int within = 0;
struct Within {
  Within() { ++within; }
  ~Within() { --within; }
};

template <class F>
F* next(const char* name) {
  auto* const found = ::dlsym(RTLD_NEXT, name);
  if (!found) {
    std::fprintf(stderr, "statement trace: there is no function %s to pass calls on to\n", name);
    std::abort();
  }
  return reinterpret_cast<F*>(found);
}

void append(std::string& out, const std::string& field) { out += std::to_string(field.size()) + ':' + field; }

void write(const std::string& line) {
  auto& all = state();
  std::fwrite(line.data(), 1, line.size(), all.out);
  std::fputc('\n', all.out);
  std::fflush(all.out);  // so that whoever waits for the shop to be idle sees what it did
}

std::string line_of(char letter, const void* connection, const std::string& where) {
  std::string line(1, letter);
  append(line, std::to_string(reinterpret_cast<std::uintptr_t>(connection)));
  append(line, where);
  return line;
}

void write_execution(const void* connection, const std::string& where, const char* effect, const std::string& sql, const std::vector<Value>& values) {
  auto line = line_of('Q', connection, where);
  append(line, effect);
  append(line, sql);
  for (const auto& value : values) append(line, value.kind + value.text);
  write(line);
}

void write_control(const void* connection, const std::string& where, const std::string& text) {
  auto line = line_of('C', connection, where);
  append(line, text);
  write(line);
}

// SQLite's transactions may be controlled by texts or by statements.
bool controls(const std::string& sql) { return sql.starts_with("BEGIN") || sql.starts_with("COMMIT") || sql.starts_with("SAVEPOINT") || sql.starts_with("RELEASE") || sql.starts_with("ROLLBACK"); }

std::string file_of(sqlite3* connection) {
  const char* path = sqlite3_db_filename(connection, "main");
  const char* slash = path ? std::strrchr(path, '/') : nullptr;
  return slash ? slash + 1 : path ? path : "";
}

void bind(sqlite3_stmt* statement, int index, Value value) {
  auto& all = state();
  const std::lock_guard lock(all.mutex);
  auto& values = all.bound[statement];
  if (values.size() < static_cast<std::size_t>(index)) values.resize(static_cast<std::size_t>(index));
  values[static_cast<std::size_t>(index) - 1] = std::move(value);
}

std::string text_of(double value) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%.17g", value);
  return text.data();
}

std::string bytes_of(const void* bytes, long long size) { return {static_cast<const char*>(bytes), size < 0 ? std::strlen(static_cast<const char*>(bytes)) : static_cast<std::size_t>(size)}; }

void execute_prepared(const PGconn* connection, const char* name, int count, const char* const* values) {
  auto& all = state();
  const std::lock_guard lock(all.mutex);
  std::vector<Value> bound;
  for (int i = 0; i < count; ++i) bound.push_back(values[i] ? Value{'t', values[i]} : Value{});
  const auto& sql = all.prepared[{connection, name}];
  const bool is_read = sql.find("INSERT") == std::string::npos && sql.find("UPDATE") == std::string::npos && sql.find("DELETE") == std::string::npos;
  write_execution(connection, all.schemas[connection], is_read ? "r" : "w", sql, bound);
}

void remember(const PGconn* connection, const char* name, const char* sql) {
  auto& all = state();
  const std::lock_guard lock(all.mutex);
  all.prepared[{connection, name}] = sql;
}

// The schema is what the connection's first settings say.
void control(const PGconn* connection, const char* text) {
  auto& all = state();
  const std::lock_guard lock(all.mutex);
  constexpr const char* mark = "SET search_path TO \"";
  if (const char* found = std::strstr(text, mark)) {
    const char* from = found + std::strlen(mark);
    all.schemas[connection] = std::string(from, std::strcspn(from, "\""));
  }
  write_control(connection, all.schemas[connection], text);
}

}  // namespace

extern "C" {

int sqlite3_step(sqlite3_stmt* statement) {
  static const auto pass = next<int(sqlite3_stmt*)>("sqlite3_step");
  const bool is_new = within == 0 && sqlite3_stmt_busy(statement) == 0;
  auto* const connection = sqlite3_db_handle(statement);
  const auto before = sqlite3_total_changes(connection);
  const Within inner;
  const int code = pass(statement);
  if (is_new) {
    auto& all = state();
    const std::lock_guard lock(all.mutex);
    const std::string sql = sqlite3_sql(statement);
    // Everything is changed before the first row is returned.
    if (controls(sql))
      write_control(connection, file_of(connection), sql);
    else
      write_execution(connection, file_of(connection), sqlite3_stmt_readonly(statement) ? "r" : sqlite3_total_changes(connection) > before ? "w" : "u", sql, all.bound[statement]);
  }
  return code;
}

int sqlite3_prepare_v2(sqlite3* connection, const char* sql, int size, sqlite3_stmt** statement, const char** rest) {
  static const auto pass = next<int(sqlite3*, const char*, int, sqlite3_stmt**, const char**)>("sqlite3_prepare_v2");
  const Within inner;
  return pass(connection, sql, size, statement, rest);
}

int sqlite3_prepare_v3(sqlite3* connection, const char* sql, int size, unsigned int flags, sqlite3_stmt** statement, const char** rest) {
  static const auto pass = next<int(sqlite3*, const char*, int, unsigned int, sqlite3_stmt**, const char**)>("sqlite3_prepare_v3");
  const Within inner;
  return pass(connection, sql, size, flags, statement, rest);
}

int sqlite3_exec(sqlite3* connection, const char* sql, int (*callback)(void*, int, char**, char**), void* argument, char** error) {
  static const auto pass = next<int(sqlite3*, const char*, int (*)(void*, int, char**, char**), void*, char**)>("sqlite3_exec");
  if (within == 0) {
    const std::lock_guard lock(state().mutex);
    write_control(connection, file_of(connection), sql);
  }
  const Within inner;
  return pass(connection, sql, callback, argument, error);
}

int sqlite3_finalize(sqlite3_stmt* statement) {
  static const auto pass = next<int(sqlite3_stmt*)>("sqlite3_finalize");
  {
    const std::lock_guard lock(state().mutex);
    state().bound.erase(statement);
  }
  return pass(statement);
}

int sqlite3_bind_null(sqlite3_stmt* statement, int index) {
  static const auto pass = next<int(sqlite3_stmt*, int)>("sqlite3_bind_null");
  bind(statement, index, {});
  return pass(statement, index);
}

int sqlite3_bind_int(sqlite3_stmt* statement, int index, int value) {
  static const auto pass = next<int(sqlite3_stmt*, int, int)>("sqlite3_bind_int");
  bind(statement, index, {'i', std::to_string(value)});
  return pass(statement, index, value);
}

int sqlite3_bind_int64(sqlite3_stmt* statement, int index, sqlite3_int64 value) {
  static const auto pass = next<int(sqlite3_stmt*, int, sqlite3_int64)>("sqlite3_bind_int64");
  bind(statement, index, {'i', std::to_string(value)});
  return pass(statement, index, value);
}

int sqlite3_bind_double(sqlite3_stmt* statement, int index, double value) {
  static const auto pass = next<int(sqlite3_stmt*, int, double)>("sqlite3_bind_double");
  bind(statement, index, {'d', text_of(value)});
  return pass(statement, index, value);
}

int sqlite3_bind_text(sqlite3_stmt* statement, int index, const char* value, int size, void (*destroy)(void*)) {
  static const auto pass = next<int(sqlite3_stmt*, int, const char*, int, void (*)(void*))>("sqlite3_bind_text");
  bind(statement, index, value ? Value{'t', bytes_of(value, size)} : Value{});
  return pass(statement, index, value, size, destroy);
}

int sqlite3_bind_text64(sqlite3_stmt* statement, int index, const char* value, sqlite3_uint64 size, void (*destroy)(void*), unsigned char encoding) {
  static const auto pass = next<int(sqlite3_stmt*, int, const char*, sqlite3_uint64, void (*)(void*), unsigned char)>("sqlite3_bind_text64");
  bind(statement, index, value ? Value{'t', bytes_of(value, static_cast<long long>(size))} : Value{});
  return pass(statement, index, value, size, destroy, encoding);
}

int sqlite3_bind_blob(sqlite3_stmt* statement, int index, const void* value, int size, void (*destroy)(void*)) {
  static const auto pass = next<int(sqlite3_stmt*, int, const void*, int, void (*)(void*))>("sqlite3_bind_blob");
  bind(statement, index, value ? Value{'b', bytes_of(value, size)} : Value{});
  return pass(statement, index, value, size, destroy);
}

PGresult* PQexec(PGconn* connection, const char* sql) {
  static const auto pass = next<PGresult*(PGconn*, const char*)>("PQexec");
  control(connection, sql);
  return pass(connection, sql);
}

PGresult* PQprepare(PGconn* connection, const char* name, const char* sql, int count, const Oid* types) {
  static const auto pass = next<PGresult*(PGconn*, const char*, const char*, int, const Oid*)>("PQprepare");
  remember(connection, name, sql);
  return pass(connection, name, sql, count, types);
}

int PQsendPrepare(PGconn* connection, const char* name, const char* sql, int count, const Oid* types) {
  static const auto pass = next<int(PGconn*, const char*, const char*, int, const Oid*)>("PQsendPrepare");
  remember(connection, name, sql);
  return pass(connection, name, sql, count, types);
}

PGresult* PQexecPrepared(PGconn* connection, const char* name, int count, const char* const* values, const int* lengths, const int* formats, int result_format) {
  static const auto pass = next<PGresult*(PGconn*, const char*, int, const char* const*, const int*, const int*, int)>("PQexecPrepared");
  if (within == 0) execute_prepared(connection, name, count, values);
  const Within inner;
  return pass(connection, name, count, values, lengths, formats, result_format);
}

int PQsendQueryPrepared(PGconn* connection, const char* name, int count, const char* const* values, const int* lengths, const int* formats, int result_format) {
  static const auto pass = next<int(PGconn*, const char*, int, const char* const*, const int*, const int*, int)>("PQsendQueryPrepared");
  if (within == 0) execute_prepared(connection, name, count, values);
  return pass(connection, name, count, values, lengths, formats, result_format);
}

}  // extern "C"
