/* Post while sockets leave and come back: with a closing handshake or without, resumed or anew.
 *
 * Three of four come back with the last sequence that they saw, so that a lost event is noticed;
 * the fourth begins with a snapshot each time.
 */
#include "loadgen.h"

static const double AWAY = 0.05; /* seconds at most */

static void leave(Conn *c) {
  if (c->state != OPEN) return;
  if (random64() % 2) say_goodbye(c);
  forget(c);
  if (c->may_miss) c->sequence = -1;
  counts.reconnects++;
  reopen_later(c);
}

void command_churn(double rate, double turns, double seconds) {
  warm_posters(opt.posters);
  begin_phase();
  opt.resume = reopening = true;
  for (int i = 0; i < n_sockets; i += 4) sockets[i].may_miss = true;
  int first = n_events;
  double cpu = own_cpu(), start = now(), next = start, turn = start, again = start, end = start + seconds;
  for (double t = start; t < end; t = now()) {
    post_what_is_due(t, rate, &next, end, start);
    for (; turn <= t; turn += pause_of_poisson(turns)) leave(&sockets[some_agent()]);
    if (again <= t) {
      sockets_again = 0;
      reopen_what_is_due(t, window);
      again = t + AWAY;
    }
    double soon = next < turn ? next : turn;
    step(soon < again ? soon : again);
  }
  sockets_again = 0;
  for (double until = now() + DRAIN_SECONDS; n_open < n_sockets && now() < until;) {
    reopen_what_is_due(now(), window);
    step(now() + 0.01);
  }
  report("churn", first, seconds, n_events - first, own_cpu() - cpu);
  reopening = false;
}
