/* Generate load on a push server: the sockets of all agents and the posting source in one process,
 * one thread and one monotonic clock, so that a latency is one subtraction.
 *
 * Commands come as lines on stdin; each is answered by one line of JSON on stdout:
 *
 *   connect N W             open N websockets, W handshakes at a time
 *   open RATE SECONDS WARM  post in Poisson intervals; latency counts from the intended send time
 *   sat K SECONDS WARM      post on K connections, each when its last answer came
 *   all TIMES               post one event to everybody, TIMES times; time to the last socket
 *   storm RATE SECONDS      post while the server is killed and comes back; sockets resume
 *   slow M                  the first M sockets stop reading
 *   get PATH K SECONDS      GET on K connections (pages, headers)
 *
 * Every event carries a mark; at the end of each phase it is known which were lost, came twice or
 * came to another agent. `bench/README.md` explains the figures.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { READ_SIZE = 1 << 20, POSTERS = 1024, REQUEST = 1 << 14, DRAIN_SECONDS = 5 };
enum Kind { STDIN, SOCKET, POSTER };
enum State { CLOSED, CONNECTING, HANDSHAKE, GREETED, OPEN };
enum Ready { ON_101, ON_SNAPSHOT, ON_SOCKETIO };

typedef struct {
  enum Kind kind;
  enum State state;
  int fd, agent;         /* agent: the number of the agent whose socket it is */
  int event;             /* poster: index of the event in flight, -1: idle */
  bool slow;
  int64_t sequence;      /* socket: the last sequence seen, for a resume; -1: none yet */
  double again;          /* poster: when to connect again */
  char *kept;            /* bytes of an unfinished frame or answer */
  size_t kept_size;
} Conn;

typedef struct {
  double intended;
  int agent;             /* -1: for everybody */
  uint32_t number;       /* of the agent's events: gives contact and stage */
  uint32_t delivered;
  bool acked, counts;
} Event;

static struct {
  int port, post_port, posters;
  enum Ready ready;
  bool resume, wallboard;
  const char *ws_path, *ws_headers, *post_path, *post_headers, *all_path, *body, *run, *prefix;
} opt = {.posters = 64, .ws_headers = "", .post_headers = "", .run = "0", .prefix = "a"};

static int ep;
static Conn in, *sockets, posters[POSTERS];
static int n_sockets, n_open, n_connecting, n_lost_sockets, *reopen, n_reopen, window = 200;
static int free_posters[POSTERS], n_free;
static Event *events;
static int n_events, cap_events;
static int *queue, queue_head, queue_tail, cap_queue; /* events that wait for a free connection */
static uint32_t *numbers;                             /* events posted per agent */
static float *latencies;
static size_t n_latencies, cap_latencies;
static uint64_t acked, delivered, counted, doubled, resent, misdelivered, failed;
static double sockets_again, last_delivery;
static bool storm, getting;
static const char *get_path;
static char buffer[READ_SIZE];
static uint64_t random_state = 88172645463325252ull;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint64_t random64(void) { /* xorshift64 */
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

static double uniform(void) { return (double)((random64() >> 11) + 1) / 9007199254740993.0; }

static void *grow(void *array, int *capacity, int needed, size_t size) {
  if (needed <= *capacity) return array;
  *capacity = needed * 2 + 1024;
  array = realloc(array, (size_t)*capacity * size);
  if (!array) { perror("realloc"); exit(1); }
  return array;
}

static void answer(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  putchar('\n');
  fflush(stdout);
}

/* --- connections -------------------------------------------------------------------------- */

static void watch(Conn *c, uint32_t what, int how) {
  struct epoll_event e = {.events = what, .data.ptr = c};
  epoll_ctl(ep, how, c->fd, &e);
}

static void forget(Conn *c) {
  struct linger at_once = {1, 0}; /* an RST leaves no TIME_WAIT, of which we would make too many */
  setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(c->fd);
  c->fd = -1;
  free(c->kept);
  c->kept = NULL;
  c->kept_size = 0;
  if (c->state == OPEN && c->kind == SOCKET) n_open--;
  if (c->state != OPEN && c->state != CLOSED && c->kind == SOCKET) n_connecting--;
  c->state = CLOSED;
}

static void refused(Conn *c, int error);

static void dial(Conn *c) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)(c->kind == POSTER ? opt.post_port : opt.port))};
  int yes = 1;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (c->fd < 0) { perror("socket"); exit(1); }
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  c->state = CONNECTING;
  if (c->kind == SOCKET) n_connecting++;
  if (connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS) {
    refused(c, errno);
    return;
  }
  watch(c, EPOLLOUT, EPOLL_CTL_ADD);
}

