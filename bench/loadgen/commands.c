/* Do what the commands say, each a phase with figures of its own. */
#include "loadgen.h"

#include <sys/epoll.h>

int window = 200;

void warm_posters(int count) {
  open_posters(count);
  wait_until(now() + 0.2);
}

void command_connect(int count, int at_once) {
  make_sockets(count);
  forget_posted(count);
  begin_phase();
  double start = now(), until = start + 120;
  int begun = 0;
  while (n_open + counts.lost_sockets < count && now() < until) {
    while (begun < count && n_connecting < at_once) dial(&sockets[begun++]);
    step(now() + 0.1);
  }
  double seconds = now() - start;
  window = at_once;
  answer("{\"phase\":\"connect\",\"open\":%d,\"failed\":%d,\"seconds\":%.4f,\"rate\":%.1f}", n_open,
         counts.lost_sockets, seconds, n_open / seconds);
}

void command_open(double rate, double seconds, double warm) {
  warm_posters(opt.posters);
  begin_phase();
  int first = n_events;
  double cpu = own_cpu(), start = now(), next = start, end = start + warm + seconds;
  while (next < end) {
    post_what_is_due(now(), rate, &next, end, start + warm);
    step(next < end ? next : end);
  }
  report("open", first, warm + seconds, n_events - first, own_cpu() - cpu);
}

void command_sat(int count, double seconds, double warm) {
  warm_posters(count);
  begin_phase();
  int first = n_events;
  double cpu = own_cpu(), start = now();
  sat_counts = false;
  sat_until = start + warm + seconds;
  close_loop(count, start);
  wait_until(start + warm);
  uint64_t before = n_sockets ? counts.delivered : counts.acked;
  double from = now();
  sat_counts = true;
  wait_until(sat_until);
  double in_window = (double)((n_sockets ? counts.delivered : counts.acked) - before), length = now() - from;
  cpu = (own_cpu() - cpu) * length / (now() - start);
  report("sat", first, length, in_window, cpu);
}

void command_all(int times) {
  double lasts[64];
  int missing = 0;
  warm_posters(1);
  begin_phase();
  if (times > 64) times = 64;
  for (int i = 0; i < times; i++) {
    int event = new_event(-1, now(), false);
    enqueue(event);
    double until = now() + 10;
    while (events[event].delivered < (uint32_t)n_open && now() < until) step(until);
    missing += n_open - (int)events[event].delivered;
    lasts[i] = (counts.last_delivery - events[event].intended) * 1e3;
    wait_until(now() + 0.3);
  }
  printf("{\"phase\":\"all\",\"sockets\":%d,\"missing\":%d,\"failed\":%llu,\"last_ms\":[", n_open,
         missing, (unsigned long long)counts.failed);
  for (int i = 0; i < times; i++) printf("%s%.3f", i ? "," : "", lasts[i]);
  answer("]}");
}

void command_slow(int count) {
  for (int i = 0; i < count && i < n_sockets; i++) {
    sockets[i].may_miss = true;
    if (sockets[i].fd >= 0) watch(&sockets[i], 0, EPOLL_CTL_MOD);
  }
  answer("{\"phase\":\"slow\",\"sockets\":%d}", count);
}

void command_get(const char *path, int count, double seconds) {
  warm_posters(count);
  begin_phase();
  get_path = path;
  double start = now();
  sat_until = start + seconds;
  close_loop(count, start);
  wait_until(sat_until);
  double rate = (double)counts.counted / (now() - start);
  wait_until(now() + 0.5);
  get_path = NULL;
  answer("{\"phase\":\"get\",\"rate\":%.1f,\"failed\":%llu}", rate, (unsigned long long)counts.failed);
}
