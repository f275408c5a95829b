// Making elements. Text only ever becomes a text node: nothing an agent says can be markup here.

/** An element. `on…` are listeners, `true` an empty attribute; null, false and undefined are left out. */
export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value == null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child != null && child !== false));
  return node;
}

/** Show these children and no others; nothing is touched if they are the same. */
export function fill(node, ...children) {
  const wanted = children.flat().filter((child) => child != null && child !== false);
  const same = wanted.length === node.childNodes.length;
  if (same && wanted.every((child, at) => node.childNodes[at] === child)) return;
  node.replaceChildren(...wanted);
}

/** Set a node's text, if it differs. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A time for reading, with the full one as its tooltip. */
export function timeOf(stamp) {
  const moment = new Date(stamp);
  if (Number.isNaN(moment.getTime())) return h("span");
  return h("time", { datetime: moment.toISOString(), title: moment.toLocaleString() }, ago(moment));
}

function ago(moment) {
  const seconds = Math.max(0, Math.round((Date.now() - moment) / 1000));
  if (seconds < 5) return "now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}

/** What went wrong, what to do next, and details for who asks. */
export function problem(error) {
  const details = [error.code, error.requestId && `request ${error.requestId}`].filter(Boolean);
  const fields = (error.fields ?? []).filter((one) => !error.message.includes(one.message));
  return h(
    "div",
    { class: "problem", role: "alert" },
    h("p", {}, h("strong", {}, error.message)),
    error.hint && h("p", {}, error.hint),
    fields.map((one) => h("p", {}, `${one.field}: ${one.message}`)),
    details.length > 0 &&
      h("details", {}, h("summary", {}, "Details"), h("code", {}, details.join(" · "))),
  );
}