static void send_all(Conn *c, const char *bytes, size_t size) {
  if (send(c->fd, bytes, size, MSG_NOSIGNAL) != (ssize_t)size && !storm) failed++;
}

/* Replace {agent}, {mark}, {contact}, {stage}, {time}, {run} and {after} in a template. */
static size_t render(char *out, const char *template, const Event *e, int mark, const char *after) {
  static const char *stages[] = {"offered", "answered", "updated", "ended"};
  char *o = out;
  for (const char *t = template; *t;) {
    if (*t != '{') { *o++ = *t++; continue; }
    if (!strncmp(t, "{agent}", 7)) {
      o += e->agent < 0 ? sprintf(o, "everybody") : sprintf(o, "%s%05d", opt.prefix, e->agent);
      t += 7;
    } else if (!strncmp(t, "{mark}", 6)) {
      o += sprintf(o, "~m%010d~", mark);
      t += 6;
    } else if (!strncmp(t, "{contact}", 9)) {
      o += sprintf(o, "c-%s-%s%05d-%u", opt.run, opt.prefix, e->agent, e->number / 4);
      t += 9;
    } else if (!strncmp(t, "{stage}", 7)) {
      o += sprintf(o, "%s", stages[e->number % 4]);
      t += 7;
    } else if (!strncmp(t, "{time}", 6)) {
      struct timespec wall;
      struct tm utc;
      clock_gettime(CLOCK_REALTIME, &wall);
      gmtime_r(&wall.tv_sec, &utc);
      o += strftime(o, 32, "%Y-%m-%dT%H:%M:%S", &utc);
      o += sprintf(o, ".%06ldZ", wall.tv_nsec / 1000);
      t += 6;
    } else if (!strncmp(t, "{run}", 5)) {
      o += sprintf(o, "%s", opt.run);
      t += 5;
    } else if (!strncmp(t, "{after}", 7)) {
      o += sprintf(o, "%s", after);
      t += 7;
    } else {
      *o++ = *t++;
    }
  }
  *o = 0;
  return (size_t)(o - out);
}

/* --- websockets --------------------------------------------------------------------------- */

static void start_handshake(Conn *c) {
  char request[REQUEST], path[1024], after[64] = "";
  Event whose = {.agent = opt.wallboard ? -1 : c->agent};
  if (opt.resume && c->sequence >= 0) sprintf(after, "&after=%lld", (long long)c->sequence);
  render(path, opt.ws_path, &whose, 0, after);
  int size = sprintf(request,
                     "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
                     path, opt.port, opt.ws_headers);
  c->state = HANDSHAKE;
  watch(c, EPOLLIN, EPOLL_CTL_MOD);
  send_all(c, request, (size_t)size);
}

static void is_ready(Conn *c) {
  if (c->state == OPEN) return;
  c->state = OPEN;
  n_connecting--;
  n_open++;
}

static void lost_socket(Conn *c) {
  bool was_open = c->state == OPEN;
  forget(c);
  if (storm) {
    if (!was_open) sockets_again = now() + 0.02; /* refused: the server is not back yet */
    reopen[n_reopen++] = (int)(c - sockets);
  } else {
    n_lost_sockets++;
  }
}

static void frame(Conn *c, int opcode, const char *payload, size_t size) {
  char bytes[140];
  bytes[0] = (char)(0x80 | opcode);
  bytes[1] = (char)(0x80 | size); /* masked with a key of zeros: the payload stays as it is */
  memset(bytes + 2, 0, 4);
  memcpy(bytes + 6, payload, size);
  send_all(c, bytes, size + 6);
}

