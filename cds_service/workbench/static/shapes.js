// Tolerant readers of JSON: what is pasted may have any shape, and the service answers it all the same.

export const asObject = (value) => (value !== null && typeof value === "object" && !Array.isArray(value) ? value : {});

export function asList(value) {
  if (value === null || value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

export const entriesOf = (bundle) => asList(asObject(bundle).entry).map(asObject);

// The patient of a Bundle, also inside the Bundles of a batch that was answered.
export function findPatient(bundle) {
  for (const { resource } of entriesOf(bundle)) {
    const found = asObject(resource).resourceType === "Bundle" ? findPatient(resource) : resource;
    if (asObject(found).resourceType === "Patient") return found;
  }
  return null;
}
