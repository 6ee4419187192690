#include "suite/flame.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace polyshop::bench {
namespace {

constexpr double width = 1400;
constexpr double row = 17;
constexpr double narrowest = 1.5;        // narrower frames are not drawn
constexpr double letter = 6.4;           // about the width of one
constexpr std::size_t name_max = 160;

// Without template arguments and parameters, which can be thousands of characters; operator< and the like are rare enough.
std::string short_name(std::string_view name) {
  std::string out;
  int depth = 0;
  for (const char c : name) {
    if (c == '<' || c == '(') ++depth;
    if (depth == 0) out += c;
    if ((c == '>' || c == ')') && depth > 0) --depth;
  }
  if (out.empty()) out = name;
  return out.substr(0, name_max);
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else if (c == '&') out += "&amp;";
    else if (c == '\'') out += "&#39;";
    else out += c;
  }
  return out;
}

std::string_view colour_of(std::string_view object) {
  if (object.find("kernel") != std::string_view::npos) return "#b9c3d6";
  if (object.find("sqlite") != std::string_view::npos) return "#9fd09f";
  if (object.find("polyshop") != std::string_view::npos) return "#f2b36b";
  if (object.find("soci") != std::string_view::npos || object.find("libpq") != std::string_view::npos) return "#d7b6e0";
  return "#e4e0d4";
}

std::size_t depth_of(const Frame& frame) {
  std::size_t depth = 0;
  for (const auto& [name, called] : frame.called) depth = std::max(depth, 1 + depth_of(called));
  return depth;
}

void draw(std::string& out, const Frame& frame, std::string_view name, double left, std::size_t level, double bottom, double scale, double all) {
  const auto wide = static_cast<double>(frame.samples) * scale;
  if (wide < narrowest) return;
  const auto top = bottom - row * static_cast<double>(level + 1);
  out += fmt::format("<g><title>{} ({:.1f} %)</title><rect x='{:.1f}' y='{:.1f}' width='{:.1f}' height='{}' fill='{}' stroke='white' stroke-width='0.5'/>", escaped(name), 100 * static_cast<double>(frame.samples) / all, left, top, wide, row - 1, colour_of(frame.object));
  if (const auto letters = static_cast<std::size_t>(wide / letter); letters >= 3) out += fmt::format("<text x='{:.1f}' y='{:.1f}'>{}</text>", left + 2, top + 12, escaped(name.substr(0, letters)));
  out += "</g>\n";
  for (const auto& [called_name, called] : frame.called) {
    draw(out, called, called_name, left, level + 1, bottom, scale, all);
    left += static_cast<double>(called.samples) * scale;
  }
}

void add_self(const Frame& frame, const std::string& name, std::map<std::string, std::int64_t>& self) {
  auto own = frame.samples;
  for (const auto& [called_name, called] : frame.called) {
    own -= called.samples;
    add_self(called, called_name, self);
  }
  self[name] += own;
}

}  // namespace

Frame frames_of(std::string_view script) {
  Frame root;
  std::string thread;
  std::vector<std::pair<std::string, std::string>> stack;  // names and objects, the innermost first
  const auto add = [&] {
    if (thread.empty()) return;
    ++root.samples;
    auto* at = &root.called[thread];
    ++at->samples;
    for (auto frame = stack.rbegin(); frame != stack.rend(); ++frame) {
      at = &at->called[frame->first];
      at->object = frame->second;
      ++at->samples;
    }
    stack.clear();
    thread.clear();
  };
  while (!script.empty()) {
    const auto end = std::min(script.find('\n'), script.size());
    auto line = script.substr(0, end);
    script.remove_prefix(std::min(end + 1, script.size()));
    const bool is_frame = line.starts_with(' ') || line.starts_with('\t');
    while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
    while (line.ends_with(' ')) line.remove_suffix(1);
    if (line.empty()) {
      add();
    } else if (!is_frame) {
      thread = line;
    } else {
      // "address name (object)"
      const auto name = line.find(' ');
      const auto object = line.rfind('(');
      if (name == std::string_view::npos || object == std::string_view::npos || object < name + 2) continue;
      stack.emplace_back(short_name(line.substr(name + 1, object - name - 2)), line.substr(object + 1, line.size() - object - 2));
    }
  }
  add();
  return root;
}

std::string flame_graph(const Frame& root, std::string_view title) {
  const auto height = row * static_cast<double>(depth_of(root) + 1) + 40;
  auto out = fmt::format("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {} {:.0f}' font-family='monospace' font-size='11'>\n<title>{}</title>\n<rect width='{}' height='{:.0f}' fill='white'/>\n<text x='4' y='16'>{}: {} samples; "
                         "orange polyshop, green SQLite, violet SOCI and libpq, blue the kernel, grey other libraries</text>\n",
                         width, height, escaped(title), width, height, escaped(title), root.samples);
  if (root.samples > 0) draw(out, root, "all", 0, 0, height - 8, width / static_cast<double>(root.samples), static_cast<double>(root.samples));
  return out + "</svg>\n";
}

std::string top_of(const Frame& root, std::size_t lines) {
  std::map<std::string, std::int64_t> self;
  add_self(root, "all", self);
  std::vector<std::pair<std::int64_t, std::string>> sorted;
  for (const auto& [name, samples] : self) sorted.emplace_back(samples, name);
  std::ranges::sort(sorted, std::greater<>());
  std::string out;
  for (std::size_t i = 0; i < std::min(lines, sorted.size()); ++i) out += fmt::format("{:>6.1f} %  {}\n", 100 * static_cast<double>(sorted[i].first) / static_cast<double>(root.samples), sorted[i].second);
  return out;
}

}  // namespace polyshop::bench
