#pragma once

#include "attack/ledger.hpp"
#include "attack/target.hpp"
#include "live/report.hpp"

namespace polyshop::attack {

// Checks a shop that serves again after something was done to it, against what its clients know: repeats every request of
// unknown outcome with its key until it is known, waits until everything has ended, and then that
//  - every order that was acknowledged since the round given is there with its total, and asked for again, with the same key or
//    another, is the same order;
//  - there are as many orders, payments, units sold and mails as acknowledged, and no cart has two orders;
//  - `polyshop audit` finds nothing.
// Each violation is a mismatch of the report; answers how many acknowledged orders were looked at.
std::int64_t check(Target& target, Ledger& ledger, int since_round, live::Report& report);

// How many of the acknowledged orders are not there: what a power cut has cost.
std::int64_t count_lost(Target& target, const Ledger& ledger);

}  // namespace polyshop::attack
