#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "kernel/facade/call.hpp"
#include "kernel/json/codec.hpp"
#include "kernel/observe/metrics.hpp"

namespace polyshop {

using json::Nothing;

// How a module reaches another's operation: the function itself, or input, result and Problem through the serialiser on the
// same thread, which is what another process would do to them.
enum class Binding { local, loopback };
BOOST_DESCRIBE_ENUM(Binding, local, loopback)

namespace facade {

// Carries an operation to another process: name and input as JSON, the result as JSON; throws the Problem it answered.
using Transport = std::function<std::string(const Call& call, const std::string& owner, std::string_view operation, const std::string& input)>;

struct Wiring {
  std::string owner;
  std::string name;
  std::string caller;  // the module that this copy of the facade was made for
  Binding binding = Binding::local;
  Metrics::Histogram seconds;
  Metrics::Counter failures;
};

// What stands before every call: no transaction is open, the deadline has not passed; the key is bound to this operation.
Call enter(const Wiring& wiring, const Call& call, bool is_command);
std::string hash_of_input(std::string_view text);

class Timer {
 public:
  explicit Timer(const Wiring& wiring) : wiring_(wiring), start_(std::chrono::steady_clock::now()), exceptions_(std::uncaught_exceptions()) {}
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

 private:
  const Wiring& wiring_;
  const std::chrono::steady_clock::time_point start_;
  const int exceptions_;
};

}  // namespace facade

// An operation of a facade: a callable value. The owner binds its function; callers get copies that are wired to them.
template <class In, class Out, bool IsCommand>
class Operation {
 public:
  using Input = In;
  using Output = Out;
  using Function = std::function<Out(const Call&, const In&)>;
  static constexpr bool is_command = IsCommand;

  Operation& operator=(Function function) {
    function_ = std::move(function);
    return *this;
  }
  bool is_bound() const { return static_cast<bool>(function_); }

  Out operator()(const Call& call, const In& input) const {
    auto inner = facade::enter(wiring_, call, IsCommand);
    facade::Timer timer(wiring_);
    if (IsCommand && !inner.key.empty()) inner.input_hash = facade::hash_of_input(json::to_text(input));
    if (wiring_.binding == Binding::local) return function_(inner, input);
    if constexpr (std::is_void_v<Out>)
      through_text(inner, json::to_text(input));
    else
      return json::from_text<Out>(through_text(inner, json::to_text(input)), json::Mode::lenient);
  }

  // The same, by text: how another process reaches it.
  std::string through_text(const Call& call, const std::string& input) const {
    const auto value = json::from_text<In>(input, json::Mode::lenient);
    if constexpr (std::is_void_v<Out>) {
      function_(call, value);
      return "null";
    } else {
      return json::to_text(function_(call, value));
    }
  }

  void connect(facade::Wiring wiring) { wiring_ = std::move(wiring); }
  void connect(facade::Wiring wiring, facade::Transport transport) {
    wiring_ = std::move(wiring);
    function_ = [transport = std::move(transport), owner = wiring_.owner, name = wiring_.name](const Call& call, const In& input) -> Out {
      const auto text = transport(call, owner, name, json::to_text(input));
      if constexpr (!std::is_void_v<Out>) return json::from_text<Out>(text, json::Mode::lenient);
    };
  }
  const facade::Wiring& wiring() const { return wiring_; }

 private:
  Function function_;
  facade::Wiring wiring_;
};

// Changes nothing and may be retried.
template <class In, class Out>
struct Query : Operation<In, Out, false> {
  using Operation<In, Out, false>::operator=;
};
// Changes the owner's data in one transaction; repeated with the same key it answers the first result again.
template <class In, class Out>
struct Command : Operation<In, Out, true> {
  using Operation<In, Out, true>::operator=;
};

namespace facade {

// A copy of the owner's facade for one calling module. Every operation must be bound.
template <class F>
F connect(const F& owned, const std::string& owner, const std::string& caller, Binding binding, Metrics& metrics) {
  F copy = owned;
  boost::mp11::mp_for_each<json::members_of<F>>([&](auto d) {
    auto& operation = copy.*d.pointer;
    if (!operation.is_bound()) die("the operation " + owner + "." + d.name + " is not bound");
    const Metrics::Labels labels{{"operation", owner + "." + d.name}, {"caller", caller}};
    operation.connect({owner, d.name, caller, binding, metrics.histogram("polyshop_operation_seconds", "How long facade operations take.", labels),
                       metrics.counter("polyshop_operation_failures_total", "Facade operations that ended with a problem.", labels)});
  });
  return copy;
}

// A facade whose operations run in another process.
template <class F>
F connect_remote(const std::string& owner, const std::string& caller, const Transport& transport) {
  F remote;
  boost::mp11::mp_for_each<json::members_of<F>>([&](auto d) { (remote.*d.pointer).connect({owner, d.name, caller, Binding::local, {}, {}}, transport); });
  return remote;
}

// Runs the operation of that name; the other end of a Transport. Throws Problem 404 where there is none.
template <class F>
std::string invoke(const F& owned, const std::string& owner, std::string_view name, Call call, const std::string& input) {
  std::optional<std::string> result;
  boost::mp11::mp_for_each<json::members_of<F>>([&](auto d) {
    if (name != d.name || result) return;
    if (!call.key.empty()) {
      call.operation = owner + "." + d.name;
      call.input_hash = hash_of_input(input);
    }
    result = (owned.*d.pointer).through_text(call, input);
  });
  if (!result) throw Problem::not_found("operation", owner + "." + std::string(name));
  return *result;
}

}  // namespace facade
}  // namespace polyshop
