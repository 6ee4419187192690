#include "program/modules.hpp"

#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "bus/node.hpp"
#include "kernel/db/schema_files.hpp"
#include "program/app.hpp"
#include "program/commands.hpp"

namespace polyshop {
namespace {

std::string joined(const std::vector<std::string>& texts) { return fmt::format("{}", fmt::join(texts, ", ")); }

// "payment_changed" of "payment.payment_changed.v1": within a module's arrows the rest says nothing new.
std::string short_name(std::string_view event) {
  event.remove_prefix(event.find('.') + 1);
  return std::string(event.substr(0, event.rfind('.')));
}

std::vector<std::string> seen_by(const std::string& module, std::string_view pairs) {
  std::vector<std::string> seen;
  while (!pairs.empty()) {
    const auto end = std::min(pairs.find(' '), pairs.size());
    const auto pair = pairs.substr(0, end);
    const auto arrow = pair.find('>');
    if (arrow != std::string_view::npos && pair.substr(0, arrow) == module) seen.emplace_back(pair.substr(arrow + 1));
    pairs.remove_prefix(std::min(end + 1, pairs.size()));
  }
  return seen;
}

// Blank where there is nothing, so that the reader sees at once what a module does not do.
std::string in_code(const std::vector<std::string>& names) {
  std::vector<std::string> quoted;
  for (const auto& name : names) quoted.push_back("`" + name + "`");
  return joined(quoted);
}

void print_modules(const CommandLine& line, bool as_json, bool mermaid, bool markdown) {
  auto config = line.config();
  const App app(config, line.data);
  const auto modules = described_modules(app.nodes(), app.routes(), config, POLYSHOP_USES);
  fmt::print("{}", mermaid ? as_mermaid(modules) : markdown ? as_document(modules) : as_json ? json::to_text(modules) + "\n" : as_text(modules));
}

}  // namespace

std::vector<ModuleDescription> described_modules(const std::vector<bus::Node*>& nodes, const http::Routes& routes, const Config& config, std::string_view sees) {
  std::vector<ModuleDescription> modules;
  for (const auto* node : nodes) {
    auto& module = modules.emplace_back();
    module.name = node->module();
    module.uses.assign(node->uses().begin(), node->uses().end());
    for (auto& seen : seen_by(module.name, sees))
      if (!node->uses().contains(seen)) module.sees.push_back(std::move(seen));
    for (const auto& subscription : node->subscriptions()) module.takes.push_back({subscription->source().module(), subscription->event_names()});
    for (const auto& [name, kind] : node->log.kinds()) module.publishes.push_back(name);
    module.tables = db::tables_of(module.name);
    for (const auto& route : routes.all())
      if (route->module == module.name) module.routes.push_back({std::string(http::name_of(route->method)), route->pattern, access_of(*route), route->summary});
    for (const auto& row : config.rows())
      if (row.name.starts_with(module.name + ".")) module.settings.push_back({row.name, row.standard, row.description});
  }
  return modules;
}

std::string access_of(const http::Route& route) {
  switch (route.access.kind) {
    case http::Access::Kind::everyone: return "everyone";
    case http::Access::Kind::customer: return "customer";
    case http::Access::Kind::staff: return route.access.permission;
    case http::Access::Kind::control: return "this machine";
    case http::Access::Kind::internal: return "this shop";
  }
  return "";
}

std::string as_mermaid(const std::vector<ModuleDescription>& modules) {
  std::string out = "flowchart TD\n";
  for (const auto& module : modules) fmt::format_to(std::back_inserter(out), "  {}\n", module.name);
  for (const auto& module : modules)
    for (const auto& used : module.uses) fmt::format_to(std::back_inserter(out), "  {} --> {}\n", module.name, used);
  for (const auto& module : modules)
    for (const auto& subscription : module.takes) {
      std::vector<std::string> names;
      for (const auto& event : subscription.events) names.push_back(short_name(event));
      fmt::format_to(std::back_inserter(out), "  {} -. \"{}\" .-> {}\n", subscription.source, fmt::join(names, "<br>"), module.name);
    }
  return out;
}

std::string as_document(const std::vector<ModuleDescription>& modules) {
  std::string out =
      "<!-- Written by `polyshop modules --markdown`; a test compares it with the program. -->\n# Modules\n\n"
      "As the program is wired: an arrow is a call of a facade, a dotted one the way of events. Every module also keeps the bus's tables in its database "
      "(" + in_code(db::tables_of("bus")) + ") and has the settings `database.<module>.engine`, `.url` and `.migrate_url`.\n\n```mermaid\n" + as_mermaid(modules) + "```\n";
  const auto add = [&](std::string_view what, const std::string& names) {
    if (!names.empty()) fmt::format_to(std::back_inserter(out), "- {}: {}\n", what, names);
  };
  for (const auto& module : modules) {
    fmt::format_to(std::back_inserter(out), "\n## {}\n\n", module.name);
    add("calls", joined(module.uses));
    add("sees types of, without calling", joined(module.sees));
    for (const auto& subscription : module.takes) add("takes from " + subscription.source, in_code(subscription.events));
    add("publishes", in_code(module.publishes));
    add("tables", in_code(module.tables));
    for (const auto& setting : module.settings) fmt::format_to(std::back_inserter(out), "- `{} = {}`: {}\n", setting.name, setting.standard, setting.description);
    if (module.routes.empty()) continue;
    out += "\n| Route | For | |\n|---|---|---|\n";
    for (const auto& route : module.routes) fmt::format_to(std::back_inserter(out), "| `{} {}` | {} | {} |\n", route.method, route.path, route.access, route.summary);
  }
  return out;
}

std::string as_text(const std::vector<ModuleDescription>& modules) {
  std::string out;
  const auto add = [&](std::string_view what, std::string_view text) {
    if (!text.empty()) fmt::format_to(std::back_inserter(out), "  {:<11}{}\n", what, text);
  };
  for (const auto& module : modules) {
    fmt::format_to(std::back_inserter(out), "{}\n", module.name);
    add("calls", joined(module.uses));
    add("sees", joined(module.sees));
    for (const auto& subscription : module.takes) add("takes", fmt::format("{}", fmt::join(subscription.events, ", ")));
    add("publishes", joined(module.publishes));
    add("tables", joined(module.tables));
    for (const auto& setting : module.settings) add("setting", fmt::format("{} = {}", setting.name, setting.standard));
    for (const auto& route : module.routes) add("route", fmt::format("{} {} ({})", route.method, route.path, route.access));
  }
  return out;
}

void add_modules(CLI::App& program, CommandLine& line) {
  auto* command = program.add_subcommand("modules", "Print the modules: what each calls, takes, publishes, keeps and serves.");
  const auto as_json = std::make_shared<bool>(false), mermaid = std::make_shared<bool>(false), markdown = std::make_shared<bool>(false);
  command->add_flag("--json", *as_json, "As JSON.");
  command->add_flag("--mermaid", *mermaid, "The graph alone, as a Mermaid flowchart.");
  command->add_flag("--markdown", *markdown, "As docs/modules.md has it.");
  command->callback([&line, as_json, mermaid, markdown] { print_modules(line, *as_json, *mermaid, *markdown); });
}

}  // namespace polyshop
