// Drive the simulated phone system: a person's buttons, and the list of calls kept up to date.

/** How often the list is asked for, in ms: a page of a demo on the same machine. */
const REFRESH_EVERY = 1000;

const $ = (id) => document.getElementById(id);
const newCall = $("new-call");
const busyForm = $("busy");
let agents = {};
/** Elements by call and agent id, so that a refresh moves and changes them, and never takes the focus. */
const callItems = new Map();
const agentCards = new Map();

/** Ask the API; resolves to its answer, or to null with the trouble shown in words. */
async function ask(method, path, body) {
  try {
    const response = await fetch(path, {
      method,
      headers: body ? { "Content-Type": "application/json" } : {},
      body: body && JSON.stringify(body),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.title);
    if (method !== "GET") trouble("");
    return answer;
  } catch (error) {
    trouble(error instanceof TypeError ? "This page cannot reach the simulated phone system. Is the demo still running?" : error.message);
    return null;
  }
}

function trouble(text) {
  const box = $("trouble");
  if (box.textContent !== text) box.textContent = text;
  box.hidden = !text;
}

function caller() {
  return newCall.contact.value || newCall.number.value;
}

async function ring(agent) {
  const body = { agent, from: caller(), channel: newCall.channel.value, direction: newCall.direction.value };
  await ask("POST", "/calls", body);
  await refresh();
}

async function act(id, action, body) {
  await ask("POST", `/calls/${encodeURIComponent(id)}/${action}`, body);
  await refresh();
}

function agentCard(id) {
  let card = agentCards.get(id);
  if (!card) {
    card = $("agent-template").content.firstElementChild.cloneNode(true);
    card.querySelector(".persona").textContent = agents[id][0];
    card.querySelector("h3").textContent = `${agents[id]} (${id})`;
    const button = card.querySelector("button");
    button.setAttribute("aria-label", `Ring ${agents[id]}`);
    button.addEventListener("click", () => newCall.reportValidity() && ring(id));
    $("agents").append(card);
    agentCards.set(id, card);
  }
  return card;
}

function callItem(call) {
  let item = callItems.get(call.id);
  if (!item) {
    item = $("call-template").content.firstElementChild.cloneNode(true);
    for (const button of item.querySelectorAll("button")) {
      button.addEventListener("click", () => act(call.id, button.dataset.action));
    }
    const transfer = item.querySelector("select");
    transfer.addEventListener("change", () => {
      const agent = transfer.value;
      transfer.value = "";
      if (agent) act(call.id, "transfer", { agent });
    });
    callItems.set(call.id, item);
  }
  const name = call.customer.name;
  item.dataset.state = call.state;
  item.querySelector("strong").textContent = name ?? call.customer.phone;
  item.querySelector(".phone").textContent = name ? call.customer.phone : "unknown caller";
  item.querySelector(".kind").textContent = kind(call);
  for (const option of item.querySelectorAll("option")) option.hidden = option.value === call.agent;
  const recording = item.querySelector("[data-action=recording]");
  recording.hidden = !call.answered || call.recorded;
  recording.textContent = call.channel === "chat" ? "Transcript ready" : "Recording ready";
  return item;
}

function kind(call) {
  if (call.state !== "ended") return `${call.direction} ${call.channel}, ${call.state}`;
  const end = call.answered ? (call.recorded ? (call.channel === "chat" ? "transcribed" : "recorded") : "answered") : "missed";
  return `${call.direction} ${call.channel}, ${end}, ${agents[call.agent] ?? call.agent}`;
}

/** Make a list hold exactly these elements in this order, moving only what is out of place. */
function arrange(list, items) {
  for (const old of [...list.children]) if (!items.includes(old)) old.remove();
  items.forEach((item, index) => {
    if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
  });
}

function showAgent(id, calls) {
  const card = agentCard(id);
  const state = calls.some((call) => call.state === "ringing") ? "ringing" : calls.length ? "talking" : "free";
  const badge = card.querySelector(".state");
  badge.dataset.state = state;
  badge.textContent = calls.length > 1 ? `${state}, ${calls.length} calls` : state;
  arrange(card.querySelector(".calls"), calls.map(callItem));
}

function showBusy(busy) {
  $("stop-busy").disabled = !busy;
  busyForm.querySelector("[type=submit]").disabled = Boolean(busy);
  const failed = busy?.failed ? `, ${busy.failed} failed` : "";
  $("busy-state").textContent = busy ? `Running: ${busy.sent} events sent${failed}.` : "Not running.";
}

function showTotals({ delivered, failed, last_error: error }) {
  const last = error ? ` Last trouble: ${error}.` : "";
  $("totals").textContent = `${delivered} events delivered to the adapter, ${failed} not.${last}`;
}

async function refresh() {
  const answer = await ask("GET", "/calls");
  if (!answer) return;
  agents = answer.agents;
  const live = answer.calls.filter((call) => call.state !== "ended");
  for (const id of Object.keys(agents)) showAgent(id, live.filter((call) => call.agent === id));
  arrange($("ended"), answer.calls.filter((call) => call.state === "ended").map(callItem));
  const known = new Set(answer.calls.map((call) => call.id));
  for (const id of callItems.keys()) if (!known.has(id)) callItems.delete(id);
  showBusy(answer.busy);
  showTotals(answer.events);
}

newCall.contact.addEventListener("change", () => {
  const free = !newCall.contact.value;
  $("number").hidden = !free;
  newCall.number.required = free;
});
newCall.addEventListener("submit", (event) => {
  event.preventDefault();
  ring(newCall.agent.value);
});
busyForm.addEventListener("submit", async (event) => {
  event.preventDefault();
  await ask("POST", "/busy", { rate: busyForm.rate.valueAsNumber, seconds: busyForm.seconds.valueAsNumber });
  await refresh();
});
$("stop-busy").addEventListener("click", async () => {
  await ask("DELETE", "/busy");
  await refresh();
});

async function keepUp() {
  if (!document.hidden) await refresh();
  setTimeout(keepUp, REFRESH_EVERY);
}
keepUp();
