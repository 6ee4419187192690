#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <libpq-fe.h>

namespace polyshop::ownership {

// A connection to PostgreSQL, and what the server says of a statement.
class Postgresql {
 public:
  // Throws Problem `no_postgresql` where there is no such server, database or role.
  explicit Postgresql(const std::string& connection_string);

  struct Answer {
    std::string error;        // empty where it went well
    std::string state;        // SQLSTATE
    int position = 0;         // of the error in the statement, from 1; 0 where it says none
    std::string tag;          // "CREATE TABLE", "INSERT 0 1"
    std::vector<std::vector<std::string>> rows;
  };
  Answer run(const std::string& sql);
  // Of a statement that never fails.
  std::vector<std::vector<std::string>> rows(const std::string& sql);

  struct Prepared {
    Answer answer;
    int parameters = 0;
    std::string tree;  // what the server's analysis made of it, as debug_print_parse shows it
  };
  // Under the name "checked"; the one before it is forgotten.
  Prepared prepare(const std::string& sql);
  // Plans it as it would be run with any parameters, which checks the role's rights, and does not run it.
  Answer explain(int parameters);

 private:
  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
  std::string log_;
};

// A name or a text as SQL has it.
std::string quoted_name(std::string_view name);
std::string quoted_text(std::string_view text);

// The statement with $1, $2 in the place of its parameters, as the program sends it.
std::string with_numbered_parameters(std::string_view sql);

// What the tree of a statement's analysis names.
struct TreeContents {
  struct Table {
    unsigned oid = 0;
    unsigned rights = 0;  // 1 INSERT, 2 SELECT, 4 UPDATE, 8 DELETE
  };
  std::vector<Table> tables;
  std::vector<unsigned> functions;
  std::vector<unsigned> types;   // of constants and casts
  bool is_utility = false;       // no SELECT, INSERT, UPDATE or DELETE
  bool asks_session = false;     // CURRENT_USER and the like
};
TreeContents contents_of(std::string_view tree);

}  // namespace polyshop::ownership
