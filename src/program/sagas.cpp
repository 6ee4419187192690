#include "program/sagas.hpp"

namespace polyshop {
namespace {

struct ListSagas {
  std::optional<Range<1, 100>> limit;
  std::optional<std::string> cursor;
  std::optional<SagaFilterState> filter_state;
  std::optional<Text<1, 100>> filter_kind;
};
BOOST_DESCRIBE_STRUCT(ListSagas, (), (limit, cursor, filter_state, filter_kind))

struct Intervene {
  Text<1, 500> reason;
};
BOOST_DESCRIBE_STRUCT(Intervene, (), (reason))

SagaView view_of(const bus::Node& node, const bus::Saga& saga) {
  SagaView view{saga.id, node.module(), saga.kind, saga.definition, saga.state, saga.step, saga.version, saga.attempts, saga.failure, {}, saga.deadline_ms, saga.created_ms, saga.updated_ms};
  if (!bus::Sagas::has_ended(saga.state)) view.wake_ms = std::max<Timestamp>(saga.wake_ms, 0);
  return view;
}

SagaDetail detail_of(const Call& call, bus::Node& node, const bus::Saga& saga) {
  SagaDetail detail;
  static_cast<SagaView&>(detail) = view_of(node, saga);
  detail.data.text = saga.data;
  if (!saga.outcome.empty()) detail.outcome = json::Raw{saga.outcome};
  detail.log = node.sagas.entries(call, saga.id);
  return detail;
}

// An id does not say whose it is, so every module that has sagas is asked.
std::pair<bus::Node*, bus::Saga> get(const std::vector<bus::Node*>& nodes, const bus::SagaId& id) {
  for (auto* node : nodes)
    if (auto saga = node->sagas.find(id)) return {node, std::move(*saga)};
  throw Problem::not_found("saga", id.view());
}

http::Listed<SagaView> list(const Call& call, const std::vector<bus::Node*>& nodes, const ListSagas& wanted) {
  const auto limit = wanted.limit ? static_cast<std::int64_t>(*wanted.limit) : 25;
  bus::SagaFilter filter;
  filter.before = http::cursor_as<bus::SagaId>(wanted.cursor);
  filter.limit = limit + 1;
  if (wanted.filter_kind) filter.kind = *wanted.filter_kind;
  filter.unended = wanted.filter_state == SagaFilterState::unended;
  if (wanted.filter_state && !filter.unended) filter.state = json::enum_value<bus::SagaState>(json::enum_name(*wanted.filter_state));
  http::Listed<SagaView> page;
  for (auto* node : nodes)
    for (const auto& saga : node->sagas.list(call, filter)) page.data.push_back(view_of(*node, saga));
  std::ranges::sort(page.data, std::greater(), &SagaView::id);
  if (static_cast<std::int64_t>(page.data.size()) > limit) {
    page.data.resize(static_cast<std::size_t>(limit));
    page.next_cursor = http::cursor_of(page.data.back().id);
  }
  return page;
}

}  // namespace

void add_saga_routes(http::ModuleRoutes routes, const std::vector<bus::Node*>& nodes) {
  using namespace http;
  const auto may_read = staff("sagas.read");
  const auto may_write = staff("sagas.write");
  routes.get("/v1/admin/sagas", "List sagas, the latest first", may_read, [&nodes](const Call& call, const Params<ListSagas>& wanted) { return list(call, nodes, wanted); });
  routes.get("/v1/admin/sagas/{id}", "Read a saga with its data and its log", may_read, [&nodes](const Call& call, const Path<bus::SagaId>& path) {
    auto [node, saga] = get(nodes, path.get());
    return detail_of(call, *node, saga);
  });
  const auto add = [&](const std::string& name, bus::SagaAction action, std::string summary) {
    routes.post("/v1/admin/sagas/{id}/" + name, std::move(summary), may_write, [&nodes, action](const Call& call, const Path<bus::SagaId>& path, const Match& match, const Body<Intervene>& wanted) {
      auto* node = get(nodes, path.get()).first;
      const auto saga = node->sagas.intervene(call, path.get(), match.version, action, wanted.reason);
      return Created<SagaDetail>{detail_of(call, *node, saga), "/v1/admin/sagas/" + saga.id.str()};
    });
  };
  add("retries", bus::SagaAction::retry, "Run a saga's step again now");
  add("skips", bus::SagaAction::skip, "Count a failing step of a saga as done by hand");
  add("compensations", bus::SagaAction::compensate, "Undo what a stuck saga did before its pivot");
  add("cancellations", bus::SagaAction::cancel, "Give up a saga that is under way before its pivot");
}

}  // namespace polyshop
