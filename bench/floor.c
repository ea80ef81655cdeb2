/* Do the least that a push server must do: take websockets and POSTs, pass each body on.
 *
 * No checks, no state, nothing kept: what it reaches is the ceiling of the load generator.
 *   GET /feed/a00042 (upgrade), POST /events/a00042, POST /all; usage: floor PORT
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 20000, BUFFER = 1 << 16 };
static int ep, socket_of[100000], sockets[MOST], n_sockets;
static char buffer[BUFFER];

static void say(int fd, const char *bytes, size_t size) {
  if (write(fd, bytes, size) < 0) perror("floor: write");
}

static size_t encode(char *out, const char *body, size_t size) { /* RFC 6455, 5.2: one text frame */
  size_t head = 2;
  out[0] = (char)0x81;
  if (size < 126) {
    out[1] = (char)size;
  } else {
    out[1] = 126;
    out[2] = (char)(size >> 8);
    out[3] = (char)size;
    head = 4;
  }
  memcpy(out + head, body, size);
  return head + size;
}

static void request(int fd, char *bytes) {
  static const char accepted[] =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"; /* the generator's only key */
  static const char stored[] = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";
  static char out[BUFFER];
  char *body = strstr(bytes, "\r\n\r\n") + 4;
  if (!memcmp(bytes, "GET /feed/a", 11)) {
    socket_of[atoi(bytes + 11)] = fd;
    if (n_sockets < MOST) sockets[n_sockets++] = fd;
    say(fd, accepted, sizeof accepted - 1);
    return;
  }
  char *length = strcasestr(bytes, "content-length:");
  size_t size = encode(out, body, length ? (size_t)atoi(length + 15) : 0);
  if (!memcmp(bytes, "POST /events/a", 14)) say(socket_of[atoi(bytes + 14)], out, size);
  else
    for (int i = 0; i < n_sockets; i++) say(sockets[i], out, size);
  say(fd, stored, sizeof stored - 1);
}

static void take(int listener) {
  int yes = 1, fd;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
  }
}

int main(int count, char **words) {
  int yes = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(words[count - 1]))};
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 4096)) {
    perror("floor");
    return 1;
  }
  signal(SIGPIPE, SIG_IGN); /* a socket that is gone is told by the write */
  ep = epoll_create1(0);
  struct epoll_event e = {.events = EPOLLIN, .data.fd = listener}, ready[256];
  epoll_ctl(ep, EPOLL_CTL_ADD, listener, &e);
  for (;;) {
    int found = epoll_wait(ep, ready, 256, -1);
    for (int i = 0; i < found; i++) {
      int fd = ready[i].data.fd;
      if (fd == listener) { take(listener); continue; }
      ssize_t got = read(fd, buffer, BUFFER - 1);
      if (got <= 0) { close(fd); continue; }
      buffer[got] = 0;
      /* A request of the generator comes in one piece; what else comes (pongs) has no header end. */
      if (strstr(buffer, "\r\n\r\n")) request(fd, buffer);
    }
  }
}
