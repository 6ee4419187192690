#include "program/importer.hpp"

#include <expected>

#include <fmt/format.h>

#include "kernel/db/first_values.hpp"

namespace polyshop {
namespace {

constexpr std::size_t batch_rows = 500;
constexpr std::size_t batch_rows_max = 1000;  // where rows belong together: what a facade takes at once
constexpr std::size_t batch_bytes = 4 << 20;  // a row may have 1 MiB

// Takes faulty rows as they stood.
class ErrorFile {
 public:
  ErrorFile(const ImportSurroundings& surroundings, std::string header) : surroundings_(surroundings), header_(std::move(header)) {}

  void write(const ImportFault& fault, const std::string& raw) {
    if (!out_) {
      out_ = &surroundings_.errors();
      *out_ << "error_line,error," << header_ << '\n';
    }
    // In front, where an unclosed quote of the row cannot swallow them.
    auto columns = csv::format_record({std::to_string(fault.line), fault.code + ": " + fault.detail});
    columns.back() = ',';
    *out_ << columns << raw << '\n';
  }
  void finish() {
    if (out_ && !out_->flush()) throw Problem::unavailable("errors_not_written", "The file of faulty rows cannot be written; is the disk full? Name another with --errors.");
  }

 private:
  const ImportSurroundings& surroundings_;
  const std::string header_;
  std::ostream* out_ = nullptr;
};

// One pass over the records of a file.
template <class Rows>
class Pass {
 public:
  Pass(const Rows& rows, const ImportColumns& columns, ErrorFile& errors, const ImportSurroundings& surroundings) : rows_(rows), columns_(columns), errors_(errors), surroundings_(surroundings) {}

  ImportCounts run(csv::Reader& reader) {
    csv::Record record;
    auto bytes = reader.bytes_read();
    while (reader.next(record)) {
      auto row = read(record);
      if (is_full() && !(row && continues_batch(*row))) send(bytes);
      const auto line = static_cast<std::int64_t>(record.line);
      if (row)
        batch_.push_back(std::move(*row));
      else
        faults_[line] = std::move(row.error());
      batch_bytes_ += record.raw.size();
      raws_[line] = columns_.raw_without_errors(record);
      bytes = reader.bytes_read();
    }
    send(bytes);
    return counts_;
  }

 private:
  using Row = typename Rows::Row;

  std::expected<Row, ImportFault> read(const csv::Record& record) {
    const auto line = static_cast<std::int64_t>(record.line);
    try {
      if (!record.fault.empty()) throw Problem::invalid("bad_record", record.fault);
      if (record.fields.size() != columns_.size()) throw Problem::invalid("wrong_cell_count", fmt::format("The row has {} cells and the header {}.", record.fields.size(), columns_.size()));
      auto row = rows_.read(record);
      // By a hash, since a file may have millions: that two keys share one of 64 bits happens once in some 10^7 files of a million rows.
      if (const auto first = lines_by_hash_.find_or_put(std::hash<std::string>()(rows_.key(row)), line)) throw Problem::invalid(std::string(Rows::duplicate_code), fmt::format("The {} stands in line {} already.", rows_.name(row), *first));
      return row;
    } catch (const Problem& problem) {
      if (problem.status >= 500) throw;  // that is not the row's fault
      return std::unexpected(ImportFault{line, problem.code, problem.detail});
    }
  }

  bool is_full() const { return raws_.size() >= batch_rows || batch_bytes_ >= batch_bytes; }
  bool continues_batch(const Row& row) const { return !batch_.empty() && batch_.size() < batch_rows_max && batch_bytes_ < batch_bytes && rows_.belong_together(batch_.back(), row); }

  void send(std::size_t bytes) {
    try {
      if (!batch_.empty())
        for (auto& fault : rows_.send(surroundings_.call(), batch_, counts_)) faults_[fault.line] = std::move(fault);
    } catch (Problem& problem) {
      problem.detail += fmt::format(" The {} rows before line {} were imported; repeat the import when that is settled.", counts_.rows, raws_.begin()->first);
      throw;
    }
    for (const auto& [line, fault] : faults_) {
      errors_.write(fault, raws_.at(line));
      surroundings_.fault(fault);
    }
    errors_.finish();
    counts_.rows += static_cast<std::int64_t>(raws_.size());
    counts_.left_aside += static_cast<std::int64_t>(faults_.size());
    batch_.clear();
    faults_.clear();
    raws_.clear();
    batch_bytes_ = 0;
    surroundings_.progress(counts_, bytes);
  }

  const Rows& rows_;
  const ImportColumns& columns_;
  ErrorFile& errors_;
  const ImportSurroundings& surroundings_;
  ImportCounts counts_;
  db::FirstValues lines_by_hash_;
  // The batch that is being read: rows that are right so far, those that are not, and how each stood.
  std::vector<Row> batch_;
  std::map<std::int64_t, ImportFault> faults_;
  std::map<std::int64_t, std::string> raws_;
  std::size_t batch_bytes_ = 0;
};

}  // namespace

ImportCounts import_file(ImportKind kind, const Facades& shop, std::istream& in, const ImportOptions& options, const ImportSurroundings& surroundings) {
  csv::Reader reader(in);
  csv::Record header;
  const auto is_there = reader.next(header);
  const auto require_good = [&](std::string_view then) {
    if (in.bad()) throw Problem::unavailable("reading_failed", fmt::format("The file could not be read to its end.{}", then));
  };
  require_good("");
  if (!is_there) throw Problem::invalid("empty_file", "The file is empty; its first line names its columns, such as sku,name,price_EUR.");
  const ImportColumns columns(kind, header, options.mapping);
  ErrorFile errors(surroundings, columns.raw_without_errors(header));
  const auto pass = [&]<class Rows>(const Rows& rows) {
    auto counts = Pass<Rows>(rows, columns, errors, surroundings).run(reader);
    require_good(fmt::format(" The {} rows up to there were imported.", counts.rows));
    return counts;
  };
  switch (kind) {
    case ImportKind::products: return pass(ProductRows(shop, columns, options));
    case ImportKind::stock: return pass(StockRows(shop, columns, options));
    case ImportKind::customers: return pass(CustomerRows(shop, columns, options));
  }
  return {};
}

}  // namespace polyshop
