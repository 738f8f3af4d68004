/* announce.ts - the room's events as sentences for people who hear the page instead of seeing it. */

import { useEffect } from "preact/hooks";
import type { Role, Room, RoomEvent } from "@voicerooms/client";
import { useNotices } from "../notices.js";
import { currentLanguage, t } from "../i18n.js";
import { roleName } from "./may.js";

/** What to say of an event; undefined: nothing. Pure. */
export function sentenceOf(event: RoomEvent, self: number, nameOf: (participant: number) => string): string | undefined {
  switch (event.type) {
    case "room:participant-joined":
      /* Out of a large audience he stands forth; he was here before. */
      if (event.participant.participant === self || event.from_audience) {
        return undefined;
      }
      return event.returned
          ? t("{name} is back", { name: event.participant.name })
          : t("{name} came in", { name: event.participant.name });
    case "room:participant-left":
      return event.who === self ? undefined : t("{name} left", { name: nameOf(event.who) });
    case "room:hand-raised":
      return event.who === self ? undefined : t("{name} raised a hand", { name: nameOf(event.who) });
    case "room:hand-position":
      return t("Your place in the queue is {n}", { n: event.position });
    case "room:hand-lowered":
      return event.who === self && event.reason === "declined" ? t("Your hand was declined") : undefined;
    case "room:role-changed": {
      const role = roleInSentence(event.participant.role);
      const mine = event.participant.participant === self;
      return mine ? t("You are now {role}", { role }) : t("{name} is now {role}", { name: event.participant.name, role });
    }
    case "room:muted":
      return event.participant.participant === self && event.by !== null && event.by !== self
        ? t("You were muted by {name}", { name: nameOf(event.by) })
        : undefined;
    case "room:chat":
      return event.who === self ? undefined : t("{name} writes: {text}", { name: event.name, text: event.text });
    case "room:updated":
      return undefined;
    default:
      return undefined;
  }
}

/* Nouns keep their capital in German. */
function roleInSentence(role: Role): string {
  return currentLanguage() === "en" ? roleName(role).toLowerCase() : roleName(role);
}

export function useAnnouncements(room: Room): void {
  const notices = useNotices();
  useEffect(() => {
    /* Names of people who have just left are still wanted. */
    const names = new Map<number, string>();
    const learn = () => room.state.participants.forEach((person, id) => names.set(id, person.name));
    learn();
    return room.on("event", (event) => {
      learn();
      const text = sentenceOf(event, room.selfParticipant, (id) => names.get(id) ?? t("Someone"));
      if (text) {
        notices.announce(text);
      }
    });
  }, [room, notices]);
}
