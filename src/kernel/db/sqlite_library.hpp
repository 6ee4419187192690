#pragma once

namespace polyshop::db {

// Before anything of SQLite is used; any number of times. Connections have no mutex of their own from then on.
void configure_sqlite();

}  // namespace polyshop::db
