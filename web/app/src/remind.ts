/* remind.ts - reminders at the server, which also knows when a room is moved and when its host opens it; and how one is
 * said: in the page, and by the system where the person allowed it. */

import { useEffect, useState } from "preact/hooks";
import type { ReminderTold } from "@voicerooms/client";
import { becomeGuest, client, savedName } from "./identity.js";
import { t, timeText } from "./i18n.js";
import type { Notices } from "./notices.js";
import { keep, listeners, reminders } from "./reminders.js";

const BEGUN = "voicerooms.begun";

/** At the server too, where one has a name. What it refuses is left to this device. */
export async function remindByServer(room: string): Promise<void> {
  if (!client.token && savedName()) {
    await becomeGuest(savedName());
  }
  if (client.token) {
    await client.remind(room);
    keep(reminders());
  }
}

/** The server says so: is it news here? */
export function isNews(told: ReminderTold): boolean {
  if (!told.begun) {
    const mine = reminders().find((one) => one.room === told.room);
    if (mine) {
      keep(reminders().map((one) => (one.room === told.room ? { ...one, startsAt: told.starts_at, said: 1 } : one)));
    }
    return !mine || mine.said === 0 || mine.startsAt !== told.starts_at;
  }
  const begun = (sessionStorage.getItem(BEGUN) ?? "").split(" ");
  sessionStorage.setItem(BEGUN, [...begun.slice(-20), told.room].join(" "));
  keep(reminders().filter((one) => one.room !== told.room));
  return !begun.includes(told.room);
}

/** As whom the server is to be listened to, because there is something to be reminded of; undefined: not at all. */
export function useListener(): string | undefined {
  const look = () => (reminders().length > 0 ? client.token : undefined);
  const [who, setWho] = useState(look);
  useEffect(() => {
    const update = () => setWho(look);
    listeners.add(update);
    return () => void listeners.delete(update);
  }, []);
  return who;
}

export function remindOf(notices: Notices, room: string, text: string): void {
  notices.say(text);
  if (typeof Notification !== "undefined" && Notification.permission === "granted") {
    try {
      const shown = new Notification(text, { tag: room, icon: "/icon.svg" });
      shown.onclick = () => {
        focus();
        location.hash = `#/room/${room}`;
      };
    } catch {
      /* Phones show them through a service worker only: the notice in the page is enough. */
    }
  }
}

/** The server says that it is time. */
export function tellReminder(notices: Notices, told: ReminderTold): void {
  if (isNews(told)) {
    const { room, title } = told;
    remindOf(notices, room, told.begun ? t("“{title}” has begun.", { title }) : t("“{title}” begins at {time}.", { title, time: timeText(told.starts_at) }));
  }
}
