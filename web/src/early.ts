// Asked for before the page's own code has run: what a session page shows first, and the code that draws it.
//
// Imported first by `main.tsx`. It asks what the page asks anyway, so it starts nothing and costs nothing more.

import { ahead, signedIn } from "./api/http";
import { sessionApi } from "./api/paths";
import { newestOf } from "./stream/newest";

const [, project, session] = /^\/projects\/([^/]+)\/sessions\/([^/]+)$/.exec(location.pathname) ?? [];
if (project && session && signedIn() && !document.hidden) {
  const api = sessionApi(decodeURIComponent(project), decodeURIComponent(session));
  void import("./pages/session").catch(() => {}); // the router asks again, and says what is wrong
  ahead(api);
  ahead(newestOf(api));
}
