#include "suite/curve.hpp"

#include <cmath>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "kernel/types/problem.hpp"

namespace polyshop::bench {
namespace {

constexpr std::array<double, 7> fractions{0.1, 0.3, 0.5, 0.7, 0.85, 1.0, 1.1};
constexpr double point_s = 3;

double ms(std::int64_t ns) { return static_cast<double>(ns) / 1e6; }

// Above the peak a server may refuse; whoever is refused leaves.
Measured offer(Bench& bench, load::Ground& ground, int port, pid_t server, const Offer& what, double rate) {
  auto load = bench.load_of(what.scenario);
  load.rate = rate;
  load.shoppers = what.shoppers;
  return bench.measure(ground, port, server, {load}, {1, point_s});
}

// A panel of the drawing: what lies where, and its frame.
struct Panel {
  double left, top, width, height;
  double x_max, y_min, y_max;
  bool is_logarithmic;
  double x(double value) const { return left + width * value / x_max; }
  double y(double value) const {
    const auto place = [&](double v) { return is_logarithmic ? std::log10(std::max(v, y_min)) : v; };
    return top + height * (1 - (place(value) - place(y_min)) / (place(y_max) - place(y_min)));
  }
};

std::string text(double x, double y, std::string_view anchor, std::string_view what) { return fmt::format("<text x='{:.0f}' y='{:.0f}' text-anchor='{}'>{}</text>\n", x, y, anchor, what); }

std::string frame(const Panel& panel, std::string_view title, std::string_view unit) {
  auto out = fmt::format("<rect x='{}' y='{}' width='{}' height='{}' fill='none' stroke='#888'/>\n", panel.left, panel.top, panel.width, panel.height);
  out += text(panel.left, panel.top - 8, "start", title);
  for (int i = 0; i <= 4; ++i) {
    const auto value = panel.x_max * i / 4;
    out += text(panel.x(value), panel.top + panel.height + 16, "middle", fmt::format("{:.0f}", value));
    if (!panel.is_logarithmic) out += text(panel.left - 6, panel.y(panel.y_max * i / 4) + 4, "end", fmt::format("{:.0f}", panel.y_max * i / 4));
  }
  if (panel.is_logarithmic)
    for (double value = panel.y_min; value <= panel.y_max * 1.001; value *= 10) {
      out += fmt::format("<line x1='{}' x2='{}' y1='{:.1f}' y2='{:.1f}' stroke='#ddd'/>\n", panel.left, panel.left + panel.width, panel.y(value), panel.y(value));
      out += text(panel.left - 6, panel.y(value) + 4, "end", fmt::format("{:g}", value));
    }
  return out + text(panel.left + panel.width / 2, panel.top + panel.height + 32, "middle", unit);
}

std::string line(const Panel& panel, const std::vector<CurvePoint>& points, double CurvePoint::*value, std::string_view colour, std::string_view name) {
  std::string path;
  for (const auto& point : points) path += fmt::format("{:.1f},{:.1f} ", panel.x(point.offered), panel.y(point.*value));
  const auto& last = points.back();
  return fmt::format("<polyline points='{}' fill='none' stroke='{}' stroke-width='2'/>\n", path, colour) + text(panel.x(last.offered) - 4, panel.y(last.*value) - 6, "end", name);
}

}  // namespace

void measure_curve(Bench& bench, load::Ground& ground, const FilledShop& shop, const Offer& what, double peak, Curve& curve) {
  for (const auto fraction : fractions) {
    const auto measured = offer(bench, ground, shop.port(), shop.process(), what, peak * fraction);
    load::Histogram all;
    for (const auto& step : measured.first().steps) all.add(step.latency);
    curve.points.push_back({peak * fraction, measured.first().rate(), ms(all.at(0.5)), ms(all.at(0.99))});
  }
}

std::map<std::string, load::Histogram> latencies_at(Bench& bench, load::Ground& ground, int port, pid_t server, const Offer& what, double rate) {
  std::map<std::string, load::Histogram> latencies;
  const auto measured = offer(bench, ground, port, server, what, rate);
  for (const auto& step : measured.first().steps) latencies[std::string(step.name)] = step.latency;
  return latencies;
}

double fsync_p99_ms(const std::filesystem::path& folder) {
  constexpr int times = 500;
  const auto file = folder / "fsync";
  const std::string page(4096, 'x');
  const int descriptor = ::open(file.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  load::Histogram histogram;
  for (int i = 0; descriptor >= 0 && i < times; ++i) {
    const auto start = std::chrono::steady_clock::now();
    if (::pwrite(descriptor, page.data(), page.size(), static_cast<off_t>(page.size()) * (i % 16)) < 0 || ::fdatasync(descriptor) != 0) break;
    histogram.record(std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - start).count());
  }
  if (descriptor >= 0) ::close(descriptor);
  std::filesystem::remove(file);
  if (histogram.count() != times) throw Problem::unavailable("writing_failed", fmt::format("{} cannot be written.", file.string()));
  return ms(histogram.at(0.99));
}

std::string svg_of(const Curve& curve) {
  double offered_max = 0;
  double p99_max = 1;
  for (const auto& point : curve.points) {
    offered_max = std::max(offered_max, point.offered);
    p99_max = std::max(p99_max, point.p99_ms);
  }
  const Panel latency{60, 40, 380, 220, offered_max, 0.1, std::pow(10, std::ceil(std::log10(p99_max))), true};
  const Panel rate{520, 40, 380, 220, offered_max, 0, offered_max, false};
  auto out = fmt::format("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 930 310' font-family='sans-serif' font-size='12'>\n<title>{}</title>\n<rect width='930' height='310' fill='white'/>\n", curve.name);
  if (curve.points.empty()) return out + "</svg>\n";
  out += frame(latency, curve.name + ": latency in ms", curve.unit + " offered") + line(latency, curve.points, &CurvePoint::p50_ms, "#36c", "p50") + line(latency, curve.points, &CurvePoint::p99_ms, "#c33", "p99");
  out += frame(rate, curve.name + ": answered well a second", curve.unit + " offered") + line(rate, curve.points, &CurvePoint::achieved, "#383", "");
  return out + "</svg>\n";
}

}  // namespace polyshop::bench
