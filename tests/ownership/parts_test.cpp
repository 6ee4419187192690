#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>

#include "kernel/types/problem.hpp"
#include "ownership_check/advice.hpp"
#include "ownership_check/check.hpp"
#include "tree.hpp"

// The parts of the checker on what they could meet, well formed and not.
namespace polyshop::ownership {
namespace {

struct Folder {
  fs::path path = fs::temp_directory_path() / fs::path(std::tmpnam(nullptr)).filename();
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
  fs::path write(const std::string& name, const std::string& text) const {
    std::ofstream(path / name, std::ios::binary) << text;
    return path / name;
  }
};

std::string bytes_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("a statement is read from the name of its symbol") {
  const std::string start = "_ZN8polyshop2db3SqlIXtlNS0_7SqlTextILm9EEEtlA9_cLc83ELc69ELc76ELc69ELc67ELc84ELc32ELc49EEtlA112_cLc97ELc46ELcn61EE";
  const auto statement = statement_of(start + "Li34EEELNS0_7DialectE2EE7storageE");
  REQUIRE(statement);
  CHECK(statement->text == "SELECT 1");
  CHECK(statement->file == "a.\xc3");
  CHECK(statement->line == 34);
  CHECK(statement->dialect == db::Dialect::postgresql);
  // A text as long as the array of the file's name has a back reference for the second type.
  CHECK(statement_of("_ZN8polyshop2db3SqlIXtlNS0_7SqlTextILm112EEEtlA112_cLc83EEtlS4_Lc97EELi5EEELNS0_7DialectE0EE7storageE")->file == "a");
  CHECK(!statement_of("_ZN8polyshop2db3SqlIXtlNS0_7SqlTextILm9EEEE10registeredE"));
  CHECK_THROWS_AS(statement_of(start + "Lm34EEELNS0_7DialectE0EE7storageE"), Problem);
  CHECK_THROWS_AS(statement_of(start + "Li34EEELNS0_7DialectE7EE7storageE"), Problem);
}

TEST_CASE("a symbol's place is read from its name") {
  using Scope = std::vector<std::string>;
  CHECK(scope_of("_ZN8polyshop5order5store10find_orderERNS_2TxE") == Scope{"polyshop", "order", "store", "find_order"});
  CHECK(scope_of("_ZNK8polyshop5order6Orders3getEv") == Scope{"polyshop", "order", "Orders", "get"});
  CHECK(scope_of("_ZTVN8polyshop5order6LedgerE") == Scope{"polyshop", "order", "Ledger"});
  CHECK(scope_of("_ZThn16_N8polyshop5order6Ledger3sumEv") == Scope{"polyshop", "order", "Ledger", "sum"});
  CHECK(scope_of("_ZGVZN8polyshop5order3oneEvE1x") == Scope{"polyshop", "order", "one"});
  CHECK(scope_of("_ZNSt10filesystem6removeERKNS_7__cxx114pathE") == Scope{"std", "filesystem", "remove"});
  CHECK(scope_of("_ZTIv") == Scope{"v"});
  CHECK(scope_of("sqlite3_open").empty());
}

TEST_CASE("an object that is cut off is no object") {
  const Folder folder;
  const auto whole = bytes_of(tree().module("shipping").objects.front());
  CHECK(read_object(folder.write("whole.o", whole)).defined.size() > 10);
  CHECK_THROWS_AS(read_object(folder.write("half.o", whole.substr(0, whole.size() / 2))), Problem);
  CHECK_THROWS_AS(read_object(folder.write("text.o", "no object")), Problem);
  CHECK_THROWS_AS(read_object(folder.write("empty.o", "")), Problem);
  CHECK_THROWS_AS(read_object(folder.path / "missing.o"), Problem);
  CHECK_THROWS_AS(defined_in_archive(folder.write("text.a", "!<arch>\nno archive")), Problem);

  // And for a module it is a finding, as is an object of which nothing says what was read for it.
  Checker checker(tree());
  const auto report = checker.check(tree().module("shipping"), {{folder.path / "half.o", {}}});
  std::vector<std::string> codes;
  for (const auto& finding : report.findings) codes.push_back(finding.code);
  CHECK(codes == std::vector<std::string>{"OWN-INC-9", "OWN-SYM-9"});
}

TEST_CASE("a log of dependencies that is being written is read as far as it goes") {
  const Folder folder;
  const auto log = bytes_of(tree().build / ".ninja_deps");
  folder.write(".ninja_deps", log);
  const auto all = DependencyLog(folder.path).records().size();
  CHECK(all > 60);
  folder.write(".ninja_deps", log.substr(0, log.size() - 6));
  CHECK(DependencyLog(folder.path).records().size() >= all - 1);
  folder.write(".ninja_deps", "# ninjadeps\n" + std::string("\x07\0\0\0", 4));
  CHECK_THROWS_AS(DependencyLog{folder.path}, Problem);
  folder.write("a.d", "a.o: /src/a.cpp \\\n  /src/with\\ blank.hpp b.hpp\n");
  CHECK(read_depfile(folder.path / "a.d") == std::vector<fs::path>{"/src/a.cpp", "/src/with blank.hpp", "b.hpp"});
}

TEST_CASE("a script falls apart where its statements end") {
  const auto statements = statements_of_script("-- one; two\nCREATE TABLE a (b text DEFAULT ';');\n\nDO $x$ BEGIN; END $x$;\n/* ; */ SELECT '''; ' \n");
  REQUIRE(statements.size() == 3);
  CHECK(statements[0].text == "CREATE TABLE a (b text DEFAULT ';')");
  CHECK(statements[0].line == 2);
  CHECK(statements[1].text == "DO $x$ BEGIN; END $x$");
  CHECK(statements[1].line == 4);
  CHECK(statements[2].line == 5);
  CHECK(with_numbered_parameters("SELECT :b, ':a', cast(:a AS text)::text, :b -- :c") == "SELECT $1, ':a', cast($2 AS text)::text, $1 -- :c");
}

TEST_CASE("an advice names what the owner offers, and never a cycle") {
  CHECK(advice_for(tree(), "order", "inventory", false) == "ask inventory::Facade::get_availability, export_bands, or subscribe to inventory::AvailabilityChanged");
  CHECK(advice_for(tree(), "shipping", "catalog", true).find("add catalog to the USES of shipping") != std::string::npos);
  CHECK(advice_for(tree(), "catalog", "pricing", false) == "pricing uses catalog, so catalog cannot call it: let pricing pass what catalog needs in its call, or subscribe to pricing::PricesChanged");
  CHECK(advice_for(tree(), "order", "search", false) == "search offers nothing to others: add an operation to src/modules/search/api/search/facade.hpp");
}

}  // namespace polyshop::ownership
