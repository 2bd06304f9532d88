// The draft orders, as an EHR keeps them: a list of {resource, fullUrl, selected, from}. Nothing here touches the page.
// An entry of a pasted call that holds no resource has the resource null, and is sent as it came (`raw`).
import { asList, asObject, entriesOf } from "./shapes.js";

const PATIENT = "{{context.patientId}}";
export const SUGGESTED = "suggestion";

export const nameOf = (resource) => (resource?.id ? `${resource.resourceType}/${resource.id}` : "");

// An id may hold anything: quotes, and what replaceAll would take for a pattern if it were not given by a function.
function copyFor(value, patientId) {
  const inside = JSON.stringify(patientId).slice(1, -1);
  return JSON.parse(JSON.stringify(value ?? null).replaceAll(PATIENT, () => inside));
}

// Two templates may use one id: the later one takes another, wherever it is named in its own entries.
function withFreeIds(bundle, selections, taken) {
  let text = JSON.stringify({ bundle, selections });
  for (const { resource } of entriesOf(bundle)) {
    const name = nameOf(resource);
    if (!name || !taken.has(name)) continue;
    let number = 2;
    while (taken.has(`${name}-${number}`)) number += 1;
    text = text.replaceAll(`"${name}"`, `"${name}-${number}"`);
    const free = JSON.parse(text);
    const renamed = entriesOf(free.bundle).find((entry) => nameOf(entry.resource) === name);
    if (renamed) renamed.resource.id = `${resource.id}-${number}`;
    text = JSON.stringify(free);
  }
  return JSON.parse(text);
}

export function addTemplate(drafts, template, patientId, from) {
  const taken = new Set(drafts.map((draft) => nameOf(draft.resource)));
  const copy = copyFor({ bundle: template.draftOrders, selections: template.selections }, patientId);
  const { bundle, selections } = withFreeIds(copy.bundle, copy.selections, taken);
  const isSelected = (entry) =>
    !selections || asList(selections).some((found) => [nameOf(entry.resource), entry.resource?.id, entry.fullUrl].includes(found));
  const added = asList(asObject(bundle).entry).map((item) => {
    const entry = asObject(item);
    const isOrder = entry.resource !== null && typeof entry.resource === "object";
    const held = isOrder ? { resource: entry.resource, fullUrl: entry.fullUrl ?? "" } : { resource: null, fullUrl: "", raw: item };
    return { ...held, selected: isSelected(entry), from };
  });
  return [...drafts, ...added];
}

export const removeFrom = (drafts, from) => drafts.filter((draft) => draft.from !== from);

export function applySuggestion(drafts, suggestion) {
  let changed = drafts.map((draft) => ({ ...draft }));
  for (const action of suggestion.actions ?? []) {
    if (action.type === "delete") {
      const gone = [].concat(action.resourceId ?? nameOf(action.resource ?? {}));
      changed = changed.filter((draft) => !gone.includes(nameOf(draft.resource)) && !gone.includes(draft.fullUrl));
    } else if (action.type === "update") {
      const name = nameOf(action.resource);
      changed = changed.map((draft) => (nameOf(draft.resource) === name ? { ...draft, resource: action.resource } : draft));
    } else if (action.type === "create") {
      const taken = new Set(changed.map((draft) => draft.resource?.id));
      let number = 1;
      while (taken.has(`suggested-${number}`)) number += 1;
      const resource = { ...structuredClone(action.resource), id: `suggested-${number}` };
      changed.push({ resource, fullUrl: "", selected: true, from: SUGGESTED });
    }
  }
  return changed;
}

export function toContext(drafts, hook) {
  const entry = drafts.map(({ resource, fullUrl, raw }) => {
    if (!resource) return raw;
    return fullUrl ? { fullUrl, resource } : { resource };
  });
  const draftOrders = { resourceType: "Bundle", type: "collection", ...(entry.length ? { entry } : {}) };
  if (hook !== "order-select") return { draftOrders };
  const named = drafts.filter((draft) => draft.selected).map((draft) => nameOf(draft.resource) || draft.fullUrl);
  const selections = named.filter(Boolean);
  return { draftOrders, selections };
}

export function labelOf(resource) {
  const { medicationCodeableConcept, code, action, resourceType } = asObject(resource);
  const concept = asObject(medicationCodeableConcept ?? code);
  const shown = asList(concept.coding).find((coding) => asObject(coding).display);
  return String(concept.text || shown?.display || asObject(asList(action)[0]).title || resourceType || "Holds no order");
}
