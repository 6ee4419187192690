#pragma once

#include <map>
#include <optional>
#include <tuple>

#include "kernel/http/request.hpp"
#include "kernel/json/codec.hpp"

namespace polyshop::http {

// Who may call a route. The shell checks it before the route's function runs.
struct Access {
  enum class Kind { everyone, customer, staff, control, internal };
  Kind kind = Kind::everyone;
  std::string permission;  // of staff
};
inline Access everyone() { return {}; }
inline Access customer() { return {Access::Kind::customer, {}}; }
inline Access staff(std::string permission) { return {Access::Kind::staff, std::move(permission)}; }
inline Access control() { return {Access::Kind::control, {}}; }  // the command line on the same machine
inline Access internal() { return {Access::Kind::internal, {}}; }  // a module in another process of the shop, which proves it with its key

enum class Idempotency { none, accepted, required };

// Where a request stands on a shopper's way to an order, which takes several.
enum class Stage { none, begins, goes_on };

struct Options {
  Idempotency idempotency = Idempotency::accepted;  // for POST and PATCH; `none` where a secret goes in or out
  std::size_t body_size_max = 1024 * 1024;
  Stage stage = Stage::none;
};

// --- what a route's function takes and returns ----------------------------------------------------------------------

// The values of the path's {names}, in order. One that does not parse is 404: there is no such thing.
template <class... T>
struct Path {
  std::tuple<T...> values;
  template <std::size_t I = 0>
  const auto& get() const {
    return std::get<I>(values);
  }
};
// The query as a described struct; an unknown or repeated parameter is 400.
template <class T>
struct Params : T {};
// The body as a described struct, read strictly.
template <class T>
struct Body : T {};
// If-Match as a version. Match is required (428 without), MaybeMatch is not.
struct Match {
  std::int64_t version = 0;
};
struct MaybeMatch {
  std::optional<std::int64_t> version;
  void check(std::int64_t actual) const {
    if (version && *version != actual) throw Problem::precondition_failed("It has changed since you read it; read it again and repeat your change.");
  }
};

template <class T>
struct Created {
  T value;
  std::string location;
};
struct NoContent {};

// A page of a list and where the next one starts; an empty cursor means that this was the last.
template <class T>
struct Listed {
  std::vector<T> data;
  std::string next_cursor;
  std::optional<std::int64_t> count;
  std::optional<json::Raw> facets;
};

// --- the table ------------------------------------------------------------------------------------------------------

struct Documentation {
  json::Array parameters;
  std::optional<json::Object> body;
  std::optional<json::Object> answer;
  int status = 200;
};

struct Route {
  std::string module;
  Method method;
  std::string pattern;  // "/v1/store/products/{id}"
  std::string summary;
  Access access;
  Options options;
  std::function<Outcome(Request&)> run;
  std::function<Documentation(json::Schemas&)> document;
};

// A cursor is opaque: the sort values of the last row, as JSON in base64url.
std::string encode_cursor(std::string_view json_text);
std::string decode_cursor(std::string_view cursor);  // throws Problem 400 `malformed_cursor`
template <class T>
std::string cursor_of(const T& position) {
  return encode_cursor(json::to_text(position));
}
template <class T>
std::optional<T> cursor_as(const std::optional<std::string>& cursor) {
  if (!cursor) return {};
  try {
    return json::from_text<T>(decode_cursor(*cursor), json::Mode::strict);
  } catch (const Problem&) {
    throw Problem::malformed("malformed_cursor", "Send a cursor as you got it from page.next_cursor.", "cursor");
  }
}

json::Value query_as_value(const std::string& query, const std::map<std::string, bool>& known_and_numeric);
std::optional<std::int64_t> version_of_match(const Request& request);
std::string etag_of(std::int64_t version);

namespace detail {

template <class T>
inline constexpr bool is_path = false;
template <class... T>
inline constexpr bool is_path<Path<T...>> = true;
template <class T>
inline constexpr bool is_params = false;
template <class T>
inline constexpr bool is_params<Params<T>> = true;
template <class T>
inline constexpr bool is_body = false;
template <class T>
inline constexpr bool is_body<Body<T>> = true;
template <class T>
inline constexpr bool is_created = false;
template <class T>
inline constexpr bool is_created<Created<T>> = true;
template <class T>
inline constexpr bool is_listed = false;
template <class T>
inline constexpr bool is_listed<Listed<T>> = true;

template <class T>
struct Inner;
template <template <class> class W, class T>
struct Inner<W<T>> {
  using type = T;
};

template <class T>
T path_value(const std::string& text) {
  if constexpr (is_id<T>) {
    if (const auto id = T::parse(text)) return *id;
    throw Problem::not_found("resource", text);
  } else {
    return T(text);
  }
}

template <class M>
constexpr bool is_numeric_parameter() {
  if constexpr (json::is_optional<M>)
    return is_numeric_parameter<typename M::value_type>();
  else
    return (std::integral<M> || is_range<M>);
}

template <class A>
std::remove_cvref_t<A> argument(Request& request) {
  using T = std::remove_cvref_t<A>;
  if constexpr (is_path<T>) {
    T path;
    std::size_t at = 0;
    std::apply([&](auto&... value) { ((value = path_value<std::remove_cvref_t<decltype(value)>>(request.path_values.at(at++))), ...); }, path.values);
    return path;
  } else if constexpr (is_params<T>) {
    using P = typename Inner<T>::type;
    std::map<std::string, bool> known;
    boost::mp11::mp_for_each<json::members_of<P>>([&](auto d) {
      known[d.name] = is_numeric_parameter<std::remove_cvref_t<decltype(std::declval<P&>().*d.pointer)>>();
    });
    return T{json::from_value<P>(query_as_value(request.query, known), json::Mode::strict)};
  } else if constexpr (is_body<T>) {
    using B = typename Inner<T>::type;
    return T{json::from_text<B>(request.body.empty() ? std::string_view("{}") : std::string_view(request.body), json::Mode::strict)};
  } else if constexpr (std::is_same_v<T, Match>) {
    if (const auto version = version_of_match(request)) return {*version};
    throw Problem(428, "if_match_required", "Send If-Match with the ETag of the version that you are changing.");
  } else {
    static_assert(std::is_same_v<T, MaybeMatch>, "a route takes Call, Request, Path, Params, Body, Match or MaybeMatch");
    return {version_of_match(request)};
  }
}

template <class R>
Outcome outcome_of(R&& result) {
  using T = std::remove_cvref_t<R>;
  Response response;
  if constexpr (std::is_same_v<T, Outcome> || std::is_same_v<T, Response>) {
    return std::forward<R>(result);
  } else if constexpr (std::is_same_v<T, Deferred>) {
    return std::forward<R>(result);
  } else if constexpr (std::is_same_v<T, NoContent>) {
    response.status = 204;
  } else if constexpr (is_created<T>) {
    response.status = 201;
    if constexpr (requires { result.value.version; }) response.fields.emplace_back("ETag", etag_of(result.value.version));
    response.fields.emplace_back("Location", result.location);
    json::write(response.body, result.value);
  } else if constexpr (is_listed<T>) {
    response.body = R"({"data":)";
    json::write(response.body, result.data);
    response.body += R"(,"page":{"next_cursor":)";
    if (result.next_cursor.empty())
      response.body += "null";
    else
      json::write_string(response.body, result.next_cursor);
    response.body += result.next_cursor.empty() ? R"(,"has_more":false)" : R"(,"has_more":true)";
    if (result.count) {
      response.body += R"(,"count":)";
      json::write_integer(response.body, *result.count);
    }
    response.body += '}';
    if (result.facets) response.body += R"(,"facets":)" + result.facets->text;
    response.body += '}';
    response.next_cursor = std::move(result.next_cursor);
  } else {
    if constexpr (requires { result.version; }) response.fields.emplace_back("ETag", etag_of(result.version));
    json::write(response.body, result);
  }
  return response;
}

template <class A>
void document_argument(json::Schemas& schemas, Documentation& out) {
  using T = std::remove_cvref_t<A>;
  if constexpr (is_params<T>) {
    using P = typename Inner<T>::type;
    boost::mp11::mp_for_each<json::members_of<P>>([&](auto d) {
      using M = std::remove_cvref_t<decltype(std::declval<P&>().*d.pointer)>;
      out.parameters.push_back(json::Object{{"name", d.name}, {"in", "query"}, {"required", !json::may_be_absent<M>}, {"schema", json::schema_of<M>(schemas)}});
    });
  } else if constexpr (is_body<T>) {
    out.body = json::schema_of<typename Inner<T>::type>(schemas);
  } else if constexpr (std::is_same_v<T, Match> || std::is_same_v<T, MaybeMatch>) {
    out.parameters.push_back(json::Object{{"name", "If-Match"}, {"in", "header"}, {"required", std::is_same_v<T, Match>}, {"schema", json::Object{{"type", "string"}}}});
  }
}

template <class R>
void document_answer(json::Schemas& schemas, Documentation& out) {
  if constexpr (std::is_same_v<R, NoContent>) {
    out.status = 204;
  } else if constexpr (is_created<R>) {
    out.status = 201;
    out.answer = json::schema_of<typename Inner<R>::type>(schemas);
  } else if constexpr (is_listed<R>) {
    out.answer = json::Object{{"type", "object"},
                              {"properties", json::Object{{"data", json::Object{{"type", "array"}, {"items", json::schema_of<typename Inner<R>::type>(schemas)}}},
                                                          {"page", json::Object{{"$ref", "#/components/schemas/Page"}}}}}};
  } else if constexpr (json::DescribedStruct<R>) {
    out.answer = json::schema_of<R>(schemas);
  }
}

template <class F>
struct Signature : Signature<decltype(&F::operator())> {};
template <class C, class R, class... A>
struct Signature<R (C::*)(A...) const> {
  using Result = R;
  template <class F>
  static Outcome call(const F& function, Request& request) {
    // Braces fix the order of evaluation: what is wrong with the path is said before what is wrong with the body.
    std::tuple<decltype(pick<A>(request))...> arguments{pick<A>(request)...};
    return outcome_of(std::apply(function, std::move(arguments)));
  }
  static Documentation document(json::Schemas& schemas) {
    Documentation out;
    (document_argument<A>(schemas, out), ...);
    document_answer<R>(schemas, out);
    return out;
  }

