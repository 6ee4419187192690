#include "kernel/config/config.hpp"

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>

#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "kernel/types/problem.hpp"

using namespace polyshop;

namespace {

// A settings file for the length of a test.
class File {
 public:
  explicit File(std::string_view content) : path_(std::filesystem::temp_directory_path() / ("polyshop_config_test_" + std::to_string(getpid()) + ".toml")) {
    std::ofstream(path_) << content;
  }
  ~File() { std::filesystem::remove(path_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::string line(int number) const { return path_.string() + ":" + std::to_string(number); }

 private:
  std::filesystem::path path_;
};

Problem problem_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Problem& problem) {
    return problem;
  }
  FAIL("no problem was thrown");
  return Problem::internal();
}

bool mentions(const Problem& problem, std::string_view text) { return problem.detail.find(text) != std::string::npos; }

bool dies(const std::function<void()>& action) {
  const auto child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    close(STDERR_FILENO);
    signal(SIGABRT, SIG_DFL);  // doctest would report the abort as its own
    action();
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

Config given(const Config::Values& command_line) { return Config::load({}, {}, command_line); }

}  // namespace

TEST_CASE("without a source the defaults hold") {
  auto config = Config::load({}, {}, {});
  CHECK(config.integer("http.port", 8080, 1, 65535, "Where to listen.") == 8080);
  CHECK(config.boolean("http.tls", false, "Whether to encrypt.") == false);
  CHECK(config.text("shop.name", "PolyShop", "What the shop is called.") == "PolyShop");
  CHECK(config.secret("payment.secret", "The provider's secret.") == "");
  CHECK(config.choice("db.engine", "sqlite", {"sqlite", "postgresql"}, "Which database.") == "sqlite");
  CHECK(config.list("shop.languages", {"en", "de"}, "In which languages.") == std::vector<std::string>{"en", "de"});
  CHECK_NOTHROW(config.finish());

  struct Expected {
    std::string_view name, value, allowed;
  };
  const std::vector<Expected> expected = {
      {"http.port", "8080", "1 to 65535"},      {"http.tls", "false", "true | false"},
      {"shop.name", "\"PolyShop\"", ""},        {"payment.secret", "\"\"", ""},
      {"db.engine", "\"sqlite\"", "sqlite | postgresql"}, {"shop.languages", "[\"en\", \"de\"]", ""}};
  REQUIRE(config.rows().size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto& row = config.rows()[i];
    CHECK(row.name == expected[i].name);
    CHECK(row.value == expected[i].value);
    CHECK(row.standard == expected[i].value);
    CHECK(row.allowed == expected[i].allowed);
    CHECK(row.origin == "default");
    CHECK(row.description.ends_with('.'));
  }
}

TEST_CASE("a file is read, nested tables flatten with dots") {
  const File file(R"(
top = 1
[http]
port = 9000
tls = true
[http.limits]
body_max = 1_000
[shop]
name = "A \"shop\""
languages = ["de", "fr"]
"quoted.key" = "x"
)");
  auto config = Config::load(file.path(), {}, {});
  CHECK(config.integer("top", 0, 0, 9, "") == 1);
  CHECK(config.integer("http.port", 8080, 1, 65535, "") == 9000);
  CHECK(config.boolean("http.tls", false, "") == true);
  CHECK(config.integer("http.limits.body_max", 5, 1, 5000, "") == 1000);
  CHECK(config.text("shop.name", "", "") == "A \"shop\"");
  CHECK(config.list("shop.languages", {}, "") == std::vector<std::string>{"de", "fr"});
  CHECK(config.text("shop.quoted.key", "", "") == "x");
  CHECK_NOTHROW(config.finish());
  CHECK(config.rows()[1].value == "9000");
  CHECK(config.rows()[1].standard == "8080");
  CHECK(config.rows()[1].origin == "file");
  CHECK(config.rows()[4].value == R"("A \"shop\"")");
  CHECK(config.rows()[5].value == R"(["de", "fr"])");
}

TEST_CASE("the command line is stronger than the environment, and that than the file") {
  const File file("[a]\nx = 1\ny = 1\nz = 1\n");
  auto config = Config::load(file.path(), {{"POLYSHOP_A_Y", "2"}, {"POLYSHOP_A_Z", "2"}}, {{"a.z", "3"}});
  CHECK(config.integer("a.x", 0, 0, 9, "") == 1);
  CHECK(config.integer("a.y", 0, 0, 9, "") == 2);
  CHECK(config.integer("a.z", 0, 0, 9, "") == 3);
  CHECK(config.rows()[0].origin == "file");
  CHECK(config.rows()[1].origin == "environment");
  CHECK(config.rows()[2].origin == "command line");
  CHECK_NOTHROW(config.finish());
}

TEST_CASE("a plain text is parsed as what is asked for") {
  auto config = given({{"i", "-12"}, {"b", "true"}, {"t", "12"}, {"c", "two"}, {"l", " a, b c ,d"}, {"one", "a"}, {"none", ""}});
  CHECK(config.integer("i", 0, -99, 99, "") == -12);
  CHECK(config.boolean("b", false, "") == true);
  CHECK(config.text("t", "", "") == "12");
  CHECK(config.choice("c", "one", {"one", "two"}, "") == "two");
  CHECK(config.list("l", {}, "") == std::vector<std::string>{"a", "b c", "d"});
  CHECK(config.list("one", {}, "") == std::vector<std::string>{"a"});
  CHECK(config.list("none", {"x"}, "").empty());
}

TEST_CASE("bounds are allowed, what is beyond them is not") {
  for (const auto* const good : {"10", "86400"}) CHECK_NOTHROW(given({{"a.ttl_s", good}}).integer("a.ttl_s", 900, 10, 86400, ""));
  for (const auto* const bad : {"9", "86401", "", "ten", "10s", " 10", "1e2", "0x10", "+10", "99999999999999999999", "10.0"}) {
    CAPTURE(bad);
    const auto problem = problem_of([&] { given({{"a.ttl_s", bad}}).integer("a.ttl_s", 900, 10, 86400, ""); });
    CHECK(problem.status == 422);
    CHECK(problem.code == "bad_setting");
    CHECK(problem.errors.at(0).pointer == "a.ttl_s");
    CHECK(mentions(problem, "--a.ttl_s"));
    CHECK(mentions(problem, "\"" + std::string(bad) + "\""));
    CHECK(mentions(problem, "10 to 86400"));
  }
  for (const auto* const bad : {"yes", "1", "True", ""})
    CHECK(problem_of([&] { given({{"b", bad}}).boolean("b", true, ""); }).code == "bad_setting");
  CHECK(mentions(problem_of([] { given({{"c", "mysql"}}).choice("c", "sqlite", {"sqlite", "postgresql"}, ""); }), "sqlite | postgresql"));
  CHECK(problem_of([] { given({{"l", "a,,b"}}).list("l", {}, ""); }).code == "bad_setting");
}

TEST_CASE("a file's value must have the right type, and the message says where") {
  const File file("integer = 1\nstring = \"1\"\nboolean = true\nlist = [\"a\"]\nfloat = 1.5\ndate = 2026-01-01\n");
  using Ask = std::function<void(Config&, const std::string&)>;
  const std::map<std::string, Ask> asks = {
      {"integer", [](Config& config, const std::string& name) { config.integer(name, 0, 0, 9, ""); }},
      {"string", [](Config& config, const std::string& name) { config.text(name, "", ""); }},
      {"boolean", [](Config& config, const std::string& name) { config.boolean(name, false, ""); }},
      {"list", [](Config& config, const std::string& name) { config.list(name, {}, ""); }},
  };
  int line = 0;
  for (const std::string name : {"integer", "string", "boolean", "list", "float", "date"}) {
    ++line;
    for (const auto& [kind, ask] : asks) {
      CAPTURE(name);
      CAPTURE(kind);
      auto config = Config::load(file.path(), {}, {});
      if (kind == name) {
        CHECK_NOTHROW(ask(config, name));
        continue;
      }
      const auto problem = problem_of([&] { ask(config, name); });
      CHECK(problem.code == "bad_setting");
      CHECK(problem.detail.starts_with(file.line(line) + " sets " + name + " to "));
    }
  }
}

TEST_CASE("a message reads like a sentence") {
  const File file("[http]\nport = \"http\"\n");
  auto config = Config::load(file.path(), {}, {});
  CHECK(problem_of([&] { config.integer("http.port", 8080, 1, 65535, ""); }).detail ==
        file.line(2) + " sets http.port to \"http\", a string; it must be an integer from 1 to 65535.");
  auto environment = Config::load({}, {{"POLYSHOP_HTTP_PORT", "0"}}, {});
  CHECK(problem_of([&] { environment.integer("http.port", 8080, 1, 65535, ""); }).detail ==
        "POLYSHOP_HTTP_PORT sets http.port to \"0\"; it must be an integer from 1 to 65535.");
}

TEST_CASE("a list in a file holds strings only") {
  for (const auto* const bad : {"x = [1]", "x = [\"a\", 2]", "x = [[\"a\"]]", "[[x]]\ny = 1"}) {
    const File file(bad);
    CHECK(problem_of([&] { Config::load(file.path(), {}, {}); }).code == "bad_setting");
  }
}

TEST_CASE("a key can be written in two ways, but only once") {
  const File file("[a]\nb.c = 1\n\"b.c\" = 2\n");
  CHECK(problem_of([&] { Config::load(file.path(), {}, {}); }).code == "bad_setting");
}

TEST_CASE("a syntax error says file, line and column") {
  const File file("[http]\nport = 1\nname = \"open\n");
  const auto problem = problem_of([&] { Config::load(file.path(), {}, {}); });
  CHECK(problem.code == "bad_setting");
  CHECK(problem.detail.starts_with(file.line(3) + ":"));
}

TEST_CASE("a missing file and a folder are errors") {
  const auto folder = std::filesystem::temp_directory_path();
  CHECK(mentions(problem_of([&] { Config::load(folder / "polyshop_no_such_file.toml", {}, {}); }), "No such file"));
  CHECK(problem_of([&] { Config::load(folder, {}, {}); }).code == "bad_setting");
}

TEST_CASE("unknown keys are refused, all of them, with the closest known name") {
  const File file("[inventory]\nreservaton_ttl_s = 5\nreservation_ttl_s = 6\n[zzz]\nqqqqqq = 1\n");
  auto config = Config::load(file.path(), {{"POLYSHOP_INVENTORY_RESERVATION_TTL", "1"}}, {{"inventory.reservation_ttls", "7"}});
  config.integer("inventory.reservation_ttl_s", 900, 1, 86400, "");
  config.boolean("http.tls", false, "");
  const auto problem = problem_of([&] { config.finish(); });
  CHECK(problem.status == 422);
  CHECK(problem.code == "unknown_setting");
  REQUIRE(problem.errors.size() == 4);
  CHECK(problem.errors[0].pointer == "inventory.reservaton_ttl_s");
  CHECK(problem.errors[0].detail == file.line(2) + ": there is no setting inventory.reservaton_ttl_s. Did you mean inventory.reservation_ttl_s?");
  CHECK(problem.errors[1].detail == file.line(5) + ": there is no setting zzz.qqqqqq.");
  CHECK(problem.errors[2].detail == "POLYSHOP_INVENTORY_RESERVATION_TTL names no setting. Did you mean POLYSHOP_INVENTORY_RESERVATION_TTL_S?");
  CHECK(problem.errors[3].pointer == "inventory.reservation_ttls");
  for (const auto& error : problem.errors) CHECK(mentions(problem, error.detail));
}

TEST_CASE("the variables of the command line and those of others are no settings") {
  const auto config = Config::load({}, {{"POLYSHOP_CONFIG", "x"}, {"POLYSHOP_DATA", "y"}, {"PATH", "z"}}, {});
  CHECK_NOTHROW(config.finish());
}

TEST_CASE("a secret is never printed") {
  const File file("[payment]\nsecret = \"hunter2\"\nwrong = 31337\n");
  auto config = Config::load(file.path(), {}, {});
  CHECK(config.secret("payment.secret", "The provider's secret.") == "hunter2");
  CHECK(config.rows()[0].value == "***");
  CHECK(config.rows()[0].standard == "\"\"");
  CHECK(config.rows()[0].origin == "file");
  const auto problem = problem_of([&] { config.secret("payment.wrong", ""); });
  CHECK(mentions(problem, "payment.wrong"));
  CHECK_FALSE(mentions(problem, "31337"));
  const auto unknown = Config::load({}, {{"POLYSHOP_PAYMENT_SECRE", "hunter2"}}, {{"payment.secrets", "hunter2"}});
  CHECK_FALSE(mentions(problem_of([&] { unknown.finish(); }), "hunter2"));
}

TEST_CASE("the environment of the process") {
  setenv("POLYSHOP_CONFIG_TEST", "a=b", 1);
  const auto values = Config::process_environment();
  unsetenv("POLYSHOP_CONFIG_TEST");
  REQUIRE(values.contains("POLYSHOP_CONFIG_TEST"));
  CHECK(values.at("POLYSHOP_CONFIG_TEST") == "a=b");
  for (const auto& [name, value] : values) CHECK(name.starts_with("POLYSHOP_"));
}

TEST_CASE("mistakes in the source end the process") {
  CHECK(dies([] {
    auto config = given({});
    config.text("a", "", "");
    config.integer("a", 0, 0, 1, "");
  }));
  CHECK(dies([] { given({}).integer("a", 5, 0, 1, ""); }));
  CHECK(dies([] { given({}).choice("a", "x", {"y"}, ""); }));
  CHECK_FALSE(dies([] { given({}).integer("a", 1, 0, 1, ""); }));
}
