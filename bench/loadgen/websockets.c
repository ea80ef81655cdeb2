/* Open websockets, take frames apart (RFC 6455), and note which event came to whom. */
#include "loadgen.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

void start_handshake(Conn *c) {
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

static void frame(Conn *c, int opcode, const char *payload, size_t size) {
  char bytes[140];
  bytes[0] = (char)(0x80 | opcode);
  bytes[1] = (char)(0x80 | size); /* masked with a key of zeros: the payload stays as it is */
  memset(bytes + 2, 0, 4);
  memcpy(bytes + 6, payload, size);
  send_all(c, bytes, size + 6);
}

void say_goodbye(Conn *c) { frame(c, 8, "\x03\xe8", 2); /* 1000: normal closure */ }

static void delivery(Conn *c, int mark, double at) {
  if (mark < 0 || mark >= n_events) { counts.misdelivered++; return; }
  Event *e = &events[mark];
  if (e->agent >= 0 && e->agent != c->agent && !opt.wallboard) { counts.misdelivered++; return; }
  e->delivered++;
  if (e->agent >= 0 && e->delivered > 1) { counts.doubled++; return; }
  counts.last_delivery = at;
  if (e->agent >= 0) counts.delivered++;
  if (e->counts) add_latency(at - e->intended);
}

static void engine_io(Conn *c, const char *text, size_t size) {
  if (size && text[0] == '2') frame(c, 1, "3", 1);  /* its ping */
  if (size && text[0] == '0') frame(c, 1, "40", 2); /* opened: connect to the namespace */
  if (size > 1 && text[0] == '4' && text[1] == '0') is_ready(c);
}

/* Follow the sequences of our feed; false where there is nothing more to see in the message. */
static bool is_news(Conn *c, const char *text, size_t size) {
  size_t head = size < 400 ? size : 400;
  const char *s = memmem(text, head, "\"sequence\":\"", 12);
  int64_t sequence = s ? strtoll(s + 12, NULL, 10) : -1;
  if (memmem(text, head, "screenpop.snapshot", 18)) {
    c->sequence = sequence;
    is_ready(c);
    return false;
  }
  if (sequence >= 0 && sequence <= c->sequence) { counts.resent++; return false; }
  if (sequence >= 0) c->sequence = sequence;
  return true;
}

static void message(Conn *c, const char *text, size_t size, double at) {
  if (opt.ready == ON_SOCKETIO) engine_io(c, text, size);
  if (opt.ready == ON_SNAPSHOT && !is_news(c, text, size)) return;
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

ssize_t read_socket(Conn *c, const char *bytes, size_t size, double at) {
  size_t head = 0;
  if (c->state == HANDSHAKE) {
    const char *end = memmem(bytes, size, "\r\n\r\n", 4);
    if (!end) return 0;
    if (memcmp(bytes, "HTTP/1.1 101", 12) ||
        !memmem(bytes, (size_t)(end - bytes), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", 28)) {
      if (!counts.failed++) fprintf(stderr, "loadgen: %.*s\n", (int)(size < 600 ? size : 600), bytes);
      return -1;
    }
    head = (size_t)(end - bytes) + 4;
    c->state = GREETED;
    if (opt.ready == ON_101 || (opt.ready == ON_SNAPSHOT && opt.resume && c->sequence >= 0)) is_ready(c);
  }
  ssize_t taken = frames(c, bytes + head, size - head, at);
  return taken < 0 ? -1 : taken + (ssize_t)head;
}
