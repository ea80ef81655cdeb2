/**
 * Frame the screen-pop panel inside Dynamics, and open the records it asks for in the same app.
 *
 * An HTML web resource. Its one parameter, `data`, is the adapter's address. Both sides name the
 * exact origin of the other in every message, and look at who sent it.
 */

const PROTOCOL = 1;
/** How often the panel is greeted until it answers, in ms; later less often (the panel was told). */
const GREET_EVERY = 500;
const GREET_LATER = 3000;
/** After this long without an answer the agent is told why that may be, in ms. */
const PATIENCE = 5000;
/** The panel tries another way 3 s after it asked: say something before, in ms. */
const ANSWER_WITHIN = 2500;

const GUID = /^\{?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\}?$/i;
const TABLE = /^[a-z_][a-z0-9_]{0,127}$/;
const VIEW_TYPES = { 1039: "savedquery", 4230: "userquery" };

const TEXTS = {
  en: {
    silent: (origin) => `The panel did not answer. Ask your admin whether this page's origin is in the allowed domains: ${origin}`,
    missing: "This page needs the adapter's address. Ask your admin to enter it as the web resource's custom parameter (data).",
    invalid: (address) => `This is not an adapter's address: ${address}. It must be https:// and a host name, nothing more.`,
    pinned: (address) => `This page may not show ${address}: its installation names another adapter.`,
  },
  ja: {
    silent: (origin) => `パネルから応答がありません。このページのオリジンが許可ドメインに登録されているか、管理者に確認してください: ${origin}`,
    missing: "アダプターのアドレスが指定されていません。Web リソースのカスタム パラメーター (data) に入力するよう、管理者に依頼してください。",
    invalid: (address) => `アダプターのアドレスではありません: ${address}。https:// とホスト名だけを指定してください。`,
    pinned: (address) => `このページでは ${address} を表示できません。別のアダプターが指定されています。`,
  },
};

/** A reason to show no panel; `key` names the text. */
export class Refusal extends Error {
  constructor(key, value) {
    super(TEXTS.en[key] instanceof Function ? TEXTS.en[key](value) : TEXTS.en[key]);
    this.key = key;
    this.value = value;
  }
}

function isLoopback(host) {
  return host === "localhost" || host.endsWith(".localhost") || host === "127.0.0.1" || host === "[::1]";
}

/**
 * Read the adapter's origin from the page's query.
 * @param {string} query `location.search`; of it only `data` counts
 * @param {string} pinned the one address that the installation allows, or the empty string
 * @returns {string} an origin: https, or http on a loopback name
 * @throws {Refusal}
 */
export function adapterOrigin(query, pinned = "") {
  const written = (new URLSearchParams(query).get("data") || pinned).trim();
  if (!written) throw new Refusal("missing");
  const origin = exactOrigin(written);
  if (pinned && origin !== exactOrigin(pinned)) throw new Refusal("pinned", written);
  return origin;
}

function exactOrigin(written) {
  let url;
  try {
    url = new URL(written);
  } catch {
    throw new Refusal("invalid", written);
  }
  const safe = url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname));
  const bare = url.pathname === "/" && !url.search && !url.hash && !url.username && !url.password;
  if (!safe || !bare) throw new Refusal("invalid", written);
  return url.origin;
}

/**
 * Turn a main.aspx address into what `Xrm.Navigation.navigateTo` takes.
 * @param {string} address as the panel sent it
 * @param {string} home the origin of this Dynamics environment
 * @throws {Error} where the address is another site's, or a page that the app cannot open in place
 */
export function pageInput(address, home) {
  let url;
  try {
    url = new URL(address);
  } catch {
    throw new Error("not an address");
  }
  if (url.origin !== home) throw new Error(`not an address of ${home}`);
  if (url.pathname !== "/main.aspx") throw new Error("not a main.aspx address");
  const given = url.searchParams;
  const kind = given.get("pagetype");
  if (kind === "entityrecord") return recordInput(given);
  if (kind === "entitylist") return listInput(given);
  throw new Error(`pagetype ${kind} opens in a tab only`);
}

function table(given) {
  const name = given.get("etn") ?? "";
  if (!TABLE.test(name)) throw new Error("etn is no table name");
  return name;
}

function guid(name, value) {
  const found = GUID.exec(value);
  if (!found) throw new Error(`${name} is no GUID`);
  return found[1].toLowerCase();
}

