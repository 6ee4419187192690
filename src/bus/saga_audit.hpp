#pragma once

#include "bus/saga.hpp"

namespace polyshop::bus {

// What a module's audit asks about its own sagas, in its own transaction.

// Sagas that have not ended two hours after their deadline and are not listed as stuck either, which they are after one.
std::int64_t count_overdue_sagas(Tx& tx);
// Whether there is that saga and it has more to do, or is stuck.
bool is_saga_open(Tx& tx, const SagaId& id);

}  // namespace polyshop::bus
