/* Count what happens in one phase, wait for the last of it, and answer with figures. */
#include "loadgen.h"

#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

Counts counts;

static float *latencies; /* microseconds */
static int n_latencies, cap_latencies;

void answer(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  putchar('\n');
  fflush(stdout);
}

void begin_phase(void) {
  counts = (Counts){0};
  n_latencies = 0;
}

void add_latency(double seconds) {
  latencies = grow(latencies, &cap_latencies, n_latencies + 1, sizeof *latencies);
  latencies[n_latencies++] = (float)(seconds * 1e6);
}

static int by_size(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

static float percentile(double part) { /* nearest rank, of what is sorted */
  return n_latencies ? latencies[(size_t)(part * (double)(n_latencies - 1) + 0.5)] : 0;
}

double own_cpu(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void wait_until(double until) {
  while (now() < until) step(until);
}

bool is_missing(const Event *e) {
  return e->agent >= 0 && !e->delivered && n_sockets && !sockets[e->agent % n_sockets].may_miss;
}

/* Wait until all that was posted since `first` came, at most DRAIN_SECONDS. Gives the lost. */
static int drain(int first) {
  double until = now() + DRAIN_SECONDS;
  for (;;) {
    int lost = 0, unanswered = 0;
    for (int i = first; i < n_events; i++) {
      lost += is_missing(&events[i]);
      unanswered += !events[i].acked;
    }
    if ((!lost && !unanswered) || now() > until || get_path) return lost;
    wait_until(now() + 0.02);
  }
}

void report(const char *phase, int first, double seconds, double in_window, double cpu) {
  int lost = drain(first);
  qsort(latencies, (size_t)n_latencies, sizeof *latencies, by_size);
  answer("{\"phase\":\"%s\",\"posted\":%d,\"acked\":%llu,\"seconds\":%.4f,\"rate\":%.1f,"
         "\"lost\":%d,\"doubled\":%llu,\"resent\":%llu,\"misdelivered\":%llu,\"failed\":%llu,"
         "\"lost_sockets\":%d,\"reconnects\":%llu,\"open\":%d,"
         "\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"max\":%.1f,\"load_cpu\":%.3f}",
         phase, n_events - first, (unsigned long long)counts.acked, seconds, in_window / seconds,
         lost, (unsigned long long)counts.doubled, (unsigned long long)counts.resent,
         (unsigned long long)counts.misdelivered, (unsigned long long)counts.failed,
         counts.lost_sockets, (unsigned long long)counts.reconnects, n_open, percentile(.5),
         percentile(.9), percentile(.99), percentile(1), cpu / seconds);
}
