// What a node and the broker of its machine say to each other over the unix socket: one packet a message.
//
// A packet starts with its type (u16) and the protocol version (u16); fields follow in the order of `fields()`,
// integers little endian and unaligned, strings with a u32 length in front. Descriptors that travel with a packet are
// listed at its structure. decode() accepts exactly what encode() writes: a short, long or oversized packet is refused,
// so a hostile peer can at most be disconnected.
//
// Life of a connection (N node, B broker):
//   N Hello (token) → B Welcome, Input…, Output…, SpecEnd → N Pool… (one for each output with `external`), Ready
//   B OpenOut → N OutOpened → B OpenIn          an edge; again for each late joiner or returned peer
//   B Start                                     every node of the dataflow is Ready and every edge between them is open
//   N GrantRequest ↔ B Grant                    memory beyond what is held
//   B CloseOut / CloseIn                        a peer is gone for good
//   N Waits … → B SendRejected                  a ring of nodes that wait for each other
//   N AddPart → B PartAdded                     one more consumer in the process: an inbox of its own
//   N MovePort → B MoveOut / MoveIn to peers    an input or output is another consumer's from now on
//   N OutputClosed, Corrupt, RequestStop, Bye;  B Stop
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/layout.h"
#include "core/status.h"

namespace dora::wire {

constexpr uint16_t kProtocolVersion = 3;
constexpr size_t kTokenSize = 32;

enum class Type : uint16_t {
  hello = 1,
  pool,
  ready,
  out_opened,
  grant_request,
  output_closed,
  corrupt,
  request_stop,
  bye,
  waits,
  add_part,
  move_port,  // node → broker
  refused = 64,
  welcome,
  input,
  output,
  spec_end,
  open_out,
  open_in,
  close_out,
  close_in,
  start,
  stop,
  grant,
  send_rejected,
  part_added,
  move_out,
  move_in,  // broker → node
};

/// N→B, first packet. The token names the node and opens only its own inputs and outputs; it works once.
struct Hello {
  static constexpr Type type = Type::hello;
  uint8_t token[kTokenSize] = {};
  template <class A>
  void fields(A& a) {
    a.bytes(token, sizeof token);
  }
};
/// B→N. Join refused; the connection ends.
struct Refused {
  static constexpr Type type = Type::refused;
  int32_t status = DORA_JOIN_REFUSED;
  std::string message, hint;
  template <class A>
  void fields(A& a) {
    a(status), a(message), a(hint);
  }
};
constexpr uint32_t kOutlives = 1;    ///< the node goes on when the broker dies (`dora up`); without it, it stops
constexpr uint32_t kBarrier = 2;     ///< a Start will follow; without it the node may go at once after SpecEnd
constexpr uint32_t kLockMemory = 4;  ///< keep all memory of the process in RAM (mlockall)
/// B→N. Descriptors: inbox memfd, doorbell eventfd, ledger memfd, pidfd of the broker.
struct Welcome {
  static constexpr Type type = Type::welcome;
  std::string node, dataflow;
  uint32_t flags = 0, restart_count = 0;
  uint32_t inputs = 0, outputs = 0;  ///< how many Input and Output packets follow
  uint64_t incarnation = 0;          ///< of this process, unique on this machine
  uint64_t granted = 0;              ///< bytes of shared memory that may be used without asking
  uint64_t grace_ns = 0;             ///< how long a node without daemon has before it ends itself
  template <class A>
  void fields(A& a) {
    a(node), a(dataflow), a(flags), a(restart_count), a(inputs), a(outputs), a(incarnation), a(granted), a(grace_ns);
  }
};
enum class InputKind : uint16_t { edge = 0, timer = 1, local = 2 };
/// B→N. Inputs arrive in order of their index. `local`: fed by an output of the same process (runtime node); no edge,
/// no bit.
struct Input {
  static constexpr Type type = Type::input;
  std::string id;
  std::string source;  ///< for people: "camera/image", "dora/timer/millis/100"; empty for local
  uint16_t kind = 0;
  uint16_t policy = 0;
  uint32_t queue_size = 10;
  uint32_t bit = 0;  ///< in the inbox; edges only
  uint32_t priority = 0;
  uint64_t period_ns = 0;     ///< timers only
  uint32_t local_output = 0;  ///< local only: index of the output
  uint64_t timeout_ns = 0;    ///< the input counts as closed after this long without a message; 0: never
  template <class A>
  void fields(A& a) {
    a(id), a(source), a(kind), a(policy), a(queue_size), a(bit), a(priority), a(period_ns), a(local_output),
        a(timeout_ns);
  }
};
/// B→N. Outputs arrive in order of their index.
struct Output {
  static constexpr Type type = Type::output;
  std::string id;
  uint32_t external = 1;  ///< 0: nobody outside the process can read it, so its pool is private memory
  uint32_t retain = 0;
  uint32_t max_slots = 1024;  ///< a multiple of 64
  uint64_t map_bytes = 0;     ///< the pool is mapped at this size at both ends, once
  template <class A>
  void fields(A& a) {
    a(id), a(external), a(retain), a(max_slots), a(map_bytes);
  }
};
struct SpecEnd {
  static constexpr Type type = Type::spec_end;
  template <class A>
  void fields(A&) {}
};
/// N→B. Descriptor: the pool's memfd, mapped by the node and sealed (SHRINK | FUTURE_WRITE).
struct Pool {
  static constexpr Type type = Type::pool;
  uint32_t output = 0;
  template <class A>
  void fields(A& a) {
    a(output);
  }
};
/// N→B. Everything is mapped; edges may be opened.
struct Ready {
  static constexpr Type type = Type::ready;
  int32_t lock_errno = 0;  ///< why memory could not be locked, where Welcome asked for it
  template <class A>
  void fields(A& a) {
    a(lock_errno);
  }
};
/// B→N, to the publisher. Descriptors: edge memfd, peer's inbox memfd, peer's doorbell, peer's pidfd.
struct OpenOut {
  static constexpr Type type = Type::open_out;
  uint64_t edge_id = 0, region_id = 0, peer_incarnation = 0;
  uint32_t output = 0;
  uint32_t is_return = 0;  ///< 1: the subscriber had this edge before: no retained messages
  EdgeConstants constants{};
  std::string peer;  ///< for people: "plot/image"
  template <class A>
  void fields(A& a) {
    a(edge_id), a(region_id), a(peer_incarnation), a(output), a(is_return);
    a.bytes(reinterpret_cast<uint8_t*>(&constants), sizeof constants);
    a(peer);
  }
};
/// N→B. The publisher has the region and whatever belonged into it; only now the subscriber gets it. status < 0:
/// refused.
struct OutOpened {
  static constexpr Type type = Type::out_opened;
  uint64_t edge_id = 0, region_id = 0;
  int32_t status = 0;
  template <class A>
  void fields(A& a) {
    a(edge_id), a(region_id), a(status);
  }
};
/// B→N, to the subscriber. Descriptors: edge memfd, pool memfd, publisher's doorbell, publisher's pidfd.
struct OpenIn {
  static constexpr Type type = Type::open_in;
  uint64_t edge_id = 0, region_id = 0, peer_incarnation = 0;
  uint32_t input = 0, max_slots = 0;
  uint64_t map_bytes = 0;
  EdgeConstants constants{};
  std::string peer;  ///< for people: "camera/image"
  template <class A>
  void fields(A& a) {
    a(edge_id), a(region_id), a(peer_incarnation), a(input), a(max_slots), a(map_bytes);
    a.bytes(reinterpret_cast<uint8_t*>(&constants), sizeof constants);
    a(peer);
  }
};
/// B→N, to the publisher: this subscriber will not come back.
struct CloseOut {
  static constexpr Type type = Type::close_out;
  uint64_t edge_id = 0;
  template <class A>
  void fields(A& a) {
    a(edge_id);
  }
};
/// B→N, to the subscriber: nothing new will come on this input. It closes when it has been read to its end.
struct CloseIn {
  static constexpr Type type = Type::close_in;
  uint32_t input = 0;
  uint32_t reason = 0;  ///< DORA_REASON_ENDED or DORA_REASON_CRASHED
  template <class A>
  void fields(A& a) {
    a(input), a(reason);
  }
};
struct Start {
  static constexpr Type type = Type::start;
  template <class A>
  void fields(A&) {}
};
struct Stop {
  static constexpr Type type = Type::stop;
  uint32_t reason = 0;
  int64_t grace_ns = 0;
  template <class A>
  void fields(A& a) {
    a(reason), a(grace_ns);
  }
};
/// N→B. More memory, please. Answered by Grant with the same number.
struct GrantRequest {
  static constexpr Type type = Type::grant_request;
  uint64_t number = 0, bytes = 0;
  template <class A>
  void fields(A& a) {
    a(number), a(bytes);
  }
};
/// B→N. granted == 0: refused; the figures say why.
struct Grant {
  static constexpr Type type = Type::grant;
  uint64_t number = 0, granted = 0;
  uint64_t node_used = 0, node_limit = 0, machine_used = 0, machine_limit = 0;
  template <class A>
  void fields(A& a) {
    a(number), a(granted), a(node_used), a(node_limit), a(machine_used), a(machine_limit);
  }
};
/// N→B. No more messages on this output.
struct OutputClosed {
  static constexpr Type type = Type::output_closed;
  uint32_t output = 0;
  template <class A>
  void fields(A& a) {
    a(output);
  }
};
/// N→B. A peer wrote something impossible into this edge; the edge is closed at this end.
struct Corrupt {
  static constexpr Type type = Type::corrupt;
  uint64_t edge_id = 0;
  std::string what;
  template <class A>
  void fields(A& a) {
    a(edge_id), a(what);
  }
};
/// N→B. Somebody in the dataflow wants all of it to stop.
struct RequestStop {
  static constexpr Type type = Type::request_stop;
  template <class A>
  void fields(A&) {}
};
/// N→B, last packet of a node that leaves in order: its outputs have ended, they did not crash.
struct Bye {
  static constexpr Type type = Type::bye;
  template <class A>
  void fields(A&) {}
};

/// N→B. A send of this node still waits for room; said again and again while it does. Where, and since when, stands in
/// its edges.
struct Waits {
  static constexpr Type type = Type::waits;
  template <class A>
  void fields(A&) {}
};
/// B→N. The send that waits on this output since then is part of a ring of nodes that wait for each other, and the
/// youngest of them: it shall fail, so that the others can go on.
struct SendRejected {
  static constexpr Type type = Type::send_rejected;
  uint32_t output = 0;
  uint64_t since_ns = 0;
  std::string ring;  ///< for people: `"a/out" -> "b/in"`, …
  template <class A>
  void fields(A& a) {
    a(output), a(since_ns), a(ring);
  }
};

// A process has one consumer, part 0, with the inbox of Welcome; parts are further ones, each for a thread that sleeps
// on its own. Numbers are given by the node, 1, 2, 3, …, and stay for its life.
constexpr uint32_t kMaxParts = 1024;
/// N→B. Answered by PartAdded.
struct AddPart {
  static constexpr Type type = Type::add_part;
  uint32_t part = 0;
  template <class A>
  void fields(A& a) {
    a(part);
  }
};
/// B→N. Descriptors, when status is 0: inbox memfd, doorbell eventfd.
struct PartAdded {
  static constexpr Type type = Type::part_added;
  uint32_t part = 0;
  int32_t status = 0;
  std::string message;
  template <class A>
  void fields(A& a) {
    a(part), a(status), a(message);
  }
};
/// N→B. Peers of this input or output shall ring this part from now on.
struct MovePort {
  static constexpr Type type = Type::move_port;
  uint32_t part = 0;
  uint32_t is_output = 0;
  uint32_t index = 0;
  template <class A>
  void fields(A& a) {
    a(part), a(is_output), a(index);
  }
};
/// B→N, to the publisher: the subscriber of this edge looks into another inbox now. Descriptors: its inbox memfd, its
/// doorbell. The publisher says at once that there is something, for it cannot know what was seen in the old one.
struct MoveOut {
  static constexpr Type type = Type::move_out;
  uint64_t edge_id = 0;
  template <class A>
  void fields(A& a) {
    a(edge_id);
  }
};
/// B→N, to the subscriber: who waits for room in this edge listens to another doorbell now. Descriptor: that doorbell.
struct MoveIn {
  static constexpr Type type = Type::move_in;
  uint64_t edge_id = 0;
  uint32_t input = 0;
  template <class A>
  void fields(A& a) {
    a(edge_id), a(input);
  }
};

// ---- coding ---------------------------------------------------------------------------------------------------------

class Writer {
 public:
  explicit Writer(std::vector<uint8_t>* out) : out_(out) {}
  template <class T>
  void operator()(const T& value) {
    bytes(reinterpret_cast<const uint8_t*>(&value), sizeof value);
  }
  void operator()(const std::string& text) {
    (*this)(static_cast<uint32_t>(text.size()));
    bytes(reinterpret_cast<const uint8_t*>(text.data()), text.size());
  }
  void bytes(const uint8_t* data, size_t size) { out_->insert(out_->end(), data, data + size); }

