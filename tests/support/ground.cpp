#include "ground.hpp"

#include <cstdlib>

#include <doctest/doctest.h>
#include <fmt/format.h>

namespace polyshop::tests {
namespace {

std::string server() {
  const auto* text = std::getenv("POLYSHOP_TEST_POSTGRESQL");
  return text ? text : "";
}

std::string unique_name() {
  auto text = make_id_text(SystemClock().now());
  return "polyshop_test_" + std::string(text.begin(), text.end());
}

Call call_of(Actor actor, Timestamp now) {
  Call call;
  call.actor = std::move(actor);
  call.module = "http";
  call.now = now;
  call.trace = Trace::make();
  call.request_id = "req_test";
  return call;
}

}  // namespace

std::vector<Engine> engines() {
  std::vector<Engine> all{Engine::sqlite};
  const auto* wanted = std::getenv("POLYSHOP_TEST_ENGINES");
  if (!server().empty())
    all.push_back(Engine::postgresql);
  else if (wanted && std::string_view(wanted).find("postgresql") != std::string_view::npos)
    throw std::runtime_error("POLYSHOP_TEST_ENGINES asks for postgresql, but POLYSHOP_TEST_POSTGRESQL names no server");
  return all;
}

void on_each_engine(const std::function<void(Ground& ground)>& body) {
  for (const auto engine : engines())
    for (const auto binding : {Binding::local, Binding::loopback}) {
      CAPTURE(json::enum_name(engine));
      CAPTURE(json::enum_name(binding));
      Ground ground(engine, binding);
      body(ground);
    }
}

Ground::Ground(Engine engine, Binding binding) : Ground(engine, binding, unique_name(), true) {}

Ground::Ground(const Ground& first) : Ground(first.engine_, first.platform_->binding, first.database_, false) {
  if (engine_ != Engine::postgresql) throw std::logic_error("a SQLite database has one instance");
}

Ground::Ground(Engine engine, Binding binding, std::string database_name, bool is_first)
    : engine_(engine), is_first_(is_first), database_(std::move(database_name)), config_(Config::load({}, {}, {})), hasher_(1, 100, {64, 1}) {
  folder_ = std::filesystem::temp_directory_path() / (is_first ? database_ : unique_name());
  std::filesystem::create_directories(folder_);
  DatabaseOptions database;
  database.engine = engine;
  database.folder = folder_;
  if (engine == Engine::postgresql) {
    if (is_first) db::open_session({Engine::postgresql, server(), "public", false})->script("CREATE DATABASE " + database_ + " TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C' ENCODING 'UTF8'");
    database.url = server() + " dbname=" + database_;
    database.lanes = 3;
  }
  platform_ = std::make_unique<Platform>(Platform{config_, metrics_, clock_, routes_, cache_, hasher_, database, binding});
}

Ground::~Ground() {
  for (auto* node : platform_->nodes) node->db.close();
  if (engine_ == Engine::postgresql && is_first_) db::open_session({Engine::postgresql, server(), "public", false})->script("DROP DATABASE IF EXISTS " + database_ + " WITH (FORCE)");
  std::filesystem::remove_all(folder_);
}

void Ground::open() {
  for (auto* node : platform_->nodes) {
    node->db.migrate();
    node->open();
  }
}

void Ground::deliver_events() {
  bool any = true;
  for (int rounds = 0; any && rounds < 1000; ++rounds) {
    any = false;
    for (auto* node : platform_->nodes) any |= node->work_once();
  }
}

Call Ground::call() const { return call_of({}, clock_.now()); }
Call Ground::as_customer(std::string user_id) const { return call_of({Actor::Kind::customer, std::move(user_id), nullptr}, clock_.now()); }
Call Ground::as_staff(std::vector<std::string> permissions, std::string user_id) const {
  return call_of({Actor::Kind::staff, std::move(user_id), std::make_shared<const std::set<std::string, std::less<>>>(permissions.begin(), permissions.end())}, clock_.now());
}
Call Ground::as_system() const { return call_of(Actor::system("test"), clock_.now()); }

http::Response Ground::send(http::Method method, const std::string& target, const std::string& body, Call call, std::vector<std::pair<std::string, std::string>> fields) {
  http::Request request;
  request.method = method;
  request.target = target;
  request.body = body;
  request.fields = std::move(fields);
  request.call = std::move(call);
  const bool is_public_read = method == http::Method::get && request.call.actor.kind == Actor::Kind::anonymous;
  const auto key = request.call.language + target;
  const auto generation = cache_.generation();
  auto response = http::run_inline(platform_->routes, std::move(request));
  if (!is_public_read || response.cached_under.empty() || response.status != 200) return response;
  // What the server would have sent from its cache must be what is true now.
  if (const auto cached = cache_.find(key))
    CHECK(cached->body == response.body);
  else
    cache_.store(key, response.cached_under, {nullptr, {}, {}, {}, response.body}, generation);
  return response;
}

}  // namespace polyshop::tests
