/* Read and write bytes through TLS (OpenSSL); the certificate is the bench's own and not checked. */
#include "loadgen.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdlib.h>

static SSL_CTX *context(void) {
  static SSL_CTX *made;
  if (made) return made;
  signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
  made = SSL_CTX_new(TLS_client_method());
  if (!made) { ERR_print_errors_fp(stderr); exit(1); }
  SSL_CTX_set_verify(made, SSL_VERIFY_NONE, NULL);
  /* 10,000 connections: no buffers where nothing is under way, and no sessions kept. */
  SSL_CTX_set_mode(made, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
  SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_OFF);
  return made;
}

/* Say what -1 means in the words of read(2): nothing yet, or broken. */
static int failure(Conn *c, int result) {
  int reason = SSL_get_error(c->tls, result);
  ERR_clear_error();
  if (reason == SSL_ERROR_ZERO_RETURN) return 0;
  errno = reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE ? EAGAIN : EPROTO;
  return -1;
}

int stream_start(Conn *c) {
  if (!c->tls) {
    c->tls = SSL_new(context());
    SSL_set_fd(c->tls, c->fd);
  }
  int done = SSL_connect(c->tls);
  if (done == 1) return 1;
  return failure(c, done) < 0 && errno == EAGAIN ? 0 : -1;
}

ssize_t stream_read(Conn *c, char *bytes, size_t size) {
  int got = SSL_read(c->tls, bytes, (int)size);
  return got > 0 ? got : failure(c, got);
}

bool stream_write(Conn *c, const char *bytes, size_t size) {
  int done = SSL_write(c->tls, bytes, (int)size);
  if (done <= 0) failure(c, done);
  return done == (int)size;
}

bool stream_has_more(Conn *c) { return c->tls && SSL_pending(c->tls) > 0; }

void stream_end(Conn *c) {
  SSL_free(c->tls);
  c->tls = NULL;
}
