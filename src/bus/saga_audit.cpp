#include "bus/saga_audit.hpp"

namespace polyshop::bus {

std::int64_t count_overdue_sagas(Tx& tx) {
  return tx.get<std::int64_t>("SELECT count(*) AS n FROM saga WHERE state IN ('running', 'waiting', 'compensating') AND deadline_ms + 3600000 < :now"_sql, tx.now());
}

bool is_saga_open(Tx& tx, const SagaId& id) {
  return tx.get<std::int64_t>("SELECT count(*) AS n FROM saga WHERE id = :id AND state NOT IN ('done', 'compensated')"_sql, id) == 1;
}

}  // namespace polyshop::bus
