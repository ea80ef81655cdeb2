/* Read and write bytes over TCP as they are. */
#include "loadgen.h"

#include <sys/socket.h>
#include <unistd.h>

int stream_start(Conn *c) {
  (void)c;
  return 1;
}

ssize_t stream_read(Conn *c, char *bytes, size_t size) { return read(c->fd, bytes, size); }

bool stream_write(Conn *c, const char *bytes, size_t size) {
  return send(c->fd, bytes, size, MSG_NOSIGNAL) == (ssize_t)size;
}

bool stream_has_more(Conn *c) {
  (void)c;
  return false;
}

void stream_end(Conn *c) { (void)c; }
