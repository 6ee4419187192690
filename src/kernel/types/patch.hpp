#pragma once

#include <optional>

namespace polyshop {

// A member of a merge-patch (RFC 7396): absent leaves the value, null removes it, anything else sets it.
template <class T>
struct Patch {
  bool present = false;
  std::optional<T> value;

  Patch() = default;
  Patch(T set) : present(true), value(std::move(set)) {}
  static Patch removed() {
    Patch patch;
    patch.present = true;
    return patch;
  }
  void apply_to(std::optional<T>& target) const {
    if (present) target = value;
  }
  // For a value that cannot be removed: null leaves it as absent does; the caller refuses null before.
  void apply_to(T& target) const {
    if (value) target = *value;
  }
};

template <class T>
inline constexpr bool is_patch = false;
template <class T>
inline constexpr bool is_patch<Patch<T>> = true;

}  // namespace polyshop
