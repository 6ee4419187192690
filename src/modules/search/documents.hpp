#pragma once

#include "bus/node.hpp"
#include "catalog/events.hpp"
#include "catalog/facade.hpp"
#include "inventory/events.hpp"
#include "pricing/events.hpp"

namespace polyshop::search {

struct AuditFinding {
  std::string check;
  std::int64_t violations = 0;
  std::string example;
};

// Requests that wait until something has been rendered.
class Progress {
 public:
  void await(std::move_only_function<void()> resume);
  void announce();

 private:
  std::mutex mutex_;
  std::vector<std::move_only_function<void()>> waiting_;
};

// Keeps the documents. An event is written down as what its source says now, and the product it concerns is marked; then
// marked products are rendered, a few in a transaction. So it does not matter in which order the sources are heard, a
// hundred events of one product cost one rendering, and a category of any size can be renamed.
class Documents {
 public:
  Documents(bus::Node& node, http::ResponseCache& cache) : node_(node), cache_(cache) {}

  void apply(Tx& tx, const catalog::ProductChanged& changed);
  void apply(Tx& tx, const catalog::ProductRemoved& removed);
  void apply(Tx& tx, const catalog::CategoryChanged& changed);
  void apply(Tx& tx, const catalog::CategoryRemoved& removed);
  void apply(Tx& tx, const pricing::PricesChanged& changed);
  void apply(Tx& tx, const inventory::AvailabilityChanged& changed);

  bool render_marked(const Call& call) { return render_marked(call, node_.db); }  // as many as are marked; whether there was any
  bool render_marked(const Call& call, Database& in);
  std::size_t render_some(const Call& call, Database& in);  // of those that are marked; 0: none is left
  void forget_answers();  // everything may be another than it was
  // Fills an empty database from what the sources export.
  void load(const Call& call, Database& into, const catalog::Facade& catalog, const pricing::Facade& pricing, const inventory::Facade& inventory, const bus::Rebuild::OnLoaded& loaded);
  Progress& progress() { return progress_; }

  // Compares everything with its sources, a page at a time. What is on its way is waited for, as long as something comes.
  std::vector<AuditFinding> audit(const Call& call, const catalog::Facade& catalog, const pricing::Facade& pricing, const inventory::Facade& inventory);

 private:
  void invalidate_lists(Tx& tx);
  bus::Node& node_;
  http::ResponseCache& cache_;
  Progress progress_;
};

}  // namespace polyshop::search
