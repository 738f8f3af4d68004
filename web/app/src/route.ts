/* route.ts - which view the address shows. In the hash, so that every node serves one static file. */

import { useEffect, useState } from "preact/hooks";

export type Route = { view: "browse" } | { view: "create" } | { view: "reports" } | { view: "room"; id: string };

export function readRoute(hash: string): Route {
  const parts = hash.replace(/^#\/?/, "").split("/");
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
