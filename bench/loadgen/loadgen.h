/* What the parts of the load generator share: its values, and who does what.
 *
 *   main.c        options, and one command after the other
 *   commands.c    what each command does, but for those with a page of their own: storm.c, churn.c
 *   phases.c      counters, percentiles, waiting for the last of what was posted, the answer
 *   loop.c        connections and epoll
 *   websockets.c  handshakes, frames, and whose event a message is
 *   posting.c     the source: events, the queue, HTTP
 *   templates.c   the braces in bodies and paths
 *   plain.c       bytes over TCP; tls.c is compiled in its place where TLS is spoken
 */
#pragma once
#define _GNU_SOURCE
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum { READ_SIZE = 1 << 20, POSTERS = 1024, REQUEST = 1 << 14, DRAIN_SECONDS = 5 };
enum Kind { STDIN, SOCKET, POSTER };
enum State { CLOSED, CONNECTING, SECURING, HANDSHAKE, GREETED, OPEN };
enum Ready { ON_101, ON_SNAPSHOT, ON_SOCKETIO };

typedef struct {
  enum Kind kind;
  enum State state;
  int fd, agent;         /* agent: the number of the agent whose socket it is */
  int event;             /* poster: index of the event in flight, -1: idle */
  bool may_miss;         /* socket: does not read, or comes back without saying what it has */
  int64_t sequence;      /* socket: the last sequence seen, for a resume; -1: none yet */
  double again;          /* poster: when to connect again */
  char *kept;            /* bytes of an unfinished frame or answer */
  size_t kept_size;
  void *tls;
} Conn;

typedef struct {
  double intended;
  int agent;             /* -1: for everybody */
  uint32_t number;       /* of the agent's events: gives contact and stage */
  uint32_t delivered;
  bool acked, counts;
} Event;

typedef struct {
  int port, post_port, posters, n_stages;
  enum Ready ready;
  bool resume, wallboard;
  const char *ws_path, *ws_headers, *post_path, *post_headers, *all_path, *body, *run, *prefix;
  char *stages[16];
} Options;

typedef struct {         /* of one phase */
  uint64_t acked, delivered, counted, doubled, resent, misdelivered, failed, reconnects;
  int lost_sockets;
  double last_delivery;
} Counts;

extern Options opt;
extern Counts counts;

/* main.c */
extern bool said;        /* stdin has a command */
void watch_stdin(void);

/* loop.c */
extern Conn *sockets, posters[POSTERS];
extern int n_sockets, n_open, n_connecting;
extern bool storming;    /* the server may be away: nothing is a failure, everything comes again */
extern bool reopening;   /* sockets that close are opened again */
extern double sockets_again; /* not before */
double now(void);
void loop_start(void);
void watch(Conn *c, uint32_t what, int how);
void dial(Conn *c);
void forget(Conn *c);
void send_all(Conn *c, const char *bytes, size_t size);
void step(double until);
void make_sockets(int count);
void reopen_later(Conn *c);
void reopen_what_is_due(double t, int at_once);
void lost_socket(Conn *c);

/* plain.c or tls.c: as read(2) and send(2) do; `stream_start` gives 1 when bytes may flow, 0 when
 * it waits for the other side, -1 when it failed. */
int stream_start(Conn *c);
ssize_t stream_read(Conn *c, char *bytes, size_t size);
bool stream_write(Conn *c, const char *bytes, size_t size);
bool stream_has_more(Conn *c);
void stream_end(Conn *c);

/* websockets.c */
void start_handshake(Conn *c);
void say_goodbye(Conn *c);
ssize_t read_socket(Conn *c, const char *bytes, size_t size, double at);

/* posting.c */
extern Event *events;
extern int n_events;
extern double sat_until; /* a closed loop runs until then */
extern bool sat_counts;
extern const char *get_path; /* not NULL: the posters get this instead of posting */
int some_agent(void);
int new_event(int agent, double intended, bool counts_latency);
void enqueue(int event);
void post_what_is_due(double t, double rate, double *next, double end, double count_from);
void open_posters(int count);
void close_loop(int count, double start);
void forget_posted(int agents);
void is_free(Conn *c, double at);
void lost_poster(Conn *c);
ssize_t read_poster(Conn *c, const char *bytes, size_t size, double at);

/* templates.c */
size_t render(char *out, const char *template, const Event *e, int mark, const char *after);

/* phases.c */
double own_cpu(void);
void begin_phase(void);
void wait_until(double until);
void add_latency(double seconds);
bool is_missing(const Event *e);
void answer(const char *format, ...) __attribute__((format(printf, 1, 2)));
void report(const char *phase, int first, double seconds, double in_window, double cpu);

/* commands.c, storm.c, churn.c */
void command_connect(int count, int at_once);
void command_open(double rate, double seconds, double warm);
void command_sat(int count, double seconds, double warm);
void command_all(int times);
void command_slow(int count);
void command_get(const char *path, int count, double seconds);
void command_storm(double rate, double seconds);
void command_churn(double rate, double turns, double seconds);
extern int window;       /* handshakes at a time, as the last `connect` had it */
void warm_posters(int count);

/* used by several */
void *grow(void *array, int *capacity, int needed, size_t size);
uint64_t random64(void);
double pause_of_poisson(double rate);
