/* app.tsx - the frame: which view, and the notices around it. */

import { useEffect } from "preact/hooks";
import { t, timeText } from "./i18n.js";
import { NoticesProvider, useNotices } from "./notices.js";
import { remindOf, tellReminder, useListener } from "./remind.js";
import { client } from "./identity.js";
import { watchReminders } from "./reminders.js";
import { useRoute } from "./route.js";
import { TopBar } from "./ui/topbar.js";
import { Waves } from "./ui/waves.js";
import { Browse } from "./views/browse.js";
import { Create } from "./views/create.js";
import { RoomGate } from "./views/gate.js";
import { Reports } from "./views/reports.js";

export function App({ able }: { able: boolean }) {
  const route = useRoute();
  useEffect(() => {
    if (route.view !== "room") {
      const title = route.view === "create" ? t("New room") : route.view === "reports" ? t("Reports") : "";
      document.title = title ? `${title} · Voicerooms` : "Voicerooms";
    }
  }, [route.view]);
  return (
    <NoticesProvider>
      <Reminders />
      {route.view === "browse" && <Browse />}
      {route.view === "create" && <Create />}
      {route.view === "reports" && <Reports />}
      {route.view === "room" && (able ? <RoomGate key={route.id} id={route.id} /> : <CannotSpeak />)}
    </NoticesProvider>
  );
}

/* The server tells by a socket of its own, which is open only while there is something to tell. */
function Reminders() {
  const notices = useNotices();
  const listener = useListener();
  useEffect(
    () =>
      watchReminders(({ room, title, startsAt }, started) =>
        remindOf(notices, room, started ? t("“{title}” begins now.", { title }) : t("“{title}” begins at {time}.", { title, time: timeText(startsAt) })),
      ),
    [notices],
  );
  useEffect(() => {
    const lobby = listener ? client.lobby((told) => tellReminder(notices, told)) : undefined;
    return () => lobby?.close();
  }, [notices, listener]);
  return null;
}

function CannotSpeak() {
  return (
    <div class="page">
      <TopBar />
      <main class="empty">
        <Waves />
        <h1>{t("This browser can't do voice calls")}</h1>
        <p>{t("Open this address in a recent Firefox, Chrome, Edge or Safari. On a phone, open it in the browser itself and not inside another app.")}</p>
        <a class="button" href="#/">
          {t("All rooms")}
        </a>
      </main>
    </div>
  );
}
