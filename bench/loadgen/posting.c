/* Be the source: make events, post each on a free connection, read the answers (RFC 9112). */
#include "loadgen.h"

#include <stdlib.h>
#include <string.h>

Event *events;
int n_events;
double sat_until;
bool sat_counts;
const char *get_path;

static int cap_events;
static int free_posters[POSTERS], n_free;
static int *queue, queue_head, queue_tail, cap_queue; /* events that wait for a free connection */
static uint32_t *numbers;                             /* events posted per agent */

int some_agent(void) { return n_sockets ? (int)(random64() % (uint64_t)n_sockets) : 0; }

void forget_posted(int agents) {
  free(numbers);
  numbers = calloc((size_t)agents + 1, sizeof *numbers);
}

int new_event(int agent, double intended, bool counts_latency) {
  events = grow(events, &cap_events, n_events + 1, sizeof *events);
  uint32_t number = agent < 0 ? 0 : numbers[agent]++;
  events[n_events] = (Event){.intended = intended, .agent = agent, .number = number, .counts = counts_latency};
  return n_events++;
}

static void post(Conn *c, int index) {
  char request[REQUEST], body[REQUEST / 2], path[1024];
  Event *e = &events[index];
  c->event = index;
  if (get_path) {
    int size = sprintf(request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", get_path, opt.port);
    send_all(c, request, (size_t)size);
    return;
  }
  size_t length = render(body, opt.body, e, index, "");
  render(path, e->agent < 0 ? opt.all_path : opt.post_path, e, index, "");
  int head = sprintf(request, "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: %zu\r\n%s\r\n",
                     path, opt.port, length, opt.post_headers);
  memcpy(request + head, body, length);
  send_all(c, request, (size_t)head + length);
}

void enqueue(int event) {
  if (n_free) { post(&posters[free_posters[--n_free]], event); return; }
  if (queue_tail == cap_queue) queue = grow(queue, &cap_queue, queue_tail + 1, sizeof *queue);
  queue[queue_tail++] = event;
}

static void put_back(int event) { /* the server did not answer: the source sends it again */
  queue_head--;
  if (queue_head < 0) { /* make room in front */
    int waiting = queue_tail;
    queue = grow(queue, &cap_queue, waiting + 4097, sizeof *queue);
    memmove(queue + 4096, queue, (size_t)waiting * sizeof *queue);
    queue_head = 4095;
    queue_tail = waiting + 4096;
  }
  queue[queue_head] = event;
}

void post_what_is_due(double t, double rate, double *next, double end, double count_from) {
  while (*next <= t && *next < end) {
    enqueue(new_event(some_agent(), *next, *next >= count_from));
    *next += pause_of_poisson(rate);
  }
}

void lost_poster(Conn *c) {
  int event = c->event;
  forget(c);
  c->event = -1;
  c->again = now() + 0.02;
  if (event < 0) { /* it was idle: nobody may take it now */
    for (int i = 0; i < n_free; i++)
      if (free_posters[i] == c - posters) { free_posters[i] = free_posters[--n_free]; break; }
    return;
  }
  if (storming) put_back(event);
  else counts.failed++;
}

void is_free(Conn *c, double at) {
  c->event = -1;
  if (at < sat_until) {
    post(c, new_event(some_agent(), at, sat_counts));
  } else if (queue_head < queue_tail) {
    int next = queue[queue_head++];
    if (queue_head == queue_tail) queue_head = queue_tail = 0;
    post(c, next);
  } else {
    free_posters[n_free++] = (int)(c - posters);
  }
}

/* Give the size of the answer at the start of `bytes`, 0 where it is not whole. */
static size_t whole_answer(const char *bytes, size_t size) {
  const char *end = memmem(bytes, size, "\r\n\r\n", 4);
  if (!end) return 0;
  size_t total = (size_t)(end - bytes) + 4;
  const char *length = strcasestr(bytes, "content-length:");
  if (length && length < end) {
    total += (size_t)atoi(length + 15);
  } else if (memcmp(bytes + 9, "204", 3)) {
    const char *last = memmem(bytes + total, size - total, "0\r\n\r\n", 5);
    if (!last) return 0;
    total = (size_t)(last - bytes) + 5;
  }
  return size < total ? 0 : total;
}

ssize_t read_poster(Conn *c, const char *bytes, size_t size, double at) {
  size_t total = whole_answer(bytes, size);
  if (!total) return 0;
  int event = c->event;
  if (bytes[9] != '2') {
    if (storming) { /* 503: the source sends it again */
      c->event = -1;
      put_back(event);
    }
    if (!counts.failed++) fprintf(stderr, "loadgen: %.*s\n", (int)(total < 600 ? total : 600), bytes);
  } else if (get_path) {
    counts.counted++;
  } else if (event >= 0) {
    if (!events[event].acked) counts.acked++;
    events[event].acked = true;
  }
  is_free(c, at);
  return (ssize_t)total;
}

void open_posters(int count) {
  for (int i = 0; i < count; i++) {
    if (posters[i].state != CLOSED) continue;
    posters[i].event = -1;
    dial(&posters[i]);
  }
}

/* Set K connections going, each with the next request when it has its answer. */
void close_loop(int count, double start) {
  n_free = 0;
  for (int i = count; i < POSTERS; i++)
    if (posters[i].state == OPEN) free_posters[n_free++] = i;
  for (int i = 0; i < count; i++)
    if (posters[i].state == OPEN) is_free(&posters[i], start);
}
