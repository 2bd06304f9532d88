// Drawing what is known: drafts, JSON, tabs, the dialog, feedback. Text enters the page as text.
import { labelOf, nameOf } from "./drafts.js";
import { asList, asObject, entriesOf } from "./shapes.js";

export const $ = (id) => document.getElementById(id);

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

export function showDrafts(list, drafts, hook) {
  const rows = drafts.map((draft, place) => {
    const label = labelOf(draft.resource);
    const box = make("input", { type: "checkbox", "data-select": place, id: `draft-${place}` });
    box.checked = draft.selected;
    const text = make("label", hook === "order-select" ? { for: `draft-${place}` } : {}, make("span", { class: "name" }, label));
    const about = make("span", { class: "quiet", "data-about": nameOf(draft.resource) }, String(draft.resource?.resourceType ?? ""));
    const remove = make("button", { type: "button", class: "quietly", "data-remove": place, "aria-label": `Remove ${label}` }, "Remove");
    const picker = hook === "order-select" ? [box] : [];
    return make("li", { class: draft.from === "suggestion" ? "suggested" : "" }, ...picker, make("div", {}, text, about), remove);
  });
  list.replaceChildren(...rows);
  $("no-drafts").hidden = drafts.length > 0;
}

export function tellDrafts(list, orders) {
  for (const order of orders ?? []) {
    const about = [...list.querySelectorAll("[data-about]")].find((element) => element.dataset.about === order.reference);
    if (about) about.textContent = order.kinds.length ? order.why : `not ours: ${order.why}`;
  }
}

export function showJson(element, value) {
  element.textContent = value === null || value === undefined ? "" : JSON.stringify(value, null, 2);
}

export function describeSent(value, isThere) {
  if (!isThere) return "absent";
  if (value === null) return "null";
  if (value?.resourceType === "OperationOutcome") return "error";
  if (value?.resourceType !== "Bundle") return typeof value === "object" ? "1" : "unreadable";
  const entries = entriesOf(value);
  const found = entries.filter((entry) => entry.resource?.resourceType !== "OperationOutcome").length;
  const more = (value.total ?? found) > found || asList(value.link).some((link) => asObject(link).relation === "next");
  const troubled = entries.length > found ? " + outcome" : "";
  return more ? `${found}, more exist` : `${found}${troubled}`;
}

export function findResource(request, reference) {
  const places = [...Object.values(asObject(request?.prefetch)), request?.context?.draftOrders];
  for (const value of places) {
    for (const resource of [value, ...entriesOf(value).map((entry) => entry.resource)]) {
      if (resource && nameOf(resource) === reference) return resource;
    }
  }
  return null;
}

// Tabs as the ARIA practices have them: one stop, arrows move. The chosen one outlives new content.
export function installTabs(tablist) {
  const tabs = [...tablist.querySelectorAll("[role=tab]")];
  const choose = (chosen, focus) => {
    for (const tab of tabs) {
      const isChosen = tab === chosen;
      tab.setAttribute("aria-selected", String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
      const panel = $(tab.getAttribute("aria-controls"));
      if (panel) panel.hidden = !isChosen;
    }
    if (focus) chosen.focus();
  };
  tablist.addEventListener("click", (event) => {
    const tab = event.target.closest("[role=tab]");
    if (tab) choose(tab, false);
  });
  tablist.addEventListener("keydown", (event) => {
    const at = tabs.indexOf(document.activeElement);
    const steps = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 };
    if (at < 0 || !(event.key in steps)) return;
    event.preventDefault();
    choose(tabs[(steps[event.key] + tabs.length) % tabs.length], true);
  });
  return {
    refresh: () => choose(tabs.find((tab) => tab.getAttribute("aria-selected") === "true"), false),
    choose: (id) => choose($(id), true),
  };
}

export function openDialog(title, ...children) {
  $("dialog-title").textContent = title;
  $("dialog-body").replaceChildren(...children);
  $("dialog").showModal();
}

export function installDialog(onClose) {
  const dialog = $("dialog");
  $("dialog-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("close", () => {
    onClose($("dialog-body"));
    $("dialog-body").replaceChildren();
  });
}

// `answer` is what came back, or `failure` the words for why nothing did.
export function showFeedback(list, service, item, { answer, failure }) {
  const request = make("pre", { tabindex: "0", "aria-label": "Feedback request" });
  showJson(request, { feedback: [item] });
  const reply = make("pre", { tabindex: "0", "aria-label": "Feedback answer" });
  showJson(reply, answer);
  const after = failure
    ? [make("p", { class: "notice" }, `Not sent: ${failure}`)]
    : [make("p", { class: "quiet" }, "With a store, a server that showed this card would answer:"), reply];
  const line = make("code", {}, `POST /cds-services/${service}/feedback`);
  list.prepend(make("li", {}, make("p", {}, make("b", {}, item.outcome), " ", line), request, ...after));
}

// Marks a card that was overridden, as an EHR hides it; its uuid is stable for the same finding.
export function foldOverridden(cards, overridden) {
  for (const card of cards.querySelectorAll("[data-card]")) {
    const reason = overridden.get(card.dataset.card);
    if (reason === undefined) continue;
    const again = make("button", { type: "button", class: "link", "data-again": card.dataset.card }, "Show again");
    const text = make("p", {}, make("b", {}, "Overridden: "), card.dataset.summary, ` (${reason}) `, again);
    card.replaceChildren(text);
    card.classList.add("overridden");
    card.removeAttribute("aria-labelledby");
  }
}

export function countCards(status, cards) {
  if (status !== 200) return `The service answers ${status}.`;
  if (!cards.length) return "No cards.";
  const counts = {};
  for (const card of cards) counts[card.indicator] = (counts[card.indicator] ?? 0) + 1;
  const parts = Object.entries(counts).map(([indicator, count]) => `${count} ${indicator}`);
  return `${cards.length === 1 ? "1 card" : `${cards.length} cards`}: ${parts.join(", ")}.`;
}
