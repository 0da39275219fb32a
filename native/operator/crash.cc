// The signal handler and its table. See crash.h.
#include "operator/crash.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <mutex>

#include "node/fault.h"
#include "operator/instance.h"
#include "operator/log.h"

namespace dora {
namespace {

constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT};
constexpr size_t kSignalCount = sizeof kSignals / sizeof kSignals[0];
constexpr size_t kThreads = 256;
constexpr size_t kStackSize = 64 * 1024;

CrashRecord g_records[kThreads];
struct sigaction g_before[kSignalCount];
thread_local CrashRecord* t_record = nullptr;

int32_t thread_id() { return static_cast<int32_t>(syscall(SYS_gettid)); }

/// Text for write(): no allocation, no stdio. What does not fit is cut.
class Line {
 public:
  Line& text(const char* s) {
    while (*s != '\0' && size_ < sizeof buffer_) buffer_[size_++] = *s++;
    return *this;
  }
  Line& number(uint64_t value, unsigned base) {
    char digits[20];
    size_t n = 0;
    do digits[n++] = "0123456789abcdef"[value % base];
    while ((value /= base) != 0);
    while (n > 0 && size_ < sizeof buffer_) buffer_[size_++] = digits[--n];
    return *this;
  }
  void write_out() const {
    if (write(STDERR_FILENO, buffer_, size_) < 0) return;  // nobody is left to tell
  }

 private:
  char buffer_[1024];
  size_t size_ = 0;
};

const char* signal_text(int signal) {
  switch (signal) {
    case SIGSEGV: return "SIGSEGV (invalid memory access)";
    case SIGBUS: return "SIGBUS (memory that is not there)";
    case SIGFPE: return "SIGFPE (arithmetic error)";
    case SIGILL: return "SIGILL (illegal instruction)";
    case SIGTRAP: return "SIGTRAP (trap)";  // what a failed check of the compiler or __builtin_trap() is on ARM
    default: return "SIGABRT (abort)";
  }
}

void explain(const CrashRecord& record, int signal, const siginfo_t* info) {
  const dora_operator_event_t* event = record.event;
  Line line;
  line.text("error ")
      .text("OPERATOR_CRASHED")
      .text(" operator \"")
      .text(record.op->id)
      .text("\" crashed with ")
      .text(signal_text(signal));
  if (signal != SIGABRT && info->si_code > 0) {
    line.text(" at address 0x").number(reinterpret_cast<uint64_t>(info->si_addr), 16);
  }
  if (event == nullptr) {
    line.text(" in ").text(record.doing);
  } else {
    line.text(" while it handled ").text(event_words(event->type));
    if (event->input_id[0] != '\0') line.text(" \"").text(event->input_id).text("\"");
    if (event->type == DORA_EVENT_INPUT) line.text(", sequence ").number(event->sequence, 10);
  }
  char region[192];
  if (signal == SIGSEGV && info->si_code > 0 && describe_fault(info->si_addr, region, sizeof region)) {
    line.text("\n  hint: that is the memory of ")
        .text(region)
        .text(", received and read-only; copy the payload before changing it\n");
  } else {
    line.text("\n  hint: it takes its whole runtime node down; debug it there, or give it a runtime node of its own\n");
  }
  line.write_out();
}

size_t index_of(int signal) {
  for (size_t i = 0; i < kSignalCount; i++) {
    if (kSignals[i] == signal) return i;
  }
  return 0;
}

/// Gives the signal to whom it would have gone without us. A fault that is returned from happens again; a signal that
/// was sent must be sent again.
void pass_on(int signal, siginfo_t* info, void* context, bool ours) {
  const struct sigaction& before = g_before[index_of(signal)];
  const bool handled =
      (before.sa_flags & SA_SIGINFO) != 0 || (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN);
  if (!ours && handled) {
    // Not a worker's: such a handler may repair the fault (V8 does so for WebAssembly), and we stay for the next one.
    if ((before.sa_flags & SA_SIGINFO) != 0)
      before.sa_sigaction(signal, info, context);
    else
      before.sa_handler(signal);
    return;
  }
  sigaction(signal, &before, nullptr);
  if (info->si_code <= 0) syscall(SYS_tgkill, getpid(), thread_id(), signal);
}

void on_signal(int signal, siginfo_t* info, void* context) {
  const int32_t self = thread_id();
  bool ours = false;
  for (const CrashRecord& record : g_records) {
    if (record.thread.load(std::memory_order_relaxed) != self) continue;
    ours = record.op != nullptr;
    if (ours) explain(record, signal, info);
    break;
  }
  pass_on(signal, info, context, ours);
}

void install() {
  struct sigaction action{};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < kSignalCount; i++) sigaction(kSignals[i], &action, &g_before[i]);
}

}  // namespace

CrashScope::CrashScope() : record_(&unlisted_) {
  static std::once_flag installed;
  std::call_once(installed, install);
  for (CrashRecord& record : g_records) {
    int32_t free = 0;
    // SYNC: crash-record. Claims the record; acquire pairs with the release by which its last thread left it.
    if (!record.thread.compare_exchange_strong(free, thread_id(), std::memory_order_acquire)) continue;
    record_ = &record;
    break;
  }
  t_record = record_;
  stack_t before{};
  sigaltstack(nullptr, &before);
  if ((before.ss_flags & SS_DISABLE) == 0) return;  // somebody gave this thread one (sanitizers do)
  stack_ = std::make_unique<uint8_t[]>(kStackSize);
  stack_t stack{};
  stack.ss_sp = stack_.get();
  stack.ss_size = kStackSize;
  sigaltstack(&stack, nullptr);
}

CrashScope::~CrashScope() {
  if (stack_ != nullptr) {
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    sigaltstack(&none, nullptr);
  }
  t_record = nullptr;
  record_->op = nullptr;
  record_->thread.store(0, std::memory_order_release);  // SYNC: crash-record
}

const Operator* CrashScope::current() { return t_record == nullptr ? nullptr : t_record->op; }

}  // namespace dora
