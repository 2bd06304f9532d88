// Deep links: #patient=..&hook=..&orders=a,b&missing=reports:error. They name stored things, and never hold pasted data.
// Without `orders` a link opens the story's own.

const WAYS = new Set(["absent", "null", "error", "partial"]);

export function readLink(hash) {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const missing = {};
  for (const part of (given.get("missing") ?? "").split(",")) {
    const [key, how] = part.split(":");
    if (key && WAYS.has(how)) missing[key] = how;
  }
  return {
    patient: given.get("patient") ?? "",
    hook: given.get("hook") ?? "",
    orders: given.has("orders") ? given.get("orders").split(",").filter(Boolean) : null,
    missing,
  };
}

export function writeLink({ patient, hook, orders, missing }) {
  const parts = [`patient=${encodeURIComponent(patient)}`, `hook=${encodeURIComponent(hook)}`];
  if (orders) parts.push(`orders=${orders.map(encodeURIComponent).join(",")}`);
  const ways = Object.entries(missing).map(([key, how]) => `${encodeURIComponent(key)}:${how}`);
  if (ways.length) parts.push(`missing=${ways.join(",")}`);
  return `#${parts.join("&")}`;
}
