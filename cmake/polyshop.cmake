# How PolyShop's parts are built: one set of warnings, one precompiled header, and polyshop_module(), which gives a
# business module the includes it may see and no others.

find_package(Boost 1.81 REQUIRED COMPONENTS json context)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(CURL REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(PostgreSQL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(Threads REQUIRED)
find_library(SOCI_CORE soci_core REQUIRED)
find_library(SOCI_SQLITE soci_sqlite3 REQUIRED)
find_library(SOCI_POSTGRESQL soci_postgresql REQUIRED)
find_library(PROMETHEUS_CORE prometheus-cpp-core REQUIRED)
find_library(ARGON2 argon2 REQUIRED)

include(${CMAKE_CURRENT_LIST_DIR}/facade_graph.cmake)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_library(polyshop_options INTERFACE)
target_compile_options(polyshop_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow=local -Wnon-virtual-dtor -Woverloaded-virtual -Werror
  # g++ 12 reports these falsely in optimised standard library code (GCC bugs 105329, 105651).
  -Wno-restrict -Wno-maybe-uninitialized -Wno-dangling-pointer
  -fmacro-prefix-map=${PROJECT_SOURCE_DIR}/= -fno-plt)
if(CCACHE)
  target_compile_options(polyshop_options INTERFACE -fpch-preprocess)
endif()
target_compile_definitions(polyshop_options INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
  SPDLOG_FMT_EXTERNAL)
target_include_directories(polyshop_options INTERFACE ${PROJECT_SOURCE_DIR}/src)
target_link_libraries(polyshop_options INTERFACE Threads::Threads fmt::fmt Boost::json)
if(POLYSHOP_SANITIZE)
  # Debian's SOCI is built without type information for its inline classes, so vptr checks report it falsely.
  target_compile_options(polyshop_options INTERFACE -fsanitize=${POLYSHOP_SANITIZE} -fno-sanitize=vptr -fno-omit-frame-pointer)
  target_link_options(polyshop_options INTERFACE -fsanitize=${POLYSHOP_SANITIZE})
endif()

# One precompiled header for everything.
add_library(polyshop_pch OBJECT ${PROJECT_SOURCE_DIR}/src/kernel/precompiled.cpp)
target_link_libraries(polyshop_pch PUBLIC polyshop_options)
target_precompile_headers(polyshop_pch PRIVATE ${PROJECT_SOURCE_DIR}/src/kernel/precompiled.hpp)

# The schemas are compiled into the program: every file below schemas/, by owner.
function(polyshop_embed_schemas target)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/schemas ${PROJECT_SOURCE_DIR}/schemas/*.sql)
  list(SORT files)
  list(TRANSFORM files PREPEND ${PROJECT_SOURCE_DIR}/schemas/ OUTPUT_VARIABLE paths)
  set(output ${CMAKE_BINARY_DIR}/schemas.cpp)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} -DROOT=${PROJECT_SOURCE_DIR}/schemas "-DFILES=${files}"
            -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${paths} ${PROJECT_SOURCE_DIR}/cmake/embed.cmake VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()

# Whoever breaks the rules of ownership has no library: the objects of a module are checked before they are put into one. It is
# done again when a schema changes, since that can change whose a table is. What modules there are is written for the checker
# by polyshop_describe_tree(), after the last of them.
file(GLOB_RECURSE POLYSHOP_SCHEMAS CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/schemas/*)
set(POLYSHOP_TREE ${CMAKE_BINARY_DIR}/ownership/tree.txt)
function(polyshop_check_ownership name)
  set(stamp ${CMAKE_BINARY_DIR}/ownership/${name}.stamp)
  add_custom_command(OUTPUT ${stamp}
    COMMAND ownership_check --tree ${POLYSHOP_TREE} --module ${name} --stamp ${stamp}
    DEPENDS $<TARGET_OBJECTS:module_${name}_objects> polyshop_kernel polyshop_bus ${POLYSHOP_SCHEMAS} ${POLYSHOP_TREE}
    COMMENT "Checking what ${name} owns and touches" VERBATIM)
  add_custom_target(module_${name}_ownership DEPENDS ${stamp})
  list(JOIN ARGN " " uses)
  set_property(GLOBAL APPEND_STRING PROPERTY POLYSHOP_TREE_TEXT "module ${name}\nuses ${uses}\nobject $<JOIN:$<TARGET_OBJECTS:module_${name}_objects>,\nobject >\n")
endfunction()
function(polyshop_describe_tree)
  get_property(text GLOBAL PROPERTY POLYSHOP_TREE_TEXT)
  file(GENERATE OUTPUT ${POLYSHOP_TREE} CONTENT "root ${PROJECT_SOURCE_DIR}\nfloor $<TARGET_FILE:polyshop_kernel>\nfloor $<TARGET_FILE:polyshop_bus>\n${text}")
endfunction()

# polyshop_module(order USES catalog pricing): a library of the sources in src/modules/order, which sees the kernel, the
# bus, its own folder and the api/ folders of the modules it names. A module can only use modules declared before it, so
# a cycle does not configure.
set(POLYSHOP_MODULES "" CACHE INTERNAL "")
function(polyshop_module name)
  cmake_parse_arguments(arg "" "" "USES" ${ARGN})
  set(folder ${PROJECT_SOURCE_DIR}/src/modules/${name})
  add_library(${name}_api INTERFACE)
  target_include_directories(${name}_api INTERFACE ${folder}/api)
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_library(module_${name}_objects OBJECT ${sources})
  target_include_directories(module_${name}_objects PRIVATE ${folder})
  target_link_libraries(module_${name}_objects PRIVATE polyshop_bus ${name}_api polyshop_options)
  polyshop_check_ownership(${name} ${arg_USES})
  add_library(module_${name} STATIC $<TARGET_OBJECTS:module_${name}_objects>)
  add_dependencies(module_${name} module_${name}_ownership)
  set_target_properties(module_${name} PROPERTIES LINKER_LANGUAGE CXX)
  target_link_libraries(module_${name} PUBLIC polyshop_bus ${name}_api)
  foreach(used IN LISTS arg_USES)
    set_property(GLOBAL APPEND_STRING PROPERTY POLYSHOP_USES " ${name}>${used}")
    if(NOT TARGET ${used}_api)
      polyshop_refuse_use(${name} ${used} ${CMAKE_CURRENT_LIST_FILE})
    endif()
    target_link_libraries(module_${name}_objects PRIVATE ${used}_api)
    target_link_libraries(module_${name} PUBLIC ${used}_api)
  endforeach()
  target_precompile_headers(module_${name}_objects REUSE_FROM polyshop_pch)
  set(POLYSHOP_MODULES ${POLYSHOP_MODULES} ${name} CACHE INTERNAL "")
endfunction()
