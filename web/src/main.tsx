import "./early";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { setNonce } from "get-nonce";
import { StrictMode, useSyncExternalStore } from "react";
import { createRoot } from "react-dom/client";
import { hooks, Problem, problemOf } from "./api/http";
import { answerTabs, onOtherLogin, signIn, signInAgain } from "./api/login";
import { SignIn, SignInAgain } from "./pages/sign-in";
import { router } from "./router";
import { SIGNED_IN } from "./stream/follow";
import "./styles.css";
import { askBuild } from "./ui/build";
import { watchPrefix } from "./ui/keys";
import { applyTheme } from "./ui/theme";

applyTheme();
watchPrefix();
answerTabs();
setNonce(document.querySelector<HTMLMetaElement>("meta[property=csp-nonce]")?.nonce ?? "");
addEventListener("vite:preloadError", () => void askBuild());

const client = new QueryClient({
  defaultOptions: {
    queries: {
      networkMode: "always", // the server may be on this very machine
      retry: (failures, error) =>
        failures < 2 && error instanceof Problem && (error.status === 0 || error.status >= 502),
      retryDelay: 700,
      staleTime: 2000,
    },
    mutations: { networkMode: "always" },
  },
});

/** ended: it was in, and its page is still there. */
type Gate = { state: "asking" } | { state: "in" } | { state: "ended" } | { state: "out"; error?: unknown };
let gate: Gate = { state: "asking" };
const listeners = new Set<() => void>();
function pass(next: Gate): void {
  gate = next;
  if (next.state === "in") dispatchEvent(new Event(SIGNED_IN));
  for (const one of listeners) one();
}

const shownSomething = () =>
  gate.state === "ended" ||
  (gate.state === "in" &&
    client.getQueryCache().findAll({ predicate: (one) => one.state.data !== undefined }).length > 0);

let asking = false;
hooks.onLoginLost = (problem) => {
  if (asking) return;
  asking = true;
  void signInAgain().then((found) => {
    asking = false;
    if (!found) return pass(shownSomething() ? { state: "ended" } : { state: "out", error: problem });
    void client.invalidateQueries();
    return pass({ state: "in" });
  });
};
onOtherLogin(() => {
  void client.invalidateQueries();
  pass({ state: "in" });
});

function App() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    () => gate,
  );
  if (shown.state === "asking") return null;
  if (shown.state === "out") return <SignIn error={shown.error} />;
  return (
    <QueryClientProvider client={client}>
      <RouterProvider router={router} />
      {shown.state === "ended" && <SignInAgain />}
    </QueryClientProvider>
  );
}

signIn().then(
  (found) => pass(found ? { state: "in" } : { state: "out" }),
  (error: unknown) => pass({ state: "out", error: problemOf(error) }),
);

const place = document.getElementById("root");
if (place) {
  createRoot(place).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