static void delivery(Conn *c, int mark, double at) {
  if (mark < 0 || mark >= n_events) { misdelivered++; return; }
  Event *e = &events[mark];
  if (e->agent >= 0 && e->agent != c->agent && !opt.wallboard) { misdelivered++; return; }
  e->delivered++;
  if (e->agent >= 0 && e->delivered > 1) { doubled++; return; }
  last_delivery = at;
  if (e->agent >= 0) delivered++;
  if (e->counts) {
    int capacity = (int)cap_latencies;
    latencies = grow(latencies, &capacity, (int)n_latencies + 1, sizeof *latencies);
    cap_latencies = (size_t)capacity;
    latencies[n_latencies++] = (float)((at - e->intended) * 1e6);
  }
}

static void message(Conn *c, const char *text, size_t size, double at) {
  size_t head = size < 400 ? size : 400;
  if (opt.ready == ON_SOCKETIO) {
    if (size && text[0] == '2') frame(c, 1, "3", 1);  /* Engine.IO's ping */
    if (size && text[0] == '0') frame(c, 1, "40", 2); /* opened: connect to the namespace */
    if (size > 1 && text[0] == '4' && text[1] == '0') is_ready(c);
  }
  if (opt.ready == ON_SNAPSHOT) {
    const char *s = memmem(text, head, "\"sequence\":\"", 12);
    int64_t sequence = s ? strtoll(s + 12, NULL, 10) : -1;
    if (memmem(text, head, "screenpop.snapshot", 18)) {
      c->sequence = sequence;
      is_ready(c);
      return;
    }
    if (sequence >= 0 && sequence <= c->sequence) { resent++; return; }
    if (sequence >= 0) c->sequence = sequence;
  }
  for (const char *end = text + size, *m = text; (m = memchr(m, '~', (size_t)(end - m)));) {
    m++;
    if (end - m >= 12 && m[0] == 'm' && m[11] == '~') {
      delivery(c, atoi(m + 1), at);
      return;
    }
  }
}

/* Take whole frames from the bytes; give how many bytes were taken, or -1: closed. */
static ssize_t frames(Conn *c, const char *bytes, size_t size, double at) {
  size_t taken = 0;
  while (size - taken >= 2) {
    const uint8_t *p = (const uint8_t *)bytes + taken;
    uint64_t length = p[1] & 127;
    size_t header = 2;
    if (length == 126) {
      header = 4;
      if (size - taken < header) break;
      length = (uint64_t)p[2] << 8 | p[3];
    } else if (length == 127) {
      header = 10;
      if (size - taken < header) break;
      length = 0;
      for (int i = 2; i < 10; i++) length = length << 8 | p[i];
    }
    if (size - taken < header + length) break;
    int opcode = p[0] & 15;
    const char *payload = (const char *)p + header;
    if (opcode == 1 || opcode == 2) message(c, payload, length, at);
    if (opcode == 9) frame(c, 10, payload, length);
    if (opcode == 8) return -1;
    taken += header + length;
  }
  return (ssize_t)taken;
}

