#pragma once

#include <string>
#include <vector>

#include "kernel/config/config.hpp"
#include "kernel/http/route.hpp"

namespace polyshop {

namespace bus {
class Node;
}

// What one module is and what it is connected with, read from the wired program.
struct ModuleSubscription {
  std::string source;
  std::vector<std::string> events;
};
BOOST_DESCRIBE_STRUCT(ModuleSubscription, (), (source, events))

struct ModuleRoute {
  std::string method;
  std::string path;
  std::string access;  // everyone, customer, a permission
  std::string summary;
};
BOOST_DESCRIBE_STRUCT(ModuleRoute, (), (method, path, access, summary))

struct ModuleSetting {
  std::string name;
  std::string standard;
  std::string description;
};
BOOST_DESCRIBE_STRUCT(ModuleSetting, (), (name, standard, description))

struct ModuleDescription {
  std::string name;
  std::vector<std::string> uses;              // modules whose facade it is given
  std::vector<std::string> sees;              // modules whose api it may include and whose facade it is not given
  std::vector<ModuleSubscription> takes;      // events in
  std::vector<std::string> publishes;         // events out
  std::vector<std::string> tables;            // without those that every module has from the bus
  std::vector<ModuleRoute> routes;
  std::vector<ModuleSetting> settings;
};
BOOST_DESCRIBE_STRUCT(ModuleDescription, (), (name, uses, sees, takes, publishes, tables, routes, settings))

// In the order of the facade graph. `sees` is pairs such as "order>cart", with blanks between.
std::vector<ModuleDescription> described_modules(const std::vector<bus::Node*>& nodes, const http::Routes& routes, const Config& config, std::string_view sees);

std::string access_of(const http::Route& route);

// The graph as a Mermaid flowchart: calls as arrows, events as dotted ones.
std::string as_mermaid(const std::vector<ModuleDescription>& modules);
// docs/modules.md, whole.
std::string as_document(const std::vector<ModuleDescription>& modules);
std::string as_text(const std::vector<ModuleDescription>& modules);

}  // namespace polyshop
