/* remind.ts - how a reminder is said: in the page, and by the system where the person allowed it. */

import type { ReminderTold } from "@voicerooms/client";
import { t, timeText } from "./i18n.js";
import type { Notices } from "./notices.js";
import { isNews } from "./reminders.js";

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