static ssize_t read_socket(Conn *c, const char *bytes, size_t size, double at) {
  size_t head = 0;
  if (c->state == HANDSHAKE) {
    const char *end = memmem(bytes, size, "\r\n\r\n", 4);
    if (!end) return 0;
    if (memcmp(bytes, "HTTP/1.1 101", 12) ||
        !memmem(bytes, (size_t)(end - bytes), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", 28)) {
      failed++;
      return -1;
    }
    head = (size_t)(end - bytes) + 4;
    c->state = GREETED;
    if (opt.ready == ON_101 || (opt.ready == ON_SNAPSHOT && opt.resume && c->sequence >= 0)) is_ready(c);
  }
  ssize_t taken = frames(c, bytes + head, size - head, at);
  return taken < 0 ? -1 : taken + (ssize_t)head;
}

/* --- posting ------------------------------------------------------------------------------ */

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

static void lost_poster(Conn *c) {
  int event = c->event;
  forget(c);
  c->event = -1;
  c->again = now() + 0.02;
  if (event < 0) { /* it was idle: nobody may take it now */
    for (int i = 0; i < n_free; i++)
      if (free_posters[i] == c - posters) { free_posters[i] = free_posters[--n_free]; break; }
    return;
  }
  if (storm) put_back(event);
  else failed++;
}

static void post(Conn *c, int index) {
  char request[REQUEST], body[REQUEST / 2], path[1024];
  Event *e = &events[index];
  c->event = index;
  if (getting) {
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

static int new_event(int agent, double intended, bool counts) {
  events = grow(events, &cap_events, n_events + 1, sizeof *events);
  uint32_t number = agent < 0 ? 0 : numbers[agent]++;
  events[n_events] = (Event){.intended = intended, .agent = agent, .number = number, .counts = counts};
  return n_events++;
}

static void enqueue(int event) {
  if (n_free) { post(&posters[free_posters[--n_free]], event); return; }
  if (queue_tail == cap_queue) queue = grow(queue, &cap_queue, queue_tail + 1, sizeof *queue);
  queue[queue_tail++] = event;
}

static int some_agent(void) { return n_sockets ? (int)(random64() % (uint64_t)n_sockets) : 0; }

static double sat_until; /* a closed loop runs until then */
static bool sat_counts;

static void is_free(Conn *c, double at) {
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

static ssize_t read_poster(Conn *c, const char *bytes, size_t size, double at) {
  const char *end = memmem(bytes, size, "\r\n\r\n", 4);
  if (!end) return 0;
  size_t head = (size_t)(end - bytes) + 4, total = head;
  const char *length = strcasestr(bytes, "content-length:");
  if (length && length < end) {
    total += (size_t)atoi(length + 15);
  } else if (memcmp(bytes + 9, "204", 3)) {
    const char *last = memmem(bytes + head, size - head, "0\r\n\r\n", 5);
    if (!last) return 0;
    total = (size_t)(last - bytes) + 5;
  }
  if (size < total) return 0;
  int event = c->event;
  if (bytes[9] != '2') {
    if (storm) { /* 503: the source sends it again */
      c->event = -1;
      put_back(event);
    }
    if (!failed++) fprintf(stderr, "loadgen: %.*s\n", (int)(total < 600 ? total : 600), bytes);
  } else if (event >= 0 && !getting) {
    if (!events[event].acked) acked++;
    events[event].acked = true;
  } else if (getting) {
    counted++;
  }
  is_free(c, at);
  return (ssize_t)total;
}

static void open_posters(int count) {
  for (int i = 0; i < count; i++) {
    if (posters[i].state != CLOSED) continue;
    posters[i].event = -1;
    dial(&posters[i]);
  }
}

/* --- the loop ----------------------------------------------------------------------------- */

static void refused(Conn *c, int error) {
  if (!storm && !failed++) fprintf(stderr, "loadgen: connect: %s\n", strerror(error));
  if (c->kind == SOCKET) lost_socket(c);
  else lost_poster(c);
}

static void ready_to_write(Conn *c) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error) {
    refused(c, error);
  } else if (c->kind == SOCKET) {
    start_handshake(c);
  } else {
    watch(c, EPOLLIN, EPOLL_CTL_MOD);
    c->state = OPEN;
    is_free(c, now());
  }
}

static void ready_to_read(Conn *c) {
  size_t kept = c->kept_size;
  if (kept >= READ_SIZE) { failed++; return; }
  if (kept) memcpy(buffer, c->kept, kept);
  ssize_t got = read(c->fd, buffer + kept, READ_SIZE - kept - 1);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) {
    if (c->kind == SOCKET) lost_socket(c);
    else lost_poster(c);
    return;
  }
  size_t size = kept + (size_t)got;
  buffer[size] = 0;
  double at = now();
  ssize_t taken = c->kind == SOCKET ? read_socket(c, buffer, size, at) : read_poster(c, buffer, size, at);
  if (taken < 0) { lost_socket(c); return; }
  size_t left = size - (size_t)taken;
  if (left != c->kept_size) c->kept = realloc(c->kept, left ? left : 1);
  if (left) memcpy(c->kept, buffer + taken, left);
  c->kept_size = left;
}

static bool said; /* stdin has a command */

static void step(double until) {
  static struct epoll_event ready[512];
  double rest = until - now();
  if (rest < 0) rest = 0;
  struct timespec wait = {(time_t)rest, (long)((rest - floor(rest)) * 1e9)};
  int count = epoll_pwait2(ep, ready, 512, &wait, NULL);
  for (int i = 0; i < count; i++) {
    Conn *c = ready[i].data.ptr;
    if (c->kind == STDIN) said = true;
    else if (c->state == CLOSED) continue;
    else if (c->state == CONNECTING) ready_to_write(c);
    else ready_to_read(c);
  }
}

static void begin_phase(void) {
  acked = delivered = counted = doubled = resent = misdelivered = failed = 0;
  n_latencies = 0;
  n_lost_sockets = 0;
}

static int by_size(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

static float percentile(double part) {
  if (!n_latencies) return 0;
  size_t at = (size_t)(part * (double)(n_latencies - 1) + 0.5);
  return latencies[at];
}

static double own_cpu(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static bool is_missing(const Event *e) {
  return e->agent >= 0 && !e->delivered && n_sockets && !sockets[e->agent % n_sockets].slow;
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
    if ((!lost && !unanswered) || now() > until || getting) return lost;
    double pause = now() + 0.02;
    while (now() < pause) step(pause);
  }
}

static void report(const char *phase, int first, double seconds, double in_window, double cpu) {
  int lost = drain(first);
  qsort(latencies, n_latencies, sizeof *latencies, by_size);
  answer("{\"phase\":\"%s\",\"posted\":%d,\"acked\":%llu,\"seconds\":%.4f,\"rate\":%.1f,"
         "\"lost\":%d,\"doubled\":%llu,\"resent\":%llu,\"misdelivered\":%llu,\"failed\":%llu,"
         "\"lost_sockets\":%d,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"max\":%.1f,\"load_cpu\":%.3f}",
         phase, n_events - first, (unsigned long long)acked, seconds, in_window / seconds, lost,
         (unsigned long long)doubled, (unsigned long long)resent, (unsigned long long)misdelivered,
         (unsigned long long)failed, n_lost_sockets, percentile(.5), percentile(.9),
         percentile(.99), percentile(1), cpu / seconds);
}

/* --- commands ----------------------------------------------------------------------------- */

static void command_connect(int count, int at_once) {
  sockets = calloc((size_t)count + 1, sizeof *sockets);
  reopen = calloc((size_t)count + 1, sizeof *reopen);
  free(numbers);
  numbers = calloc((size_t)count + 1, sizeof *numbers);
  n_sockets = count;
  begin_phase();
  double start = now(), until = start + 120;
  int begun = 0;
  while (n_open + n_lost_sockets < count && now() < until) {
    while (begun < count && n_connecting < at_once) {
      sockets[begun] = (Conn){.kind = SOCKET, .agent = begun, .event = -1, .sequence = -1};
      dial(&sockets[begun++]);
    }
    step(now() + 0.1);
  }
  double seconds = now() - start;
  window = at_once;
  answer("{\"phase\":\"connect\",\"open\":%d,\"failed\":%d,\"seconds\":%.4f,\"rate\":%.1f}", n_open,
         n_lost_sockets, seconds, n_open / seconds);
}

static void warm_posters(int count) {
  open_posters(count);
  double pause = now() + 0.2;
  while (now() < pause) step(pause);
}

static void command_open(double rate, double seconds, double warm) {
  warm_posters(opt.posters);
  begin_phase();
  int first = n_events;
  double cpu = own_cpu(), start = now(), next = start, count_from = start + warm;
  double end = start + warm + seconds;
  while (next < end) {
    double t = now();
    while (next <= t && next < end) {
      enqueue(new_event(some_agent(), next, next >= count_from));
      next += -log(uniform()) / rate;
    }
    step(next < end ? next : end);
  }
  cpu = own_cpu() - cpu;
  report("open", first, warm + seconds, n_events - first, cpu);
}

/* Set K connections going, each with the next request when it has its answer. */
static void close_loop(int count, double start) {
  n_free = 0;
  for (int i = count; i < POSTERS; i++)
    if (posters[i].state == OPEN) free_posters[n_free++] = i;
  for (int i = 0; i < count; i++)
    if (posters[i].state == OPEN) is_free(&posters[i], start);
}

static void command_sat(int count, double seconds, double warm) {
  warm_posters(count);
  begin_phase();
  int first = n_events;
  double cpu = own_cpu(), start = now();
  sat_counts = false;
  sat_until = start + warm + seconds;
  close_loop(count, start);
  while (now() < start + warm) step(start + warm);
  uint64_t before = n_sockets ? delivered : acked;
  double from = now();
  sat_counts = true;
  while (now() < sat_until) step(sat_until);
  double in_window = (double)((n_sockets ? delivered : acked) - before), length = now() - from;
  cpu = (own_cpu() - cpu) * length / (now() - start);
  report("sat", first, length, in_window, cpu);
}

static void command_all(int times) {
  warm_posters(1);
  double lasts[64];
  begin_phase();
  if (times > 64) times = 64;
  int missing = 0;
  for (int i = 0; i < times; i++) {
    int event = new_event(-1, now(), false);
    enqueue(event);
    double until = now() + 10;
    while (events[event].delivered < (uint32_t)n_open && now() < until) step(until);
    missing += n_open - (int)events[event].delivered;
    lasts[i] = (last_delivery - events[event].intended) * 1e3;
    double pause = now() + 0.3;
    while (now() < pause) step(pause);
  }
  printf("{\"phase\":\"all\",\"sockets\":%d,\"missing\":%d,\"failed\":%llu,\"last_ms\":[", n_open,
         missing, (unsigned long long)failed);
  for (int i = 0; i < times; i++) printf("%s%.3f", i ? "," : "", lasts[i]);
  answer("]}");
}

static void reopen_what_is_due(double t) {
  for (int i = 0; i < opt.posters; i++)
    if (posters[i].state == CLOSED && posters[i].again <= t) dial(&posters[i]);
  while (n_reopen && n_connecting < window && sockets_again <= t) dial(&sockets[reopen[--n_reopen]]);
}

static void command_storm(double rate, double seconds) {
  warm_posters(opt.posters);
  begin_phase();
  opt.resume = storm = true;
  int first = n_events;
  double start = now(), next = start, end = start + seconds, limit = end + 60;
  double down = 0, back = 0, caught_up = 0;
  int missing = 1;
  for (double check = 0; now() < limit;) {
    double t = now();
    while (next <= t && next < end) {
      enqueue(new_event(some_agent(), next, true));
      next += -log(uniform()) / rate;
    }
    reopen_what_is_due(t);
    step(t + 0.005 < next || next >= end ? t + 0.005 : next);
    if (!down && n_open < n_sockets) down = now();
    if (down && !back && n_open == n_sockets) back = now();
    if (back && !caught_up && now() > check) { /* all that was asked for before `back` has come */
      check = now() + 0.01;
      caught_up = now();
      for (int i = first; i < n_events && events[i].intended < back; i++)
        if (is_missing(&events[i])) { caught_up = 0; break; }
    }
    if (next >= end && caught_up) {
      missing = 0;
      for (int i = first; i < n_events; i++) missing += is_missing(&events[i]) || !events[i].acked;
      if (!missing) break;
    }
  }
  storm = false;
  answer("{\"phase\":\"storm\",\"posted\":%d,\"acked\":%llu,\"lost\":%d,\"doubled\":%llu,"
         "\"resent\":%llu,\"misdelivered\":%llu,\"open\":%d,\"down\":%.6f,\"back_seconds\":%.3f,"
         "\"caught_up_seconds\":%.3f}",
         n_events - first, (unsigned long long)acked, missing, (unsigned long long)doubled,
         (unsigned long long)resent, (unsigned long long)misdelivered, n_open, down,
         back ? back - down : -1, caught_up ? caught_up - down : -1);
}

static void command_slow(int count) {
  for (int i = 0; i < count && i < n_sockets; i++) {
    sockets[i].slow = true;
    if (sockets[i].fd >= 0) watch(&sockets[i], 0, EPOLL_CTL_MOD);
  }
  answer("{\"phase\":\"slow\",\"sockets\":%d}", count);
}

static void command_get(const char *path, int count, double seconds) {
  warm_posters(count);
  begin_phase();
  getting = true;
  get_path = path;
  double start = now();
  sat_until = start + seconds;
  close_loop(count, start);
  while (now() < sat_until) step(sat_until);
  double length = now() - start, pause = now() + 0.5;
  double rate = (double)counted / length;
  while (now() < pause) step(pause);
  getting = false;
  answer("{\"phase\":\"get\",\"rate\":%.1f,\"failed\":%llu}", rate, (unsigned long long)failed);
}

static bool command(void) {
  char line[512], path[400];
  double a, b, c;
  int n, m;
  if (!fgets(line, sizeof line, stdin)) return false;
  said = false;
  if (sscanf(line, "connect %d %d", &n, &m) == 2) command_connect(n, m);
  else if (sscanf(line, "open %lf %lf %lf", &a, &b, &c) == 3) command_open(a, b, c);
  else if (sscanf(line, "sat %d %lf %lf", &n, &a, &b) == 3) command_sat(n, a, b);
  else if (sscanf(line, "all %d", &n) == 1) command_all(n);
  else if (sscanf(line, "storm %lf %lf", &a, &b) == 2) command_storm(a, b);
  else if (sscanf(line, "slow %d", &n) == 1) command_slow(n);
  else if (sscanf(line, "get %399s %d %lf", path, &n, &a) == 3) command_get(path, n, a);
  else answer("{\"phase\":\"unknown\"}");
  return true;
}

/* --- options ------------------------------------------------------------------------------ */

static const char *lines(const char *before, const char *line) { /* append a header line */
  char *all = malloc(strlen(before) + strlen(line) + 3);
  sprintf(all, "%s%s\r\n", before, line);
  return all;
}

static void options(int count, char **words) {
  for (int i = 1; i + 1 < count; i += 2) {
    const char *name = words[i], *value = words[i + 1];
    if (!strcmp(name, "--port")) opt.port = atoi(value);
    else if (!strcmp(name, "--post-port")) opt.post_port = atoi(value);
    else if (!strcmp(name, "--posters")) opt.posters = atoi(value);
    else if (!strcmp(name, "--ws-path")) opt.ws_path = value;
    else if (!strcmp(name, "--ws-header")) opt.ws_headers = lines(opt.ws_headers, value);
    else if (!strcmp(name, "--post-path")) opt.post_path = value;
    else if (!strcmp(name, "--post-header")) opt.post_headers = lines(opt.post_headers, value);
    else if (!strcmp(name, "--all-path")) opt.all_path = value;
    else if (!strcmp(name, "--body")) opt.body = value;
    else if (!strcmp(name, "--run")) opt.run = value;
    else if (!strcmp(name, "--prefix")) opt.prefix = value;
    else if (!strcmp(name, "--wallboard")) opt.wallboard = atoi(value);
    else if (!strcmp(name, "--ready"))
      opt.ready = !strcmp(value, "snapshot") ? ON_SNAPSHOT : !strcmp(value, "socketio") ? ON_SOCKETIO : ON_101;
    else { fprintf(stderr, "loadgen: unknown option %s\n", name); exit(2); }
  }
  if (!opt.post_port) opt.post_port = opt.port;
  if (opt.posters > POSTERS) opt.posters = POSTERS;
  if (!opt.port || !opt.ws_path || !opt.post_path || !opt.body) {
    fprintf(stderr, "loadgen: --port, --ws-path, --post-path and --body are needed\n");
    exit(2);
  }
}

int main(int count, char **words) {
  options(count, words);
  ep = epoll_create1(EPOLL_CLOEXEC);
  setvbuf(stdin, NULL, _IONBF, 0); /* what epoll does not see must not hide in a buffer */
  in = (Conn){.kind = STDIN, .fd = 0};
  watch(&in, 0, EPOLL_CTL_ADD);
  for (int i = 0; i < POSTERS; i++) posters[i] = (Conn){.kind = POSTER, .fd = -1, .event = -1};
  numbers = calloc(1, sizeof *numbers);
  for (;;) {
    /* Once only: a command that waits must not wake every `step` of the one that runs. */
    watch(&in, EPOLLIN | EPOLLONESHOT, EPOLL_CTL_MOD);
    while (!said) step(now() + 1); /* answers pings meanwhile */
    if (!command()) return 0;
  }
}
