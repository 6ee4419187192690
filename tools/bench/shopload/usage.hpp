#pragma once

#include <cstdint>
#include <vector>

#include <sys/types.h>

namespace polyshop::load {

// What a process and all that descend from it have used, as /proc says. Zero where it is gone.
struct Usage {
  double cpu_s = 0;                  // of those that live; user and system
  std::int64_t resident_bytes = 0;
  std::int64_t peak_bytes = 0;       // the sum of each one's peak
  std::int64_t anonymous_bytes = 0;  // resident without pages of files, which the system takes back where it needs them
};
Usage usage_of(pid_t process);

// CPU seconds of the whole machine since it started: how long programs were busy, without PostgreSQL and the kernel's own threads and
// interrupts, and how long another guest of the host had its processors.
struct MachineUsage {
  double busy_s = 0;
  double stolen_s = 0;
};
MachineUsage machine_usage();

// Binds the calling thread, and what it starts from now on, to processors. Throws Problem where there is no such one.
void pin_to(const std::vector<int>& processors);

}  // namespace polyshop::load
