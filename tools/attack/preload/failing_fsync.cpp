// Preloaded into a shop: its disk confirms nothing any more once the file that FAILING_FSYNC_TRIGGER names exists.
#include <cerrno>
#include <cstdlib>

#include <dlfcn.h>
#include <unistd.h>

namespace {

int sync_with(const char* name, int file) {
  const char* trigger = std::getenv("FAILING_FSYNC_TRIGGER");
  if (trigger && ::access(trigger, F_OK) == 0) {
    errno = EIO;
    return -1;
  }
  return reinterpret_cast<int (*)(int)>(::dlsym(RTLD_NEXT, name))(file);
}

}  // namespace

extern "C" int fsync(int file) { return sync_with("fsync", file); }
extern "C" int fdatasync(int file) { return sync_with("fdatasync", file); }
extern "C" int syncfs(int file) { return sync_with("syncfs", file); }
