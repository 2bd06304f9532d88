// Deep links: #patient=..&hook=..&orders=a,b&missing=reports:error. They name stored things, and never hold pasted data.
// Without `orders` a link opens the story's own. What a link asks for and is no link's is told as `ignored`.

const NAMES = new Set(["patient", "hook", "orders", "missing"]);
const WAYS = new Set(["absent", "null", "error", "partial"]);

export function readLink(hash) {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  // An address without "=" is a place on the page, as that of the skip link.
  const asked = hash.includes("=") ? [...given] : [];
  const isTaken = ([name], at) => NAMES.has(name) && asked.findIndex(([other]) => other === name) === at;
  const ignored = asked.filter((pair, at) => !isTaken(pair, at)).map((pair) => pair.join("="));
  const missing = [];
  for (const part of (given.get("missing") ?? "").split(",").filter(Boolean)) {
    const [key, how, ...more] = part.split(":");
    if (key && WAYS.has(how) && !more.length) missing.push([key, how]);
    else ignored.push(`missing ${part}`);
  }
  return {
    patient: given.get("patient") ?? "",
    hook: given.get("hook") ?? "",
    orders: given.has("orders") ? given.get("orders").split(",").filter(Boolean) : null,
    missing,
    ignored,
  };
}

export function writeLink({ patient, hook, orders, missing }) {
  const parts = [`patient=${encodeURIComponent(patient)}`, `hook=${encodeURIComponent(hook)}`];
  if (orders) parts.push(`orders=${orders.map(encodeURIComponent).join(",")}`);
  const ways = Object.entries(missing).map(([key, how]) => `${encodeURIComponent(key)}:${how}`);
  if (ways.length) parts.push(`missing=${ways.join(",")}`);
  return `#${parts.join("&")}`;
}
