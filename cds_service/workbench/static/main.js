// The workbench: what is chosen, and what happens when it changes. Every change asks the service again.
import { evaluate, readOrders, readPatient, RequestFailed, sendFeedback } from "./ask.js";
import { addTemplate, applySuggestion, removeFrom, SUGGESTED, toContext } from "./drafts.js";
import { readLink, writeLink } from "./link.js";
import { asObject, findPatient } from "./shapes.js";
import {
  $, countCards, describeSent, findResource, foldOverridden, installDialog, installTabs, make, openDialog, showDrafts,
  showFeedback, showJson, tellDrafts,
} from "./show.js";

const OWN = "story";
const state = {
  patient: null, // a stored patient as the service tells it
  text: "", // or what was pasted
  now: "", // the time that was chosen for what was pasted
  patientId: "",
  hook: "order-select",
  drafts: [],
  isOwnContext: false, // a pasted call is first sent with its own orders and hook
  missing: {},
  overridden: new Map(),
  answer: null,
};
let templates = {};
let asking = null;
let visits = 0; // counts the patients that were chosen: what belongs to an earlier one is dropped

const hookInputs = () => [...document.querySelectorAll("input[name=hook]")];
const missingInputs = () => [...document.querySelectorAll("[data-missing]")];
const tabs = installTabs(document.querySelector("[role=tablist]"));

function wish() {
  const source = state.text ? { text: state.text } : { patient: state.patient.name };
  const wished = { ...source, missing: state.missing };
  if (state.now) wished.now = state.now;
  if (state.isOwnContext) return wished;
  return { ...wished, hook: state.hook, ...toContext(state.drafts, state.hook) };
}

async function refresh({ focusCards = false } = {}) {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  $("cards").setAttribute("aria-busy", "true");
  try {
    const answer = await evaluate(wish(), signal);
    state.answer = answer;
    if (state.isOwnContext) adoptContext(answer.request);
    showAnswer(answer);
  } catch (error) {
    if (error.name === "AbortError") return;
    showFailure(error);
  }
  $("cards").removeAttribute("aria-busy");
  if (focusCards) $("cards-title").focus();
}

// From here on the orders of a pasted call are changed as any others; not before all of them were read.
function adoptContext(request) {
  if (!request?.context) return;
  const context = asObject(request.context);
  const patientId = String(context.patientId ?? "");
  const drafts = addTemplate([], context, patientId, OWN);
  Object.assign(state, { hook: request.hook, patientId, drafts, isOwnContext: false });
  showChoices();
}

function showAnswer(answer) {
  $("cards").innerHTML = answer.html.cards;
  $("why").innerHTML = answer.html.why;
  $("timeline").innerHTML = answer.html.timeline;
  foldOverridden($("cards"), state.overridden);
  tellDrafts($("drafts"), answer.explanation?.orders);
  for (const cell of document.querySelectorAll("[data-sent]")) {
    const prefetch = asObject(answer.request?.prefetch);
    cell.textContent = describeSent(prefetch[cell.dataset.sent], cell.dataset.sent in prefetch);
  }
  $("status").textContent = `${countCards(answer.status, answer.response.cards ?? [])} Computed in ${answer.ms} ms.`;
  $("request-line").textContent = answer.service ? `POST /cds-services/${answer.service}` : "No call could be made of it.";
  const isOfAnotherTime = answer.service && !(state.text && !state.now);
  $("request-time").textContent = isOfAnotherTime
    ? `Decided as of ${answer.now.slice(0, 10)}; sent today, cards that depend on dates may differ.`
    : "";
  $("response-line").textContent = `Status ${answer.status}`;
  showJson($("request-json"), answer.request);
  showJson($("response-json"), answer.response);
  tabs.refresh();
}

// Nothing of an earlier answer stays on the page: it would stand under the heading of another call.
function showFailure(error) {
  asking?.abort();
  $("cards").removeAttribute("aria-busy");
  const isOfService = error instanceof RequestFailed;
  const title = isOfService ? "No answer" : "This page cannot show the answer";
  const text = isOfService ? error.message : `The fault is in the page, not in the service: ${error.message}`;
  state.answer = null;
  $("cards").replaceChildren(make("article", { class: "card refused" }, make("h3", {}, title), make("p", {}, text)));
  const place = { class: "tabpanel", role: "tabpanel", id: "place", "aria-labelledby": "tab-place" };
  $("why").replaceChildren(make("div", place, make("p", { class: "notice" }, "There is no answer to explain.")));
  $("timeline").replaceChildren();
  for (const about of $("drafts").querySelectorAll("[data-about]")) about.textContent = "";
  for (const cell of document.querySelectorAll("[data-sent]")) cell.textContent = "";
  for (const id of ["request-line", "request-time", "request-json", "response-line", "response-json"]) $(id).textContent = "";
  $("status").textContent = text;
  tabs.refresh();
}