function recordInput(given) {
  const input = { pageType: "entityrecord", entityName: table(given) };
  if (given.has("id")) input.entityId = guid("id", given.get("id"));
  const defaults = Object.fromEntries(new URLSearchParams(given.get("extraqs") ?? ""));
  if (defaults.formid) input.formId = guid("formid", defaults.formid);
  delete defaults.formid;
  if (Object.keys(defaults).length && !input.entityId) input.data = defaults;
  return input;
}

function listInput(given) {
  const input = { pageType: "entitylist", entityName: table(given) };
  if (given.has("viewid")) {
    input.viewId = guid("viewid", given.get("viewid"));
    input.viewType = VIEW_TYPES[given.get("viewtype") ?? 1039];
    if (!input.viewType) throw new Error("viewtype is 1039 or 4230");
  }
  return input;
}

/** Find the client API of the app around this page: a web resource has it in its parent. */
export function findXrm(here) {
  for (const look of [() => here.parent.Xrm, () => here.top.Xrm, () => here.Xrm]) {
    try {
      const found = look();
      if (found?.Navigation) return found;
    } catch {
      // A page of another origin: its names are closed to us.
    }
  }
  return null;
}

/**
 * Open an address in the app. Resolves to a detail for the trace; rejects with the reason.
 * `navigateTo` resolves when the page is there. `openForm`, for older apps, may resolve only when
 * the agent saves the form, so its silence means that it went well.
 */
export async function open(xrm, input) {
  if (!xrm) throw new Error("no Xrm around this page");
  const { navigateTo, openForm } = xrm.Navigation;
  const way = navigateTo ? "navigateTo" : "openForm";
  if (!navigateTo && !openForm) throw new Error("Xrm.Navigation has neither navigateTo nor openForm");
  if (!navigateTo && input.pageType !== "entityrecord") throw new Error("only navigateTo opens lists");
  const options = { entityName: input.entityName, entityId: input.entityId, formId: input.formId };
  const opening = navigateTo
    ? xrm.Navigation.navigateTo(input, { target: 1 })
    : xrm.Navigation.openForm(options, input.data);
  const late = new Promise((done) => setTimeout(done, ANSWER_WITHIN, `${way}, not confirmed`));
  return Promise.race([Promise.resolve(opening).then(() => way), late]);
}

/** Frame the panel, greet it until it answers, and carry out what it asks for. */
class Connector {
  #frame = document.createElement("iframe");
  #status = document.getElementById("status");
  #locale = navigator.language.startsWith("ja") ? "ja" : "en";
  #origin;
  #greeting = 0;
  #patience = 0;

  start() {
    const pinned = document.querySelector("meta[name=screenpop-adapter]")?.content.trim() ?? "";
    try {
      this.#origin = adapterOrigin(location.search, pinned);
    } catch (refusal) {
      this.#tell(refusal.key, refusal.value);
      return;
    }
    addEventListener("message", (event) => this.#receive(event));
    this.#frame.title = "Screenpop";
    this.#frame.allow = "autoplay; clipboard-write";
    // Each load is a panel that knows nothing of us yet, the reload after an upgrade too.
    this.#frame.addEventListener("load", () => this.#greet());
    this.#frame.src = `${this.#origin}/`;
    document.body.append(this.#frame);
    this.#wait();
  }

  #wait() {
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => this.#tell("silent", location.origin), PATIENCE);
  }

  #greet() {
    clearTimeout(this.#greeting);
    const started = performance.now();
    const again = () => {
      this.#send({ type: "screenpop.connect", protocol: PROTOCOL });
      const pause = performance.now() - started < PATIENCE ? GREET_EVERY : GREET_LATER;
      this.#greeting = setTimeout(again, pause);
    };
    again();
    this.#wait();
  }

  #receive(event) {
    if (event.source !== this.#frame.contentWindow || event.origin !== this.#origin) return;
    const message = event.data;
    if (message?.type === "screenpop.connected") this.#connected();
    if (message?.type === "screenpop.open") this.#open(message);
  }

  #connected() {
    clearTimeout(this.#greeting);
    clearTimeout(this.#patience);
    this.#status.hidden = true;
  }

  async #open({ request, url }) {
    try {
      const detail = await open(findXrm(window), pageInput(url, location.origin));
      this.#send({ type: "screenpop.opened", request, detail });
    } catch (error) {
      this.#send({ type: "screenpop.failed", request, detail: String(error?.message ?? error) });
    }
  }

  #send(message) {
    this.#frame.contentWindow?.postMessage(message, this.#origin);
  }

  #tell(key, value) {
    const text = TEXTS[this.#locale][key];
    this.#status.lang = this.#locale;
    this.#status.textContent = text instanceof Function ? text(value) : text;
    this.#status.hidden = false;
  }
}

if (typeof document !== "undefined") new Connector().start();
