/* route.ts - which view the address shows, and as whom. In the hash, so that every node serves one static file, and so that
 * a token in it reaches no server, log or proxy. */

import { useEffect, useState } from "preact/hooks";

export type Route = { view: "browse" } | { view: "create" } | { view: "reports" } | { view: "room"; id: string };

export function readRoute(hash: string): Route {
  const parts = splitToken(hash).path.replace(/^#\/?/, "").split("/");
  if (parts[0] === "room" && parts[1]) {
    return { view: "room", id: parts[1] };
  }
  return parts[0] === "new" ? { view: "create" } : parts[0] === "reports" ? { view: "reports" } : { view: "browse" };
}

export function goTo(route: Route): void {
  location.hash = route.view === "room" ? `#/room/${route.id}` : route.view === "create" ? "#/new" : route.view === "reports" ? "#/reports" : "#/";
}

export function useRoute(): Route {
  const [route, setRoute] = useState(() => readRoute(location.hash));
  useEffect(() => {
    const change = () => setRoute(readRoute(location.hash));
    addEventListener("hashchange", change);
    change(); /* it may have changed since the first look */
    return () => removeEventListener("hashchange", change);
  }, []);
  return route;
}

/** `#/room/ID?token=JWT` of a back end: the address without the token, and who it says that one is. The server alone judges it. */
export function splitToken(hash: string): { path: string; token: string; user: string; name: string } {
  const [path = "", query = ""] = hash.split("?", 2);
  const token = new URLSearchParams(query).get("token") ?? "";
  let said: { sub?: unknown; name?: unknown } = {};
  try {
    const bytes = atob((token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/"));
    said = JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, (char) => char.charCodeAt(0)))) as typeof said;
  } catch {
    /* Not one of ours: the server says so. */
  }
  const user = typeof said.sub === "string" ? said.sub : "";
  return { path: path || "#/", token, user, name: typeof said.name === "string" && said.name ? said.name : user };
}
