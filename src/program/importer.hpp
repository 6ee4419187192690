#pragma once

#include <functional>
#include <istream>
#include <ostream>

#include "program/import_rows.hpp"

namespace polyshop {

// What an import asks of its surroundings.
struct ImportSurroundings {
  std::function<Call()> call;                                                    // a fresh one for each batch
  std::function<std::ostream&()> errors;                                         // where faulty rows go; asked for at the first one
  std::function<void(const ImportFault& fault)> fault;                           // each, in the order of lines within a batch
  std::function<void(const ImportCounts& so_far, std::size_t bytes)> progress;   // after each batch, with what was read of the file
};

// Imports a file of comma-separated values whose first line names its columns, in batches of 500 rows, so that memory does not
// grow with the file but for some 40 bytes a row, by which a row that stands twice is found. Rows that are not right are left
// aside and go to `errors` as they stood, with their line and what is wrong in two columns in front: corrected there, that
// file can be imported as it is. Repeated, an import changes nothing. Throws Problem where the file as a whole is no use
// (then nothing was changed), or where the shop fails (then the batches before have taken effect, as the text says).
ImportCounts import_file(ImportKind kind, const Facades& shop, std::istream& in, const ImportOptions& options, const ImportSurroundings& surroundings);

}  // namespace polyshop
