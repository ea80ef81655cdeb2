/* Post while the server is killed and comes back; every socket resumes where it was. */
#include "loadgen.h"

/* Whether something that was asked for before `until` has not come, or was never answered. */
static int count_missing(int first, double until, bool answers_too) {
  int missing = 0;
  for (int i = first; i < n_events && events[i].intended < until; i++)
    missing += is_missing(&events[i]) || (answers_too && !events[i].acked);
  return missing;
}

void command_storm(double rate, double seconds) {
  warm_posters(opt.posters);
  begin_phase();
  opt.resume = storming = reopening = true;
  int first = n_events, missing = 1;
  double start = now(), next = start, end = start + seconds, limit = end + 60;
  double down = 0, back = 0, caught_up = 0;
  for (double check = 0; now() < limit;) {
    double t = now();
    post_what_is_due(t, rate, &next, end, start);
    reopen_what_is_due(t, window);
    step(t + 0.005 < next || next >= end ? t + 0.005 : next);
    if (!down && n_open < n_sockets) down = now();
    if (down && !back && n_open == n_sockets) back = now();
    if (back && !caught_up && now() > check) { /* all that was asked for before `back` has come */
      check = now() + 0.01;
      if (!count_missing(first, back, false)) caught_up = now();
    }
    if (next >= end && caught_up && !(missing = count_missing(first, limit, true))) break;
  }
  storming = reopening = false;
  answer("{\"phase\":\"storm\",\"posted\":%d,\"acked\":%llu,\"lost\":%d,\"doubled\":%llu,"
         "\"resent\":%llu,\"misdelivered\":%llu,\"open\":%d,\"down\":%.6f,\"back_seconds\":%.3f,"
         "\"caught_up_seconds\":%.3f}",
         n_events - first, (unsigned long long)counts.acked, missing,
         (unsigned long long)counts.doubled, (unsigned long long)counts.resent,
         (unsigned long long)counts.misdelivered, n_open, down, back ? back - down : -1,
         caught_up ? caught_up - down : -1);
}
