# Writes OUTPUT, a C++ file that holds the text of every one of FILES (relative to ROOT) as a table.
set(text "#include \"kernel/db/schema_files.hpp\"\n\nnamespace polyshop::db {\nnamespace {\n\nconstexpr SchemaFile files[] = {\n")
foreach(file IN LISTS FILES)
  file(READ ${ROOT}/${file} content)
  string(APPEND text "  {\"${file}\", R\"__sql__(${content})__sql__\"},\n")
endforeach()
string(APPEND text "};\n\n}  // namespace\n\nstd::span<const SchemaFile> schema_files() { return files; }\n\n}  // namespace polyshop::db\n")
file(WRITE ${OUTPUT} "${text}")
