// The desk's HTTP API. Every failure becomes an ApiError with a stable code.

const root = new URL("../api/v1/", document.baseURI);

/** What went wrong, as problem+json says it; `code` is "network" where no answer came, `wait` the seconds of Retry-After. */
export class ApiError extends Error {
  constructor(code, status, detail, fields = [], wait = 0) {
    super(detail || code);
    Object.assign(this, { code, status, detail, fields, wait });
  }
}

export const socketAddress = (path) => new URL(path, root).href.replace(/^http/, "ws");

async function call(method, path, body, headers = {}) {
  const raw = body instanceof FormData;
  const options = { method, headers: { Accept: "application/json", ...headers }, credentials: "same-origin" };
  if (body !== undefined) {
    options.body = raw ? body : JSON.stringify(body);
    if (!raw) options.headers["Content-Type"] = "application/json";
  }
  const answer = await fetch(new URL(path, root), options).catch(() => {
    throw new ApiError("network", 0, "");
  });
  const said = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (answer.ok) return said;
  const wait = Number(answer.headers.get("Retry-After")) || 0;
  throw new ApiError(said?.code ?? `http_${answer.status}`, answer.status, said?.detail ?? said?.title ?? "", said?.errors, wait);
}

const query = (values) => {
  const set = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return set.length ? `?${new URLSearchParams(set)}` : "";
};
const thread = (id, rest = "") => `conversations/${encodeURIComponent(id)}${rest}`;

export const api = {
  login: (body) => call("POST", "login", body),
  logout: () => call("POST", "logout"),
  me: () => call("GET", "me"),
  presence: (state) => call("PUT", "me/presence", { state }),
  queues: () => call("GET", "queues"),
  channels: () => call("GET", "channels"),
  colleagues: () => call("GET", "colleagues"),
  vocabulary: () => call("GET", "vocabulary"),
  conversations: (filter) => call("GET", `conversations${query(filter)}`),
  conversation: (id) => call("GET", thread(id)),
  messages: (id, page) => call("GET", thread(id, `/messages${query(page)}`)),
  say: (id, message) => call("POST", thread(id, "/messages"), message, { "Idempotency-Key": message.id }),
  resolve: (id, message, as) => call("POST", thread(id, `/messages/${encodeURIComponent(message)}/resolve`), { as }),
  move: (id, verb, body = {}) => call("POST", thread(id, `/${verb}`), body),
  read: (id, seq) => call("POST", thread(id, "/read"), { seq }),
  typing: (id) => call("POST", thread(id, "/typing"), {}),
  explain: (id) => call("GET", thread(id, "/explain")),
  callback: (id) => call("GET", thread(id, "/callback")),
  callLink: (id) => call("GET", thread(id, "/callback/link")),
  dial: (id) => call("POST", thread(id, "/callback/dial"), {}),
  callResult: (id, body) => call("POST", thread(id, "/callback/outcome"), body),
  callSlots: (id) => call("GET", thread(id, "/callback/slots?limit=2000")),
  moveCall: (id, slot) => call("POST", thread(id, "/callback/slot"), { slot }),
  cancelCall: (id) => call("POST", thread(id, "/callback/cancel"), {}),
  tryMessage: (message) => call("POST", "explain", message),
  customer: (id) => call("GET", `customers/${encodeURIComponent(id)}`),
  formatted: (conversation, id, pictures) =>
    new URL(`conversations/${encodeURIComponent(conversation)}/messages/${encodeURIComponent(id)}/html${pictures ? "?pictures=true" : ""}`, root).href,
  attachment: (id) => new URL(`attachments/${encodeURIComponent(id)}`, root).href,
  upload(file) {
    const body = new FormData();
    body.append("file", file, file.name || "picture.png");
    return call("POST", "attachments", body);
  },
};
