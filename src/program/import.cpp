#include <unistd.h>

#include <fstream>

#include <fmt/format.h>

#include "program/commands.hpp"
#include "program/importer.hpp"
#include "program/shop.hpp"

namespace polyshop {
namespace {

constexpr std::size_t faults_shown = 10;

// What an import was asked for on the command line.
struct ImportLine {
  std::filesystem::path file;
  std::filesystem::path errors;  // FILE.errors.csv where empty
  std::string currency;
  ImportOptions options;
};

// How far an import has come, on standard error: a bar where that is a terminal and it takes more than a second, else a line
// every ten seconds.
class Progress {
 public:
  Progress(std::string name, std::uintmax_t size) : name_(std::move(name)), size_(size) {}
  ~Progress() {
    if (is_drawn_) fmt::print(stderr, "\r\033[K");
  }

  void show(std::int64_t rows, std::size_t bytes) {
    const auto now = std::chrono::steady_clock::now();
    const auto pause = !is_terminal_ ? std::chrono::milliseconds(10'000) : is_drawn_ ? std::chrono::milliseconds(200) : std::chrono::milliseconds(1'000);
    if (now - shown_ < pause) return;
    shown_ = now;
    const auto rate = static_cast<double>(rows) / std::chrono::duration<double>(now - start_).count();
    // A pipe has no size.
    const auto percent = size_ == 0 ? std::string() : fmt::format("{} %, ", std::min<std::uintmax_t>(100, bytes * 100 / size_));
    if (!is_terminal_) {
      fmt::print(stderr, "{}: {}{} rows, {:.0f} rows/s\n", name_, percent, rows, rate);
      return;
    }
    is_drawn_ = true;
    constexpr std::size_t width = 30;
    const auto filled = size_ == 0 ? 0 : std::min<std::size_t>(width, static_cast<std::size_t>(bytes * width / size_));
    fmt::print(stderr, "\r[{:#<{}}{:.<{}}] {}{} rows, {:.0f} rows/s\033[K", "", filled, "", width - filled, percent, rows, rate);
  }

 private:
  const std::string name_;
  const std::uintmax_t size_;
  const bool is_terminal_ = ::isatty(STDERR_FILENO);
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point shown_ = start_;
  bool is_drawn_ = false;
};

std::string system_error() { return std::system_category().message(errno); }

void run(const CommandLine& line, ImportKind kind, ImportLine wanted) {
  if (wanted.errors.empty()) wanted.errors = wanted.file.string() + ".errors.csv";
  if (!wanted.currency.empty()) {
    wanted.options.currency = Currency::parse(wanted.currency);
    if (!wanted.options.currency) throw Problem::invalid("unknown_currency", fmt::format("--currency {} is no currency in use as of ISO 4217; write three capitals such as EUR.", wanted.currency));
  }
  std::error_code error;
  std::ifstream in(wanted.file, std::ios::binary);
  if (std::filesystem::is_directory(wanted.file, error)) throw Problem::invalid("file_unreadable", fmt::format("{} is a folder; name a file of comma-separated values.", wanted.file.string()));
  if (!in) throw Problem::invalid("file_unreadable", fmt::format("{} cannot be read: {}.", wanted.file.string(), system_error()));
  if (std::filesystem::equivalent(wanted.file, wanted.errors, error)) throw Problem::invalid("same_file", "--errors names the file that is imported; name another.");
  const auto size = std::filesystem::file_size(wanted.file, error);

  auto config = line.config();
  Shop shop(config, line.data);
  std::ofstream errors;
  std::vector<ImportFault> first_faults;
  ImportCounts counts;
  {
    Progress progress(wanted.file.filename().string(), error ? 0 : size);
    counts = import_file(kind, shop.facades(), in, wanted.options,
                         {[&] { return shop.call(); },
                          [&]() -> std::ostream& {
                            errors.open(wanted.errors, std::ios::binary | std::ios::trunc);
                            if (!errors) throw Problem::invalid("errors_not_written", fmt::format("{} cannot be written: {}. Name another file for faulty rows with --errors.", wanted.errors.string(), system_error()));
                            return errors;
                          },
                          [&](const ImportFault& fault) {
                            if (first_faults.size() < faults_shown) first_faults.push_back(fault);
                          },
                          [&](const ImportCounts& so_far, std::size_t bytes) { progress.show(so_far.rows, bytes); }});
  }
  for (const auto& fault : first_faults) fmt::print(stderr, "{}:{}: {}: {}\n", wanted.file.string(), fault.line, fault.code, fault.detail);
  if (counts.left_aside > static_cast<std::int64_t>(faults_shown)) fmt::print(stderr, "... and {} more\n", counts.left_aside - static_cast<std::int64_t>(faults_shown));
  fmt::print("{} rows: {} created, {} changed, {} unchanged, {} left aside\n", counts.rows, counts.created, counts.changed, counts.unchanged, counts.left_aside);
  if (wanted.options.dry_run) fmt::print("This was a dry run: nothing was changed.\n");
  std::fflush(stdout);
  if (counts.left_aside > 0)
    throw Problem::invalid("rows_left_aside", fmt::format("{} rows were left aside. They are in {} with what is wrong with each; correct them there and import that file.", counts.left_aside, wanted.errors.string()));
}

}  // namespace

void add_import(CLI::App& program, CommandLine& line) {
  auto* import = program.add_subcommand("import", "Import a file of comma-separated values whose first line names its columns; safe to repeat.");
  import->require_subcommand(1);
  const auto add = [&](ImportKind kind, const char* description) {
    auto* command = import->add_subcommand(std::string(json::enum_name(kind)), description);
    const auto wanted = std::make_shared<ImportLine>();
    command->add_option("FILE", wanted->file, "The file, in UTF-8.")->required();
    command->add_option("--map", wanted->options.mapping, "column=field: which field a column is, where it is not named like it; column= leaves it out. May be given several times.")->allow_extra_args(false);
    command->add_option("--errors", wanted->errors, "Where faulty rows go; FILE.errors.csv where not given.");
    command->add_flag("--dry-run", wanted->options.dry_run, "Say what would happen and change nothing.");
    if (kind == ImportKind::products) {
      command->add_option("--currency", wanted->currency, "The currency of prices in the column price, where no column says it, such as GBP.");
      command->add_option("--language", wanted->options.language, "The language of names and descriptions.")->capture_default_str();
    }
    command->callback([&line, kind, wanted] { run(line, kind, *wanted); });
  };
  add(ImportKind::products, "Products with their variants and prices: sku, name, product, description, category, weight_g, state, price, currency, price_EUR, option.size.");
  add(ImportKind::stock, "What is on hand: sku, quantity, location.");
  add(ImportKind::customers, "Customers by their e-mail address: email, first_name, last_name, phone, and of an address name, company, line1, line2, city, region, postal_code, country.");
}

}  // namespace polyshop