function showChoices() {
  for (const input of hookInputs()) input.checked = input.value === state.hook;
  for (const input of missingInputs()) {
    input.value = state.missing[input.dataset.missing] ?? "";
    input.closest("tr").classList.toggle("changed", Boolean(input.value));
  }
  const ways = Object.keys(state.missing).length;
  $("missing-count").hidden = !ways;
  $("missing-count").textContent = `${ways} changed`;
  for (const chip of document.querySelectorAll("[data-order]")) {
    chip.setAttribute("aria-pressed", String(state.drafts.some((draft) => draft.from === chip.dataset.order)));
  }
  for (const pick of document.querySelectorAll("[data-patient]")) {
    const isChosen = !state.text && pick.dataset.patient === state.patient?.name;
    if (isChosen) pick.setAttribute("aria-current", "true");
    else pick.removeAttribute("aria-current");
  }
  showDrafts($("drafts"), state.drafts, state.hook);
}

function showStory() {
  const patient = state.patient;
  $("story-title").textContent = state.text ? "Your own data" : patient.title;
  $("story").textContent = state.text ? "Kept in this page alone; leave or reload it and the data is gone." : patient.story;
  const note = $("story-time").closest("p");
  note.hidden = Boolean(state.text);
  if (!state.text) {
    $("story-time").textContent = patient.now.slice(0, 10);
    $("story-time").dateTime = patient.now;
  }
}

// The names of the stored orders that give exactly these drafts; null if none do, as after a change by hand.
function storedOrders() {
  const names = [...new Set(state.drafts.map((draft) => draft.from))];
  if (names.includes(SUGGESTED)) return null;
  return JSON.stringify(storyOrders(names)) === JSON.stringify(state.drafts) ? names : null;
}

function keepLink() {
  const orders = state.text ? null : storedOrders();
  $("link-note").hidden = Boolean(state.text || orders);
  const hash = state.text ? "" : writeLink({ patient: state.patient.name, hook: state.hook, orders, missing: state.missing });
  if (hash === window.location.hash) return;
  window.history.replaceState(null, "", hash || window.location.pathname);
}

function changed(options) {
  if (!state.patient && !state.text) return Promise.resolve();
  showChoices();
  keepLink();
  return refresh(options);
}

const isOfStory = (name) => name === state.patient.orders || name === OWN;
const isOrder = (name) => isOfStory(name) || Object.hasOwn(templates, name);

// The story's own orders; by the name of their file, where they are one, so that its chip is pressed.
function storyOrders(names) {
  const patient = state.patient;
  const wanted = names ?? [patient.orders];
  let drafts = [];
  for (const name of wanted) {
    if (isOfStory(name)) drafts = addTemplate(drafts, patient, state.patientId, patient.orders);
    else if (isOrder(name)) drafts = addTemplate(drafts, templates[name], state.patientId, name);
  }
  return drafts;
}

// Only the ways of missing that a list on the page offers: any other could be neither seen nor taken back.
const isOffered = ([key, how]) =>
  missingInputs().some((input) => input.dataset.missing === key && [...input.options].some((option) => option.value === how));

// Takes from a link what is known here, and says what was left out of it. Of its orders at least one must be known.
function adoptLink({ hook = "", orders = null, missing = [], ignored = [] }) {
  const isHook = hookInputs().some((input) => input.value === hook);
  const known = (orders ?? []).filter(isOrder);
  const isLost = Boolean(orders?.length) && !known.length;
  state.hook = isHook ? hook : state.patient.hooks[0];
  state.missing = Object.fromEntries(missing.filter(isOffered));
  state.drafts = storyOrders(isLost || !orders ? null : known);
  const left = [
    ...(hook && !isHook ? [`hook ${hook}`] : []),
    ...(orders ?? []).filter((name) => !isOrder(name)).map((name) => `order ${name}`),
    ...missing.filter((way) => !isOffered(way)).map((way) => `missing ${way.join(":")}`),
    ...ignored,
  ];
  if (!left.length) return;
  tellPatient(`Left out of this link, because it is not known here: ${left.join("; ")}.${isLost ? " The orders are the story's own." : ""}`);
}

function tellPatient(text) {
  $("patient-note").textContent = text;
  $("patient-note").hidden = !text;
}

function leaveFeedback() {
  $("feedback").hidden = true;
  $("feedback-list").replaceChildren();
  state.overridden.clear();
}

