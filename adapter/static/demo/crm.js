// Behave like a Dynamics app: change the main area and the address without touching the side pane.

const main = document.getElementById("main");
const pane = document.getElementById("side-pane");
let loading = new AbortController();

/** Show another main.aspx page. Resolves to true where Dynamics showed it, false where it refused. */
async function show(url, { push = true, byPerson = false } = {}) {
  loading.abort();
  loading = new AbortController();
  main.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(url, { signal: loading.signal });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    if (push) history.pushState({ pane: !pane.hidden }, "", url);
    main.replaceChildren(...page.getElementById("main").childNodes);
    main.scrollTop = 0;
    document.title = page.title;
    document.body.dataset.page = page.body.dataset.page;
    document.body.dataset.navbar = page.body.dataset.navbar;
    markCurrent();
    document.getElementById("announced").textContent = page.title;
    // The agent may be typing in the phone panel: only a person's own click moves the focus.
    if (byPerson) main.querySelector("h1")?.focus();
    return response.ok;
  } finally {
    main.removeAttribute("aria-busy");
  }
}

/** Follow a person's click; where the page cannot be fetched the browser says why. */
function follow(url) {
  show(url, { byPerson: true }).catch((error) => {
    if (error.name !== "AbortError") location.assign(url);
  });
}

function markCurrent() {
  const here = new URLSearchParams(location.search);
  for (const link of document.querySelectorAll(".site-map a")) {
    const there = new URL(link.href).searchParams;
    const same = here.has("etn") || there.has("etn")
      ? here.get("etn") === there.get("etn")
      : (here.get("pagetype") ?? "dashboard") === there.get("pagetype");
    if (same) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function showPane(visible) {
  const template = pane.querySelector("template");
  if (visible && template) template.replaceWith(template.content);
  pane.hidden = !visible;
  document.getElementById("toggle-pane").setAttribute("aria-expanded", String(visible));
  history.replaceState({ ...history.state, pane: visible }, "");
}

function address(parameters) {
  const query = Object.entries({ appid: document.body.dataset.app, ...parameters })
    .filter(([, value]) => value !== undefined && value !== null && value !== "")
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return `/main.aspx?${query.join("&")}`;
}

/** Write default values as extraqs: a query inside the query (encoded once more by address()). */
function defaults(data, formId) {
  const values = Object.entries(data ?? {}).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return [...(formId ? [`formid=${formId}`] : []), ...values].join("&");
}

async function navigate(parameters) {
  if (!(await show(address(parameters)))) {
    throw { errorCode: 2147746327, message: main.querySelector(".refused p")?.textContent ?? "Refused" };
  }
}

const PAGES = {
  entityrecord: (page) => ({ pagetype: "entityrecord", etn: page.entityName, id: page.entityId, extraqs: defaults(page.data, page.formId) }),
  entitylist: (page) => ({ pagetype: "entitylist", etn: page.entityName, viewid: page.viewId, viewtype: page.viewType === "userquery" ? "4230" : "1039" }),
  dashboard: (page) => ({ pagetype: "dashboard", id: page.dashboardId }),
};

// The part of the client API that a connector needs; the names are Microsoft's.
window.Xrm = {
  Navigation: {
    async openForm(options, parameters) {
      await navigate(PAGES.entityrecord({ ...options, data: parameters }));
      return { savedEntityReference: [] };
    },
    async navigateTo(page) {
      if (!(page?.pageType in PAGES)) throw { errorCode: 2147746327, message: `pageType ${page?.pageType} is not known` };
      await navigate(PAGES[page.pageType](page));
    },
  },
  Utility: {
    getGlobalContext: () => ({
      getClientUrl: () => location.origin,
      getCurrentAppProperties: async () => ({ appId: document.body.dataset.app }),
    }),
  },
};

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href^='/main.aspx']");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  follow(link.href);
});
document.querySelector(".nav-search").addEventListener("submit", (event) => {
  event.preventDefault();
  follow(address(Object.fromEntries(new FormData(event.target))));
});
document.getElementById("toggle-pane").addEventListener("click", () => showPane(pane.hidden));
addEventListener("popstate", () => show(location.href, { push: false }));

markCurrent();
// A reload keeps the pane as it was; a new tab on a record has none until it is asked for.
showPane(history.state?.pane ?? document.body.dataset.page === "dashboard");
