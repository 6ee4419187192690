#pragma once

#include <functional>

#include "bus/node.hpp"
#include "program/audit.hpp"
#include "program/facades.hpp"

namespace polyshop {

// Checks the promises across modules: what each says of itself, money against orders, logs and cursors, and the read side
// against its sources. Changes nothing. Where events are still on their way it waits for them up to ten seconds, since what
// is under way is not lost.
AuditReport audited(const std::vector<bus::Node*>& nodes, const Facades& all, const std::function<std::vector<AuditRow>(const Call&, const Facades&)>& read_side);

}  // namespace polyshop
