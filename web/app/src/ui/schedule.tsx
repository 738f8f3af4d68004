/* schedule.tsx - for a room that begins later: into the own calendar, and a reminder in this browser. */

import type { RoomInfo } from "@voicerooms/client";
import { client } from "../identity.js";
import { t } from "../i18n.js";
import { useNotices } from "../notices.js";
import { remindByServer } from "../remind.js";
import { forget, remind, useReminded } from "../reminders.js";
import { IconBell, IconCalendar } from "./icons.js";

export function ScheduleActs({ room }: { room: RoomInfo }) {
  const notices = useNotices();
  const on = useReminded(room.id);
  if (!room.starts_at || room.phase !== "scheduled") {
    return null;
  }
  const startsAt = room.starts_at;
  const toggle = () => {
    if (on) {
      forget(room.id);
      if (client.token) {
        client.forgetReminder(room.id).catch(notices.fail);
      }
    } else {
      remind(room.id, room.title, startsAt);
      remindByServer(room.id).catch(notices.fail);
      notices.say(t("You are reminded ten minutes before, while a page of Voicerooms is open."));
    }
  };
  return (
    <div class="row schedule-acts">
      <button type="button" class={`button small ${on ? "on" : ""}`} aria-pressed={on} onClick={toggle}>
        <IconBell /> {t("Remind me")}
      </button>
      <a class="button small" href={`/v1/rooms/${room.id}/calendar`} type="text/calendar" download={`voiceroom-${room.id}.ics`}>
        <IconCalendar /> {t("Calendar")}
      </a>
    </div>
  );
}
