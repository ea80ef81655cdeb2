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
 *   churn RATE TURNS SECONDS  post while TURNS sockets a second leave and come back
 *   slow M                  the first M sockets stop reading
 *   get PATH K SECONDS      GET on K connections (pages, headers)
 *
 * Every event carries a mark; at the end of each phase it is known which were lost, came twice or
 * came to another agent. `bench/README.md` explains the figures.
 */
#include "loadgen.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

Options opt = {.posters = 64, .ws_headers = "", .post_headers = "", .run = "0", .prefix = "a"};
bool said;

static Conn in = {.kind = STDIN, .fd = 0};

void watch_stdin(void) {
  /* Once only: a command that waits must not wake every `step` of the one that runs. */
  watch(&in, EPOLLIN | EPOLLONESHOT, EPOLL_CTL_MOD);
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
  else if (sscanf(line, "churn %lf %lf %lf", &a, &b, &c) == 3) command_churn(a, b, c);
  else if (sscanf(line, "slow %d", &n) == 1) command_slow(n);
  else if (sscanf(line, "get %399s %d %lf", path, &n, &a) == 3) command_get(path, n, a);
  else answer("{\"phase\":\"unknown\"}");
  return true;
}

static const char *with_line(const char *before, const char *line) { /* append a header line */
  char *all = malloc(strlen(before) + strlen(line) + 3);
  sprintf(all, "%s%s\r\n", before, line);
  return all;
}

static void take_stages(const char *listed) {
  char *each = strtok(strdup(listed), ",");
  for (opt.n_stages = 0; each && opt.n_stages < 16; each = strtok(NULL, ",")) opt.stages[opt.n_stages++] = each;
}

static void options(int count, char **words) {
  take_stages("offered,answered,updated,ended");
  for (int i = 1; i + 1 < count; i += 2) {
    const char *name = words[i], *value = words[i + 1];
    if (!strcmp(name, "--port")) opt.port = atoi(value);
    else if (!strcmp(name, "--post-port")) opt.post_port = atoi(value);
    else if (!strcmp(name, "--posters")) opt.posters = atoi(value);
    else if (!strcmp(name, "--ws-path")) opt.ws_path = value;
    else if (!strcmp(name, "--ws-header")) opt.ws_headers = with_line(opt.ws_headers, value);
    else if (!strcmp(name, "--post-path")) opt.post_path = value;
    else if (!strcmp(name, "--post-header")) opt.post_headers = with_line(opt.post_headers, value);
    else if (!strcmp(name, "--all-path")) opt.all_path = value;
    else if (!strcmp(name, "--body")) opt.body = value;
    else if (!strcmp(name, "--run")) opt.run = value;
    else if (!strcmp(name, "--prefix")) opt.prefix = value;
    else if (!strcmp(name, "--stages")) take_stages(value);
    else if (!strcmp(name, "--wallboard")) opt.wallboard = atoi(value);
    else if (!strcmp(name, "--ready"))
      opt.ready = !strcmp(value, "snapshot") ? ON_SNAPSHOT : !strcmp(value, "socketio") ? ON_SOCKETIO : ON_101;
    else { fprintf(stderr, "loadgen: unknown option %s\n", name); exit(2); }
  }
  if (!opt.post_port) opt.post_port = opt.port;
  if (opt.posters > POSTERS) opt.posters = POSTERS;
  if (!opt.port || !opt.ws_path || !opt.post_path || !opt.body || !opt.n_stages) {
    fprintf(stderr, "loadgen: --port, --ws-path, --post-path, --body and stages are needed\n");
    exit(2);
  }
}

int main(int count, char **words) {
  options(count, words);
  loop_start();
  setvbuf(stdin, NULL, _IONBF, 0); /* what epoll does not see must not hide in a buffer */
  watch(&in, 0, EPOLL_CTL_ADD);
  forget_posted(0);
  for (;;) {
    watch_stdin();
    while (!said) step(now() + 1); /* answers pings meanwhile */
    if (!command()) return 0;
  }
}
