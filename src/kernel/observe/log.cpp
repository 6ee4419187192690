#include "kernel/observe/log.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <mutex>
#include <thread>

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/sink.h>

#include "kernel/observe/redact.hpp"
#include "kernel/runtime/clock.hpp"

namespace polyshop::log {
namespace {

// Some 3 MB, and a sixth of a second of 50,000 requests a second.
constexpr std::size_t queue_max = 8192;
// A line that may be dropped leaves these places to warnings and errors. More than there are threads.
constexpr std::size_t kept_for_errors = 1024;
constexpr std::size_t batch_max = 64 * 1024;
// A value is cut here, so that no client can make a line of megabytes.
constexpr std::size_t value_max = 8 * 1024;
constexpr std::chrono::milliseconds gathering{1};

std::atomic<Level> least_level{Level::info};
std::atomic<bool> as_json{isatty(STDERR_FILENO) == 0};
std::atomic<void (*)(std::string_view)> captor{nullptr};

thread_local std::string_view current_request_id;
thread_local std::string_view current_trace_id;

struct Queue {
  std::atomic<std::size_t> waiting{0};  // lines handed over and not yet taken by the writer
  std::atomic<std::size_t> dropped{0};
  std::atomic<std::size_t> flushed{0};
};

void write_fully(std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written > 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      // Whoever shares our terminal or pipe may have made it non-blocking.
      pollfd ready{STDERR_FILENO, POLLOUT, 0};
      ::poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return;  // closed: there is nobody left to tell
    }
  }
}

void append_line(std::string& out, Level level, std::string_view message, std::initializer_list<Field> fields);

// Runs on the log's thread only. Lines are collected while more are waiting and written with one system call.
class Writer final : public spdlog::sinks::sink {
 public:
  explicit Writer(Queue& queue) : queue_(queue) { batch_.reserve(batch_max + value_max); }

  void log(const spdlog::details::log_msg& line) override {
    batch_.append(line.payload.data(), line.payload.size());
    const bool last = queue_.waiting.fetch_sub(1, std::memory_order_relaxed) == 1;
    if (!last && batch_.size() < batch_max) return;
    write_batch();
    // Waking this thread costs the one who logs microseconds, once a line where lines come singly. Lines that come within
    // the next millisecond find it awake and are written together.
    if (last) std::this_thread::sleep_for(gathering);
  }
  void flush() override {
    write_batch();
    queue_.flushed.fetch_add(1, std::memory_order_release);
    queue_.flushed.notify_all();
  }
  // Lines come finished.
  void set_pattern(const std::string&) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {}

 private:
  void write_batch() {
    if (const auto count = queue_.dropped.exchange(0, std::memory_order_relaxed))
      append_line(batch_, Level::warning, "log lines were dropped: standard error is read too slowly", {{"count", count}});
    write_fully(batch_);
    batch_.clear();
  }

  Queue& queue_;
  std::string batch_;
};

struct Output {
  Queue queue;
  std::shared_ptr<spdlog::details::thread_pool> thread = std::make_shared<spdlog::details::thread_pool>(
      queue_max, 1, [] { pthread_setname_np(pthread_self(), "log"); });
  std::shared_ptr<spdlog::async_logger> logger = std::make_shared<spdlog::async_logger>(
      "polyshop", std::make_shared<Writer>(queue), thread, spdlog::async_overflow_policy::block);
  std::mutex flushing;
};

// Never destroyed: what is destroyed after main may still log.
Output& output() {
  static Output* const made = [] {
    auto* const fresh = new Output;
    fresh->logger->set_level(spdlog::level::trace);
    std::atexit(flush);
    return fresh;
  }();
  return *made;
}

std::mutex& capturing() {
  static auto* const mutex = new std::mutex;
  return *mutex;
}

std::string_view name_of(Level level) {
  switch (level) {
    case Level::debug: return "debug";
    case Level::info: return "info";
    case Level::warning: return "warning";
    case Level::error: return "error";
  }
  return "error";
}

