# How PolyShop's parts are built: one set of warnings, one precompiled header, and polyshop_module(), which gives a
# business module the includes it may see and no others.

find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(CURL REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(PostgreSQL REQUIRED)
find_package(Threads REQUIRED)
find_library(SOCI_CORE soci_core REQUIRED)
find_library(SOCI_SQLITE soci_sqlite3 REQUIRED)
find_library(SOCI_POSTGRESQL soci_postgresql REQUIRED)
find_library(PROMETHEUS_CORE prometheus-cpp-core REQUIRED)
find_library(ARGON2 argon2 REQUIRED)

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
  add_library(module_${name} STATIC ${sources})
  target_include_directories(module_${name} PRIVATE ${folder})
  target_link_libraries(module_${name} PUBLIC polyshop_bus ${name}_api PRIVATE polyshop_options)
  foreach(used IN LISTS arg_USES)
    if(NOT TARGET ${used}_api)
      message(FATAL_ERROR "Module ${name} uses ${used}, which is not declared before it: modules are declared in the order of the facade graph, and it has no cycles.")
    endif()
    target_link_libraries(module_${name} PUBLIC ${used}_api)
  endforeach()
  target_precompile_headers(module_${name} REUSE_FROM polyshop_pch)
  set(POLYSHOP_MODULES ${POLYSHOP_MODULES} ${name} CACHE INTERNAL "")
endfunction()
