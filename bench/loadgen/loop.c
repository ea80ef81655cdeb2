/* Hold the connections: open them, wait for what happens on them, open those again that close. */
#include "loadgen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

Conn *sockets, posters[POSTERS];
int n_sockets, n_open, n_connecting;
bool storming, reopening;
double sockets_again;

static int ep, *reopen, n_reopen;
static char buffer[READ_SIZE];

double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void *grow(void *array, int *capacity, int needed, size_t size) {
  if (needed <= *capacity) return array;
  *capacity = needed * 2 + 1024;
  array = realloc(array, (size_t)*capacity * size);
  if (!array) { perror("realloc"); exit(1); }
  return array;
}

uint64_t random64(void) { /* xorshift64 */
  static uint64_t state = 88172645463325252ull;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

double pause_of_poisson(double rate) {
  double uniform = (double)((random64() >> 11) + 1) / 9007199254740993.0;
  return -log(uniform) / rate;
}

void loop_start(void) {
  ep = epoll_create1(EPOLL_CLOEXEC);
  for (int i = 0; i < POSTERS; i++) posters[i] = (Conn){.kind = POSTER, .fd = -1, .event = -1};
}

void make_sockets(int count) {
  free(sockets);
  free(reopen);
  sockets = calloc((size_t)count + 1, sizeof *sockets);
  reopen = calloc((size_t)count + 1, sizeof *reopen);
  for (int i = 0; i < count; i++) sockets[i] = (Conn){.kind = SOCKET, .agent = i, .fd = -1, .event = -1, .sequence = -1};
  n_sockets = count;
  n_reopen = 0;
}

void watch(Conn *c, uint32_t what, int how) {
  struct epoll_event e = {.events = what, .data.ptr = c};
  epoll_ctl(ep, how, c->fd, &e);
}

void forget(Conn *c) {
  struct linger at_once = {1, 0}; /* an RST leaves no TIME_WAIT, of which we would make too many */
  setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  stream_end(c);
  close(c->fd);
  c->fd = -1;
  free(c->kept);
  c->kept = NULL;
  c->kept_size = 0;
  if (c->state == OPEN && c->kind == SOCKET) n_open--;
  if (c->state != OPEN && c->state != CLOSED && c->kind == SOCKET) n_connecting--;
  c->state = CLOSED;
}

void reopen_later(Conn *c) { reopen[n_reopen++] = (int)(c - sockets); }

void lost_socket(Conn *c) {
  bool was_open = c->state == OPEN;
  forget(c);
  if (!storming) counts.lost_sockets++;
  if (!reopening) return;
  if (!was_open) sockets_again = now() + 0.02; /* refused: the server is not back yet */
  reopen_later(c);
}

static void refused(Conn *c, int error) {
  if (!storming && !counts.failed++) fprintf(stderr, "loadgen: connect: %s\n", strerror(error));
  if (c->kind == SOCKET) lost_socket(c);
  else lost_poster(c);
}

void dial(Conn *c) {
  int port = c->kind == POSTER ? opt.post_port : opt.port, yes = 1;
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
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

void reopen_what_is_due(double t, int at_once) {
  for (int i = 0; i < opt.posters; i++)
    if (posters[i].state == CLOSED && posters[i].again <= t) dial(&posters[i]);
  while (n_reopen && n_connecting < at_once && sockets_again <= t) dial(&sockets[reopen[--n_reopen]]);
}

void send_all(Conn *c, const char *bytes, size_t size) {
  if (!stream_write(c, bytes, size) && !storming) counts.failed++;
}

static void secure(Conn *c) { /* or not: see plain.c */
  int done = stream_start(c);
  if (done < 0) { refused(c, errno); return; }
  if (!done) {
    c->state = SECURING;
    watch(c, EPOLLIN, EPOLL_CTL_MOD);
    return;
  }
  if (c->kind == SOCKET) {
    start_handshake(c);
    return;
  }
  watch(c, EPOLLIN, EPOLL_CTL_MOD);
  c->state = OPEN;
  is_free(c, now());
}

static void is_connected(Conn *c) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error) refused(c, error);
  else secure(c);
}

static void lost(Conn *c) {
  if (c->kind == SOCKET) lost_socket(c);
  else lost_poster(c);
}

static void ready_to_read(Conn *c) {
  size_t kept = c->kept_size;
  if (kept >= READ_SIZE) { counts.failed++; return; }
  if (kept) memcpy(buffer, c->kept, kept);
  ssize_t got = stream_read(c, buffer + kept, READ_SIZE - kept - 1);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) { lost(c); return; }
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

void step(double until) {
  static struct epoll_event ready[512];
  double rest = until - now();
  if (rest < 0) rest = 0;
  struct timespec wait = {(time_t)rest, (long)((rest - floor(rest)) * 1e9)};
  int count = epoll_pwait2(ep, ready, 512, &wait, NULL);
  for (int i = 0; i < count; i++) {
    Conn *c = ready[i].data.ptr;
    if (c->kind == STDIN) said = true;
    else if (c->state == CONNECTING) is_connected(c);
    else if (c->state == SECURING) secure(c);
    else if (c->state != CLOSED)
      do ready_to_read(c);
      while (c->state != CLOSED && stream_has_more(c)); /* epoll does not see what TLS has read */
  }
}