// The length of the UTF-8 character at the start of a text, or 0 where there is none, RFC 3629.
std::size_t character_size(std::string_view text) {
  const auto at = [text](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto follows = [&](std::size_t i) { return (at(i) & 0xc0U) == 0x80U; };
  const auto first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if (!follows(1) || !follows(2)) return 0;
    if ((first == 0xe0 && at(1) < 0xa0) || (first == 0xed && at(1) > 0x9f)) return 0;  // too long; a surrogate
    return 3;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (!follows(1) || !follows(2) || !follows(3)) return 0;
    if ((first == 0xf0 && at(1) < 0x90) || (first == 0xf4 && at(1) > 0x8f)) return 0;  // too long; beyond U+10FFFF
    return 4;
  }
  return 0;
}

bool is_plain(char c) { return c >= ' ' && c < 0x7f && c != '"' && c != '\\'; }

// Escapes as JSON does, which a terminal can also stand: no control character passes, of either set, and no broken UTF-8.
void append_escaped(std::string& out, std::string_view text) {
  while (!text.empty()) {
    std::size_t plain = 0;
    while (plain < text.size() && is_plain(text[plain])) ++plain;
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) return;
    const auto size = character_size(text);
    const auto c = static_cast<unsigned char>(text[0]);
    const bool second_controls = size == 2 && c == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0;
    if (size == 0)
      out += "\\ufffd";
    else if (c == '"' || c == '\\')
      (out += '\\') += text[0];
    else if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (size == 1 || second_controls)
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", size == 1 ? c : static_cast<unsigned char>(text[1]));
    else
      out.append(text.substr(0, size));
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
}

void append_text(std::string& out, std::string_view text) {
  std::string cleaned;
  if (may_hold_secret(text)) {
    cleaned = redacted(text);
    text = cleaned;
  }
  // Cut only after the redaction, which would not know half a token.
  const bool cut = text.size() > value_max;
  if (cut) {
    text = text.substr(0, value_max);
    while (!text.empty() && (text.back() & 0xc0) == 0x80) text.remove_suffix(1);
    if (!text.empty() && (text.back() & 0x80)) text.remove_suffix(1);
  }
  append_escaped(out, text);
  if (cut) out += "...";
}

// fmt writes numbers and booleans as JSON does, but not infinity, NaN or a char.
bool is_json_number(std::string_view text) {
  if (text == "true" || text == "false") return true;
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text[0] >= '0' && text[0] <= '9' && text.find_first_not_of("0123456789.e+-") == std::string_view::npos;
}

void append_json(std::string& out, Level level, std::string_view message, std::initializer_list<Field> fields, Timestamp now) {
  // What comes before the milliseconds changes once a second.
  thread_local Timestamp second = -1;
  thread_local std::string until_second;
  if (now / 1000 != second) {
    second = now / 1000;
    until_second = R"({"time":")" + format_time(now).substr(0, 20);
  }
  const auto ms = static_cast<unsigned>(now % 1000);
  const std::array<char, 3> digits{static_cast<char>('0' + ms / 100), static_cast<char>('0' + ms / 10 % 10), static_cast<char>('0' + ms % 10)};
  out.append(until_second).append(digits.data(), digits.size()).append(R"(Z","level":")").append(name_of(level));
  out += R"(","message":")";
  append_text(out, message);
  out += '"';
  if (!current_request_id.empty()) {
    out += R"(,"request_id":")";
    append_text(out, current_request_id);
    out += '"';
  }
  if (!current_trace_id.empty()) {
    out += R"(,"trace_id":")";
    append_text(out, current_trace_id);
    out += '"';
  }
  for (const auto& field : fields) {
    out += R"(,")";
    append_escaped(out, field.key);
    out += R"(":)";
    const bool secret = names_secret(field.key);
    if (!secret && field.is_number && is_json_number(field.value)) {
      out += field.value;
      continue;
    }
    out += '"';
    if (secret)
      out += redaction;
    else
      append_text(out, field.value);
    out += '"';
  }
  out += '}';
}