async function choosePatient(name, link = {}) {
  visits += 1;
  const visit = visits;
  let patient;
  try {
    patient = await readPatient(name);
  } catch (error) {
    if (visit === visits) showFailure(error);
    return;
  }
  if (visit !== visits) return;
  Object.assign(state, { patient, text: "", now: "", patientId: patient.patientId, isOwnContext: false });
  adoptLink(link);
  leaveFeedback();
  showStory();
  $("missing").open = $("missing").open || Object.keys(state.missing).length > 0;
  await changed();
}

// The list closes, so that the record below it is in sight again.
function pick(name) {
  tellPatient("");
  $("picker").open = false;
  $("picker").querySelector("summary").focus();
  return choosePatient(name);
}

function useOwn() {
  const text = $("own-text").value;
  if (!text.trim()) {
    $("own-text").focus();
    return;
  }
  let pasted = null;
  try {
    pasted = JSON.parse(text);
  } catch {
    // The service says what is wrong with it.
  }
  visits += 1;
  tellPatient("");
  const isBundle = pasted?.resourceType === "Bundle";
  Object.assign(state, { text, missing: {}, isOwnContext: !isBundle, patientId: "", drafts: [] });
  state.now = $("own-now").value ? `${$("own-now").value}Z` : "";
  leaveFeedback();
  showStory();
  showChoices();
  sendOwn(isBundle ? pasted : null).catch(showFailure);
}

// A Bundle brings no orders: it is sent with some that are stored.
async function sendOwn(bundle) {
  if (bundle) {
    state.patientId = String(findPatient(bundle)?.id ?? "");
    const first = templates.folfirinox ? "folfirinox" : Object.keys(templates)[0];
    if (first) state.drafts = addTemplate([], templates[first], state.patientId, first);
  }
  await changed({ focusCards: true });
}

const cardOf = (element) => element.closest("[data-card]").dataset.card;

// Feedback is sent once the page shows what was done. That it fails concerns nothing but the list of feedback.
async function report(service, visit, item) {
  if (visit !== visits) return;
  const sent = { ...item, outcomeTimestamp: new Date().toISOString() };
  let outcome;
  try {
    outcome = { answer: await sendFeedback(sent) };
  } catch (error) {
    outcome = { failure: error.message };
  }
  if (visit !== visits) return;
  $("feedback").hidden = false;
  showFeedback($("feedback-list"), service, sent, outcome);
}

// A second click must not do it twice. The buttons come back with the next answer.
function disableCard(element) {
  for (const button of element.closest("[data-card]").querySelectorAll("button")) button.disabled = true;
}

async function accept(button) {
  const uuid = cardOf(button);
  const visit = visits;
  const { service, response } = state.answer;
  const card = response.cards.find((found) => found.uuid === uuid);
  const suggestion = card.suggestions.find((found) => found.uuid === button.dataset.suggestion);
  const drafts = applySuggestion(state.drafts, suggestion);
  disableCard(button);
  state.drafts = drafts;
  await changed({ focusCards: true });
  await report(service, visit, { card: uuid, outcome: "accepted", acceptedSuggestions: [{ id: suggestion.uuid }] });
}

async function override(button) {
  const card = button.closest("[data-card]");
  const choice = card.querySelector("[data-reason]");
  const option = choice.selectedOptions[0];
  const reason = { code: choice.value, system: option?.dataset.system, display: option?.textContent };
  const comment = card.querySelector("[data-comment]").value.trim();
  const overrideReason = comment ? { reason, userComment: comment } : { reason };
  const visit = visits;
  const { service } = state.answer;
  disableCard(card);
  state.overridden.set(card.dataset.card, reason.display);
  foldOverridden($("cards"), state.overridden);
  $("cards-title").focus();
  await report(service, visit, { card: card.dataset.card, outcome: "overridden", overrideReason });
}

function showResource(reference) {
  const resource = findResource(state.answer?.request, reference);
  if (!resource) {
    openDialog(reference, ...tellNotBrought(reference));
    return;
  }
  const body = make("pre", { tabindex: "0", "aria-label": reference });
  showJson(body, resource);
  openDialog(reference, body);
}

// Why a resource is not in the call: how each search for its type was sent, and what was made of that.
function tellNotBrought(reference) {
  const kind = reference.split("/")[0];
  const explanation = state.answer?.explanation;
  const cells = [...document.querySelectorAll("[data-sent]")].filter((cell) => cell.dataset.kind === kind);
  const lines = cells.map(({ dataset, textContent }) => {
    const search = explanation?.searches[dataset.sent];
    const problems = search?.problems.length ? ` (${search.problems.join("; ")})` : "";
    const unread = explanation ? ", not needed for this call" : "";
    return make("li", {}, `${dataset.sent}: sent as ${textContent}${search ? `, read as ${search.completeness}${problems}` : unread}`);
  });
  const told = make("p", {}, "The call does not bring this resource.");
  if (!lines.length) return [told, make("p", {}, "No search of this service asks for its type.")];
  return [told, make("p", {}, "The searches that could bring it:"), make("ul", {}, ...lines)];
}