 private:
  std::vector<uint8_t>* out_;
};

class Reader {
 public:
  explicit Reader(std::span<const uint8_t> in) : in_(in) {}
  template <class T>
  void operator()(T& value) {
    bytes(reinterpret_cast<uint8_t*>(&value), sizeof value);
  }
  void operator()(std::string& text) {
    uint32_t size = 0;
    (*this)(size);
    if (!ok_ || size > in_.size()) {
      ok_ = false;
      return;
    }
    text.assign(reinterpret_cast<const char*>(in_.data()), size);
    in_ = in_.subspan(size);
  }
  void bytes(uint8_t* data, size_t size) {
    if (!ok_ || size > in_.size()) {
      ok_ = false;
      return;
    }
    for (size_t i = 0; i < size; i++) data[i] = in_[i];
    in_ = in_.subspan(size);
  }
  bool complete() const { return ok_ && in_.empty(); }

 private:
  std::span<const uint8_t> in_;
  bool ok_ = true;
};

template <class M>
std::vector<uint8_t> encode(const M& message) {
  std::vector<uint8_t> out;
  Writer writer(&out);
  writer(static_cast<uint16_t>(M::type));
  writer(kProtocolVersion);
  const_cast<M&>(message).fields(writer);
  return out;
}

/// Type and version of a packet; false when it is shorter than that.
inline bool peek(std::span<const uint8_t> packet, Type* type, uint16_t* version) {
  if (packet.size() < 4) return false;
  *type = static_cast<Type>(packet[0] | packet[1] << 8);
  *version = static_cast<uint16_t>(packet[2] | packet[3] << 8);
  return true;
}

/// False when the packet is not exactly one message of this type.
template <class M>
bool decode(std::span<const uint8_t> packet, M* out) {
  Type type;
  uint16_t version;
  if (!peek(packet, &type, &version) || type != M::type || version != kProtocolVersion) return false;
  Reader reader(packet.subspan(4));
  out->fields(reader);
  return reader.complete();
}

}  // namespace dora::wire
