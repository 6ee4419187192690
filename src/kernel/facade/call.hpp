#pragma once

#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "kernel/observe/trace.hpp"
#include "kernel/types/id.hpp"

namespace polyshop {

// Who asks. Customers and staff come from sessions, machines from API keys, the system is a saga, a subscription, a job or the
// command line on the machine itself.
struct Actor {
  enum class Kind { anonymous, customer, staff, system };
  Kind kind = Kind::anonymous;
  std::string id;  // usr_..., or the name of the part of the system; empty for anonymous
  std::shared_ptr<const std::set<std::string, std::less<>>> permissions;  // of staff; null for none

  bool may(std::string_view permission) const { return kind == Kind::system || (permissions && permissions->contains(permission)); }
  static Actor system(std::string name) { return {Kind::system, std::move(name), nullptr}; }
};

using Deadline = std::chrono::steady_clock::time_point;

// What accompanies every operation from the request to the last module it reaches.
struct Call {
  Actor actor;
  std::string module;        // the module that makes this call; "http" where it comes from a route
  Timestamp now = 0;         // the time of the request: one request sees one time
  Deadline deadline = Deadline::max();
  Trace trace;
  std::string request_id;
  std::string channel = "default";
  std::string language = "en";

  // Idempotency. An empty key means none. The operation and the input's hash are set where the command is invoked.
  std::string key;
  std::string operation;
  std::string input_hash;
  bool* replayed = nullptr;  // set to true where a stored result was answered

  // The same call with a key of its own, for the next step of a saga or of a larger command.
  Call keyed(std::string new_key) const {
    Call call = *this;
    call.key = std::move(new_key);
    call.operation.clear();
    call.input_hash.clear();
    call.replayed = nullptr;
    return call;
  }
  Call unkeyed() const { return keyed({}); }
  // The same call as somebody else: a saga acts for a customer with the system's rights.
  Call as(Actor other) const {
    Call call = *this;
    call.actor = std::move(other);
    return call;
  }
  bool expired() const { return std::chrono::steady_clock::now() > deadline; }
};

}  // namespace polyshop
