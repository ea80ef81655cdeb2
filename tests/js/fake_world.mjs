// A clock that only tests move, and sockets that only tests speak through.

export class FakeClock {
  time = 1_800_000_000_000;
  #timers = new Map();
  #ids = 0;

  now = () => this.time;
  setTimeout = (run, ms) => {
    this.#timers.set(++this.#ids, { at: this.time + ms, run });
    return this.#ids;
  };
  clearTimeout = (id) => {
    this.#timers.delete(id);
  };

  /** Let time pass, timers and promises run in order. */
  async pass(ms) {
    const end = this.time + ms;
    await settle();
    for (;;) {
      const due = [...this.#timers].filter(([, each]) => each.at <= end);
      if (due.length === 0) break;
      const [id, { at, run }] = due.reduce((a, b) => (b[1].at < a[1].at ? b : a));
      this.#timers.delete(id);
      this.time = Math.max(this.time, at);
      run();
      await settle();
    }
    this.time = end;
  }

  /** Sleep as a computer does: time passes, timers do not run until it wakes. */
  async sleep(ms) {
    this.time += ms;
    await this.pass(0);
  }
}

/** Let the promises that are ready go on. */
export async function settle() {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

/** A browser's locks (https://www.w3.org/TR/web-locks/): each waits its turn, or gives up. */
export class FakeLocks {
  #last = new Map();

  request(name, { signal }, run) {
    const before = this.#last.get(name) ?? Promise.resolve();
    let isHeld = false;
    const gaveUp = new Promise((_, reject) =>
      signal.addEventListener("abort", () => {
        if (!isHeld) reject(signal.reason);
      }),
    );
    const held = before.then(() => {
      if (signal.aborted) return undefined;
      isHeld = true;
      return run({ name });
    });
    this.#last.set(
      name,
      held.catch(() => {}),
    );
    return Promise.race([held, gaveUp]);
  }
}

export class FakeSocket {
  sent = [];
  closed = null;
  readyState = 0;

  constructor(url, protocol) {
    this.url = url;
    this.protocol = protocol;
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close(code = 1000) {
    this.closed = code;
  }

  open() {
    this.readyState = 1;
    this.onopen?.();
  }

  say(message) {
    this.onmessage?.({ data: typeof message === "string" ? message : JSON.stringify(message) });
  }

  /** The other side, or the network, ends the line. */
  end(code, reason = "") {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }
}

/** A CloudEvent of the feed. */
export const event = (sequence, type, data, id = String(sequence).padStart(12, "0")) => ({
  specversion: "1.0",
  id,
  source: "/tenants/default",
  type,
  time: "2026-11-21T20:00:00Z",
  sequence: String(sequence).padStart(12, "0"),
  data,
});

export const welcome = { type: "welcome", agent: "alice", version: "1", session: "S" };

export const contact = (id, stage, more = {}) => ({
  id,
  channel: "voice",
  direction: "inbound",
  agent: "alice",
  customer: { phone: "+4930123456" },
  queue: null,
  stage,
  stages: { [stage]: "2026-11-21T20:00:00Z" },
  attributes: {},
  linked: [],
  recordings: [],
  ...more,
});

export const pop = (id, present, more = {}) => ({
  pop: id,
  contact: null,
  agent: "alice",
  stage: "answered",
  open: present === "open",
  present,
  attempt: 1,
  target: "tab",
  url: "https://contoso.crm4.dynamics.com/main.aspx?id=1",
  record: { table: "contact", id: "1" },
  reason: "",
  at: "2026-11-21T20:00:00Z",
  ...more,
});