function enlarge() {
  const picture = document.querySelector("figure.flow svg");
  if (picture) openDialog("The pathway", make("div", { class: "flow large", tabindex: "0", role: "region", "aria-label": "The pathway, scrollable" }, picture));
}

function searchPatients() {
  const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const group of document.querySelectorAll("#patients .group")) {
    let isEmpty = true;
    for (const pick of group.querySelectorAll("[data-patient]")) {
      const isFound = words.every((word) => pick.dataset.words.includes(word));
      pick.closest("li").hidden = !isFound;
      isEmpty &&= !isFound;
      count += isFound;
    }
    group.hidden = isEmpty;
  }
  $("search-count").textContent = words.length ? `${count} found` : "";
}

function onClick(event) {
  if (event.target.closest(".skip")) {
    // The address holds the state: a jump by its hash would put another in its place.
    event.preventDefault();
    $("cards-title").focus();
    return;
  }
  const target = event.target.closest("button, [data-reference]");
  if (!target) return;
  const data = target.dataset;
  if (data.patient) pick(data.patient);
  else if (data.order) toggleOrder(data.order);
  else if (data.remove) removeDraft(Number(data.remove));
  else if (data.suggestion) accept(target).catch(showFailure);
  else if ("override" in data) override(target).catch(showFailure);
  else if (data.again) {
    state.overridden.delete(data.again);
    showAnswer(state.answer);
    $("cards-title").focus();
  } else if (data.reference) showResource(data.reference);
  else if (data.tab) tabs.choose(data.tab);
  else if (target.id === "enlarge") enlarge();
  else if (target.id === "own-use") useOwn();
  else if (target.id === "missing-reset") {
    state.missing = {};
    changed();
  }
}

function toggleOrder(name) {
  const isThere = state.drafts.some((draft) => draft.from === name);
  state.drafts = isThere ? removeFrom(state.drafts, name) : addTemplate(state.drafts, templates[name], state.patientId, name);
  changed();
}

function removeDraft(place) {
  state.drafts = state.drafts.filter((_, at) => at !== place);
  changed();
  const buttons = $("drafts").querySelectorAll("[data-remove]");
  (buttons[Math.min(place, buttons.length - 1)] ?? $("adding").querySelector("summary")).focus();
}

function onChange(event) {
  const { target } = event;
  if (target.name === "hook") {
    state.hook = target.value;
    changed();
  } else if (target.dataset.select) {
    state.drafts[Number(target.dataset.select)].selected = target.checked;
    keepLink();
    refresh();
  } else if (target.dataset.missing) {
    const { [target.dataset.missing]: _, ...others } = state.missing;
    state.missing = target.value ? { ...others, [target.dataset.missing]: target.value } : others;
    changed();
  } else if (target.id === "own-file" && target.files[0]) {
    target.files[0].text().then((text) => {
      $("own-text").value = text;
    });
  }
}

function followLink() {
  const link = readLink(window.location.hash);
  const { first } = document.body.dataset;
  const isStored = [...document.querySelectorAll("[data-patient]")].some((found) => found.dataset.patient === link.patient);
  const isNobody = Boolean(link.patient) && !isStored;
  const isMore = link.hook || link.orders || link.missing.length || link.ignored.length;
  const instead = first ? ` This is the first one${isMore ? "; nothing else of the link was taken" : ""}.` : "";
  tellPatient(isNobody ? `No stored patient is called ${link.patient}.${instead}` : "");
  if (isStored) choosePatient(link.patient, link);
  else if (first) choosePatient(first, link.patient ? {} : link);
}

document.addEventListener("click", onClick);
document.addEventListener("change", onChange);
document.addEventListener("keydown", (event) => {
  const button = event.target.closest?.("svg [role=button]");
  if (button && (event.key === "Enter" || event.key === " ")) {
    event.preventDefault();
    showResource(button.dataset.reference);
  }
});
$("search").addEventListener("input", searchPatients);
window.addEventListener("hashchange", () => {
  if (readLink(window.location.hash).patient) followLink();
});
// A picture that was enlarged goes back where it was.
installDialog((body) => {
  const picture = body.querySelector(".flow svg");
  if (picture) document.querySelector("figure.flow .drawing")?.replaceChildren(picture);
});

readOrders().then((found) => {
  templates = found;
}, showFailure).then(followLink);