void append_pair(std::string& out, std::string_view key, std::string_view value) {
  out += ' ';
  append_escaped(out, key);
  out += '=';
  const bool quoted = value.empty() || value.find_first_of(" =\"") != std::string_view::npos;
  if (quoted) out += '"';
  if (names_secret(key))
    out += redaction;
  else
    append_text(out, value);
  if (quoted) out += '"';
}

void append_for_terminal(std::string& out, Level level, std::string_view message, std::initializer_list<Field> fields, Timestamp now) {
  constexpr std::array colours = {"2", "32", "33", "1;31"};  // dim, green, yellow, bold red
  const auto second = static_cast<std::time_t>(now / 1000);
  std::tm local{};
  localtime_r(&second, &local);
  fmt::format_to(std::back_inserter(out), "{:02}:{:02}:{:02}.{:03} \x1b[{}m{:<7}\x1b[0m ", local.tm_hour, local.tm_min, local.tm_sec,
                 now % 1000, colours[static_cast<std::size_t>(level)], name_of(level));
  append_text(out, message);
  for (const auto& field : fields) append_pair(out, field.key, field.value);
  if (!current_request_id.empty()) append_pair(out, "request_id", current_request_id);
  if (!current_trace_id.empty()) append_pair(out, "trace_id", current_trace_id);
}

void append_line(std::string& out, Level level, std::string_view message, std::initializer_list<Field> fields) {
  const auto now = SystemClock().now();
  if (as_json.load(std::memory_order_relaxed))
    append_json(out, level, message, fields, now);
  else
    append_for_terminal(out, level, message, fields, now);
  out += '\n';
}

}  // namespace

void configure(Format format, Level least) {
  as_json = format == Format::json || (format == Format::automatic && isatty(STDERR_FILENO) == 0);
  least_level = least;
}

void flush() {
  auto& out = output();
  // One at a time: the n-th flush must be answered by the n-th passage of a flush through the queue.
  const std::lock_guard lock(out.flushing);
  const auto before = out.queue.flushed.load(std::memory_order_acquire);
  out.logger->flush();
  out.queue.flushed.wait(before, std::memory_order_acquire);
}

void capture(void (*sink)(std::string_view line)) {
  const std::lock_guard lock(capturing());
  captor = sink;
}

bool enabled(Level level) { return level >= least_level.load(std::memory_order_relaxed); }

// The thread that logs makes the line, and only hands it over. A reader of standard error that is too slow must not slow
// the shop: then debug and info lines are dropped and counted. Warnings and errors have places of their own in the queue,
// and if even those are taken they wait for room.
void write(Level level, std::string_view message, std::initializer_list<Field> fields) {
  if (!enabled(level)) return;
  thread_local std::string line;
  line.clear();
  if (captor.load(std::memory_order_acquire)) {
    append_line(line, level, message, fields);
    line.pop_back();
    const std::lock_guard lock(capturing());
    if (auto* const sink = captor.load()) sink(line);
    return;
  }
  auto& out = output();
  const bool droppable = level <= Level::info;
  if (droppable && out.queue.waiting.load(std::memory_order_relaxed) >= queue_max - kept_for_errors) {
    out.queue.dropped.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  append_line(line, level, message, fields);
  out.queue.waiting.fetch_add(1, std::memory_order_relaxed);
  // Without a time of its own spdlog would ask the clock, which costs more than the queue.
  out.logger->log(spdlog::log_clock::time_point{}, {}, spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
}

Ids exchange_ids(const Ids& ids) { return {std::exchange(current_request_id, ids.request_id), std::exchange(current_trace_id, ids.trace_id)}; }

Scope::Scope(std::string_view request_id, std::string_view trace_id)
    : outer_request_id_(current_request_id), outer_trace_id_(current_trace_id) {
  current_request_id = request_id;
  current_trace_id = trace_id;
}

Scope::~Scope() {
  current_request_id = outer_request_id_;
  current_trace_id = outer_trace_id_;
}

}  // namespace polyshop::log
