/* announce.ts - the room's events as sentences for people who hear the page instead of seeing it. */

import { useEffect } from "preact/hooks";
import type { Room, RoomEvent } from "@voicerooms/client";
import { useNotices } from "../notices.js";
import { roleNames } from "./may.js";

/** What to say of an event; undefined: nothing. Pure. */
export function sentenceOf(event: RoomEvent, self: number, nameOf: (participant: number) => string): string | undefined {
  switch (event.type) {
    case "room:participant-joined":
      return event.participant.participant === self ? undefined : `${event.participant.name} ${event.returned ? "is back" : "came in"}`;
    case "room:participant-left":
      return event.who === self ? undefined : `${nameOf(event.who)} left`;
    case "room:hand-raised":
      return event.who === self ? undefined : `${nameOf(event.who)} raised a hand`;
    case "room:hand-position":
      return `Your place in the queue is ${event.position}`;
    case "room:hand-lowered":
      return event.who === self && event.reason === "declined" ? "Your hand was declined" : undefined;
    case "room:role-changed": {
      const role = roleNames[event.participant.role].toLowerCase();
      const mine = event.participant.participant === self;
      return mine ? `You are now ${role}` : `${event.participant.name} is now ${role}`;
    }
    case "room:muted":
      return event.participant.participant === self && event.by !== null && event.by !== self
        ? `You were muted by ${nameOf(event.by)}`
        : undefined;
    case "room:chat":
      return event.who === self ? undefined : `${event.name} writes: ${event.text}`;
    case "room:updated":
      return undefined;
    default:
      return undefined;
  }
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
      const text = sentenceOf(event, room.selfParticipant, (id) => names.get(id) ?? "Someone");
      if (text) {
        notices.announce(text);
      }
    });
  }, [room, notices]);
}
