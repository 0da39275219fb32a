// The folder of the broker's socket: <runtime_folder>/dora-<uid>/<pid>-<random>/broker.sock.
//
// Both folders are 0700, whatever the umask, and are used only if they belong to us and are no symlinks, so that nobody
// else can reach or replace the socket. A file `lock` in the inner folder is held by flock while the broker lives: the
// kernel lets go of it with the process, so a free lock means that the folder is what a killed daemon left, and the
// next broker removes it. All this is done under a flock of the outer folder, so that no broker takes a folder that is
// just being made for a stale one. The destructor removes the inner folder, and the outer one when it is empty.
#pragma once

#include <string>

#include "core/fd.h"
#include "core/status.h"

namespace dora::broker {

class SocketFolder {
 public:
  SocketFolder() = default;
  SocketFolder(SocketFolder&& other) noexcept = default;
  SocketFolder& operator=(SocketFolder&& other) noexcept = default;
  SocketFolder(const SocketFolder&) = delete;
  SocketFolder& operator=(const SocketFolder&) = delete;
  ~SocketFolder();

  static Status create(const std::string& runtime_folder, SocketFolder* out, Error* error);

  /// Where to listen; the file does not exist yet.
  std::string socket_path() const { return path_ + "/broker.sock"; }

 private:
  Fd outer_;  ///< invalid: nothing to remove
  Fd lock_;
  std::string runtime_folder_, outer_name_, name_, path_;
};

}  // namespace dora::broker