 private:
  template <class T>
  static decltype(auto) pick(Request& request) {
    if constexpr (std::is_same_v<std::remove_cvref_t<T>, Call>)
      return (static_cast<const Call&>(request.call));
    else if constexpr (std::is_same_v<std::remove_cvref_t<T>, Request>)
      return (static_cast<const Request&>(request));
    else
      return argument<T>(request);
  }
};

}  // namespace detail

// The routes of the program, in the order in which they were added.
class Routes {
 public:
  // Adds a route of a module. The function's parameters and result, from the types above, say how a request is read, how
  // the answer is written and what the API's description says.
  template <class F>
  void add(std::string module, Method method, std::string pattern, std::string summary, Access access, Options options, F function) {
    using S = detail::Signature<F>;
    add_route({std::move(module), method, std::move(pattern), std::move(summary), std::move(access), options,
               [function = std::move(function)](Request& request) { return S::call(function, request); }, &S::document});
  }

  struct Found {
    const Route* route = nullptr;
    std::vector<std::string> values;
    std::string allowed;  // methods of the path, where only the method does not fit
  };
  Found find(Method method, std::string_view path) const;
  const std::vector<std::unique_ptr<Route>>& all() const { return routes_; }

 private:
  struct Node {
    std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
    std::unique_ptr<Node> variable;
    std::map<Method, const Route*> methods;
  };
  void add_route(Route route);
  std::vector<std::unique_ptr<Route>> routes_;
  Node root_;
};

// A module's view of the table, so that it says its own name once and its routes read as a table.
class ModuleRoutes {
 public:
  ModuleRoutes(Routes& routes, std::string module) : routes_(routes), module_(std::move(module)) {}
  template <class F>
  void get(std::string pattern, std::string summary, Access access, F function) {
    routes_.add(module_, Method::get, std::move(pattern), std::move(summary), std::move(access), {Idempotency::none}, std::move(function));
  }
  template <class F>
  void post(std::string pattern, std::string summary, Access access, F function, Options options = {}) {
    routes_.add(module_, Method::post, std::move(pattern), std::move(summary), std::move(access), options, std::move(function));
  }
  template <class F>
  void patch(std::string pattern, std::string summary, Access access, F function, Options options = {}) {
    routes_.add(module_, Method::patch, std::move(pattern), std::move(summary), std::move(access), options, std::move(function));
  }
  template <class F>
  void put(std::string pattern, std::string summary, Access access, F function, Options options = {Idempotency::none}) {
    routes_.add(module_, Method::put, std::move(pattern), std::move(summary), std::move(access), options, std::move(function));
  }
  template <class F>
  void remove(std::string pattern, std::string summary, Access access, F function) {
    routes_.add(module_, Method::del, std::move(pattern), std::move(summary), std::move(access), {Idempotency::none}, std::move(function));
  }

 private:
  Routes& routes_;
  std::string module_;
};

// The OpenAPI 3.1 document of all routes.
std::string openapi_text(const Routes& routes);

}  // namespace polyshop::http
