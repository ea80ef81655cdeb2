/* Fill the braces in bodies and paths: {agent}, {mark}, {contact}, {stage}, {time}, {run}, {after}. */
#include "loadgen.h"

#include <string.h>
#include <time.h>

static int write_time(char *out) {
  struct timespec wall;
  struct tm utc;
  clock_gettime(CLOCK_REALTIME, &wall);
  gmtime_r(&wall.tv_sec, &utc);
  int size = (int)strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &utc);
  return size + sprintf(out + size, ".%06ldZ", wall.tv_nsec / 1000);
}

/* Write what a brace stands for, and move `t` behind it; -1 where it stands for itself. */
static int fill(char *o, const char **t, const Event *e, int mark, const char *after) {
  static const char *names[] = {"{agent}", "{mark}", "{contact}", "{stage}", "{time}", "{run}", "{after}"};
  uint32_t stages = (uint32_t)opt.n_stages;
  for (int i = 0; i < 7; i++) {
    size_t length = strlen(names[i]);
    if (strncmp(*t, names[i], length)) continue;
    *t += length;
    switch (i) {
      case 0: return e->agent < 0 ? sprintf(o, "everybody") : sprintf(o, "%s%05d", opt.prefix, e->agent);
      case 1: return sprintf(o, "~m%010d~", mark);
      case 2: return sprintf(o, "c-%s-%s%05d-%u", opt.run, opt.prefix, e->agent, e->number / stages);
      case 3: return sprintf(o, "%s", opt.stages[e->number % stages]);
      case 4: return write_time(o);
      case 5: return sprintf(o, "%s", opt.run);
      default: return sprintf(o, "%s", after);
    }
  }
  return -1;
}

size_t render(char *out, const char *template, const Event *e, int mark, const char *after) {
  char *o = out;
  for (const char *t = template; *t;) {
    int written = *t == '{' ? fill(o, &t, e, mark, after) : -1;
    if (written >= 0) o += written;
    else *o++ = *t++;
  }
  *o = 0;
  return (size_t)(o - out);
}
