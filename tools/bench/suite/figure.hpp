#pragma once

#include <functional>
#include <string>
#include <vector>

// Figures: what was measured, several times, and what it is held against.
namespace polyshop::bench {

struct Spread {
  double median = 0;
  double min = 0;
  double max = 0;
};
Spread spread_of(std::vector<double> values);

struct Figure {
  std::string name;        // "product-page"
  std::string what;        // a line for people
  std::string unit;        // "requests/s"
  std::string limit_name;  // what was measured beside it, such as "nginx"; empty where the value itself is bounded
  double bound = 0;        // of the ratio to the limit, or of the value
  bool is_at_least = true;
  std::vector<double> values{};
  std::vector<double> limits{};
  std::vector<double> server_us{};  // the server's CPU time for each answer
  std::vector<double> limit_us{};
  std::string missing{};            // why there is no figure
  std::vector<std::string> notes{};

  double result() const;  // the ratio of the medians, or the median
  bool is_reached() const;
};

// What became of a rate that was offered.
struct CurvePoint {
  double offered = 0;   // visits a second
  double achieved = 0;
  double p50_ms = 0;    // of requests
  double p99_ms = 0;
};
struct Curve {
  std::string name;
  std::string unit;
  std::vector<CurvePoint> points{};
};

// What a group of figures comes to.
struct Findings {
  std::vector<Figure> figures;
  std::vector<Curve> curves{};
};

struct Report {
  std::vector<Figure> figures;
  std::vector<Curve> curves;
  std::string commit;
  std::vector<std::string> machine;   // processor, kernel, versions: a line each
  std::vector<std::string> disturbed; // when something else kept the machine busy
  bool is_forced = false;             // reported although it was disturbed
  std::string began;
};

std::string table_of(const Report& report);
std::string markdown_of(const Report& report);
std::string json_of(const Report& report);

}  // namespace polyshop::bench
