#include "bus/saga_audit.hpp"

#include "bus/saga_run.hpp"

namespace polyshop::bus {

std::int64_t count_overdue_sagas(Tx& tx) {
  return tx.get<std::int64_t>("SELECT count(*) AS n FROM saga WHERE state NOT IN ('done', 'compensated', 'stuck') AND deadline_ms < :late"_sql, tx.now() - 2 * saga::late_ms);
}

bool is_saga_open(Tx& tx, const SagaId& id) {
  return tx.get<std::int64_t>("SELECT count(*) AS n FROM saga WHERE id = :id AND state NOT IN ('done', 'compensated')"_sql, id) == 1;
}

}  // namespace polyshop::bus
