/* app.tsx - the frame: which view, and the notices around it. */

import { useEffect } from "preact/hooks";
import { NoticesProvider } from "./notices.js";
import { useRoute } from "./route.js";
import { Browse } from "./views/browse.js";
import { Create } from "./views/create.js";
import { RoomGate } from "./views/gate.js";

export function App() {
  const route = useRoute();
  useEffect(() => {
    if (route.view !== "room") {
      document.title = route.view === "create" ? "New room · Voicerooms" : "Voicerooms";
    }
  }, [route.view]);
  return (
    <NoticesProvider>
      {route.view === "browse" && <Browse />}
      {route.view === "create" && <Create />}
      {route.view === "room" && <RoomGate key={route.id} id={route.id} />}
    </NoticesProvider>
  );
}
