// dlopen() with its failures told apart. See loader.h.
#include "operator/loader.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace dora {
namespace {

std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

std::string version_text(uint32_t major, uint32_t minor) { return std::to_string(major) + "." + std::to_string(minor); }

/// Looks at the file before the loader does, for its messages are worse.
bool check_file(const std::string& id, const std::string& path, RuntimeError* error) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    const int code = errno;
    return error->fail("OPERATOR_FILE_MISSING", "operator " + quoted(id) + ": " + path + ": " + strerror(code),
                       code == ENOENT ? "Build it (the operator's `build:` command), or correct `shared-library`."
                                      : "Check the file's permissions and those of its folders.");
  }
  struct stat info{};
  Elf64_Ehdr head{};
  const bool readable = fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
  const ssize_t got = readable ? pread(fd, &head, sizeof head, 0) : 0;
  close(fd);
  if (got < static_cast<ssize_t>(sizeof head) || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0) {
    return error->fail(
        "OPERATOR_NOT_A_LIBRARY",
        "operator " + quoted(id) + ": " + path + (readable ? " is not a shared library" : " is not a file"),
        "Name a shared library (.so), built by: cc -shared -fPIC.");
  }
  return true;
}

/// The text between `from` and the next of `until` (or the end).
std::string cut(std::string_view text, std::string_view from, std::string_view until) {
  const size_t at = text.find(from);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + from.size());
  return std::string(text.substr(0, text.find_first_of(until)));
}

std::string demangled(const std::string& symbol) {
  int status = -1;
  char* name = abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status);
  std::string result = status == 0 ? std::string(name) + " (" + symbol + ")" : symbol;
  free(name);
  return result;
}

/// What dlopen() says, by its text: there is nothing else. glibc and musl word the two cases that matter in these ways.
bool explain_dlopen(const std::string& id, const std::string& path, const std::string& text, RuntimeError* error) {
  std::string symbol = cut(text, "undefined symbol: ", ", \t(");
  if (symbol.empty() && text.find("symbol not found") != std::string::npos) symbol = cut(text, "relocating ", " ");
  if (!symbol.empty()) {
    const bool ours = symbol.rfind("dora_", 0) == 0;
    return error->fail("OPERATOR_UNDEFINED_SYMBOL",
                       "operator " + quoted(id) + ": " + path + " needs the symbol " + demangled(symbol) +
                           ", which no library it was linked with has",
                       ours ? "An operator calls the runtime through host->api; functions of dora/node.h are for nodes."
                            : "Add the object file or library that has it to the link command (-l…); -Wl,-z,defs finds "
                              "this when linking.");
  }
  std::string missing;
  if (text.find("cannot open shared object file") != std::string::npos) missing = text.substr(0, text.find(':'));
  if (missing.empty()) missing = cut(text, "Error loading shared library ", ":");
  if (!missing.empty() && missing != path) {
    return error->fail("OPERATOR_DEPENDENCY_MISSING",
                       "operator " + quoted(id) + ": " + path + " was linked with " + missing + ", which is not found",
                       "Install it, or link with -Wl,-rpath,<its folder>; `ldd " + path + "` lists what is missing.");
  }
  return error->fail("OPERATOR_NOT_A_LIBRARY", "operator " + quoted(id) + ": " + path + " cannot be loaded: " + text,
                     "Build it on this machine, as a shared library: cc -shared -fPIC.");
}

}  // namespace

bool check_operator_abi(const std::string& id, const std::string& path, const dora_operator_entry_t& entry,
                        RuntimeError* error) {
  const std::string theirs = version_text(entry.abi_major, entry.abi_minor);
  const std::string ours = version_text(DORA_OPERATOR_ABI_MAJOR, DORA_OPERATOR_ABI_MINOR);
  const std::string what = "operator " + quoted(id) + ": " + path + " was built for operator ABI " + theirs;
  const bool newer = entry.abi_major > DORA_OPERATOR_ABI_MAJOR ||
                     (entry.abi_major == DORA_OPERATOR_ABI_MAJOR && entry.abi_minor > DORA_OPERATOR_ABI_MINOR);
  if (newer) {
    return error->fail(
        "OPERATOR_ABI_MISMATCH", what + ", which is newer than this runtime's " + ours,
        "Update dora-ts, or rebuild the operator with the header of this version (native/include/dora/operator.h).");
  }
  if (entry.abi_major != DORA_OPERATOR_ABI_MAJOR) {
    return error->fail("OPERATOR_ABI_MISMATCH", what + ", which is too old for this runtime's " + ours,
                       "Rebuild the operator with the header of this version (native/include/dora/operator.h).");
  }
  // The structure as ABI 0.1 has it is the smallest there ever was.
  if (entry.struct_size < offsetof(dora_operator_entry_t, destroy) + sizeof(entry.destroy) ||
      entry.on_event == nullptr) {
    return error->fail("OPERATOR_ABI_MISMATCH",
                       what + ", but its entry is incomplete" +
                           (entry.on_event == nullptr ? ": on_event is NULL"
                                                      : ": struct_size is " + std::to_string(entry.struct_size)),
                       "Begin the entry with DORA_OPERATOR_HEAD and give it an on_event function.");
  }
  return true;
}

bool load_operator(const std::string& id, const std::string& path, const dora_operator_entry_t** entry,
                   RuntimeError* error) {
  if (!check_file(id, path, error)) return false;
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* text = dlerror();
    return explain_dlopen(id, path, text == nullptr ? "" : text, error);
  }
  const auto* found = static_cast<const dora_operator_entry_t*>(dlsym(library, "dora_operator_entry"));
  if (found == nullptr) {
    dlclose(library);
    return error->fail("OPERATOR_NO_ENTRY",
                       "operator " + quoted(id) + ": " + path + " exports no symbol dora_operator_entry",
                       "Define it as dora/operator.h shows, with DORA_OPERATOR_EXPORT in front; a library for dora's "
                       "own runtime needs a port.");
  }
  if (!check_operator_abi(id, path, *found, error)) {
    dlclose(library);
    return false;
  }
  *entry = found;
  return true;
}

}  // namespace dora
