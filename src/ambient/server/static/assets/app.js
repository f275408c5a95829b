// Which page is shown: by the address, which the person may keep, reload and share.

import { get, login, signIn, signInAgain } from "./api.js";
import { fill, h, problem, say } from "./dom.js";
import { listPage } from "./list.js";
import { newPage } from "./new.js";
import { sessionPage } from "./session.js";

const main = document.getElementById("main");
let leave = () => {};
let shown = 0;

const ROUTES = [
  [/^\/$/, async () => listPage(main, await firstProject())],
  [/^\/projects\/([^/]+)(?:\/sessions)?\/?$/, (project) => listPage(main, project)],
  [/^\/projects\/([^/]+)\/new$/, (project) => newPage(main, project, go)],
  [/^\/projects\/([^/]+)\/sessions\/([^/]+)$/, (project, name) => sessionPage(main, project, name)],
];

async function firstProject() {
  const { items } = await get("/api/projects?limit=100");
  return (items.find((one) => one.name === "default") ?? items[0])?.name ?? "default";
}

/** Show the page of the address. A page returns what is to be done when it is left. */
async function show() {
  away();
  const turn = shown;
  for (const [pattern, open] of ROUTES) {
    const found = pattern.exec(location.pathname);
    if (!found) continue;
    try {
      const left = (await open(...found.slice(1).map(decodeURIComponent))) ?? (() => {});
      if (turn === shown) leave = left;
      else left(); // another page was asked for meanwhile
    } catch (error) {
      if (error.status !== 401 && turn === shown) fill(main, h("h1", {}, "This cannot be shown"), problem(error), homeward());
    }
    return;
  }
  fill(main, h("h1", {}, "There is no such page"), homeward());
}

/** End the page that is shown. */
function away() {
  shown += 1;
  leave();
  leave = () => {};
  say(document.getElementById("connection"), "");
}

const homeward = () => h("p", {}, h("a", { href: "/" }, "To the sessions"));

function go(path) {
  history.pushState(null, "", path);
  show().then(() => main.contains(document.activeElement) || main.focus());
}

addEventListener("popstate", show);
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='/']");
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  go(link.getAttribute("href"));
});

/** How to get in; what was typed stays in the browser's drafts. */
function showSignIn(error) {
  away();
  document.title = "Sign in · Ambient";
  fill(
    main,
    h("h1", {}, "Sign in"),
    error && problem(error),
    h("p", {}, "Run this on the machine where Ambient runs. It opens this page, signed in:"),
    h("pre", { tabindex: 0 }, "ambient open"),
    h("p", {}, "The link works once. A tab that is signed in already signs in the others: reload this one."),
  );
}

let asking = null;
login.onLost = (error) => {
  asking ??= signInAgain().then((found) => {
    asking = null;
    if (found) return show();
    return showSignIn(error);
  });
};

signIn().then(
  (found) => (found ? show() : showSignIn()),
  (error) => showSignIn(error),
);
