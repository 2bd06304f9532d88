// What the page asks of the service. Data travels in bodies alone, never in an address.

// A request that failed: the service is not there, refuses, or answers with what nobody can read.
// Everything else that goes wrong is a fault of this page, and must not be told as one of the service.
export class RequestFailed extends Error {}

async function read(answer) {
  let body;
  try {
    body = await answer.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new RequestFailed(`The service answered ${answer.status} with what cannot be read.`);
  }
  if (!answer.ok) throw new RequestFailed(body?.issue?.[0]?.diagnostics ?? `The service answered ${answer.status}.`);
  return body;
}

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new RequestFailed("The service does not answer. Is it still running?");
  }
  return read(answer);
}

function post(path, body, signal) {
  const headers = { "Content-Type": "application/json" };
  return ask(path, { method: "POST", headers, body: JSON.stringify(body), signal });
}

export const readPatient = (name) => ask(`/workbench/patients/${encodeURIComponent(name)}`);
export const readOrders = () => ask("/workbench/orders");
export const evaluate = (wish, signal) => post("/workbench/evaluate", wish, signal);
export const sendFeedback = (item) => post("/workbench/feedback", { feedback: [item] });
