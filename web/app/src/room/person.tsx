/* person.tsx - one person in the room: who, in which role, muted or not, and a ring while he speaks. */

import { isOnStage, maySpeak } from "@voicerooms/client";
import type { Participant, Room } from "@voicerooms/client";
import { Avatar } from "../ui/avatar.js";
import { IconHand, IconMicOff } from "../ui/icons.js";
import { t } from "../i18n.js";
import { roleName } from "./may.js";
import { useLevel } from "./use-room.js";

interface Props {
  room: Room;
  person: Participant;
  self: boolean;
  open: boolean;
  reaction: { text: string; id: number } | undefined;
  onSelect: (person: Participant) => void;
}

export function Person({ room, person, self, open, reaction, onSelect }: Props) {
  const stage = isOnStage(person);
  const heard = stage && open;
  const level = useLevel(room, person.participant, heard);
  const away = person.state === "reconnecting";
  return (
    <button
      type="button"
      class={`person ${stage ? "on-stage" : ""} ${away ? "away" : ""} ring-${level}`}
      onClick={() => onSelect(person)}
    >
      <span class="face">
        <Avatar name={person.name} seed={person.participant} size={stage ? "l" : "m"} />
        {stage && !open && (
          <span class={`badge ${person.muted_by_moderator ? "bad" : ""}`}>
            <IconMicOff />
          </span>
        )}
        {person.hand && (
          <span class="badge hand">
            <IconHand />
          </span>
        )}
        {reaction && (
          <span key={reaction.id} class="reaction">
            {reaction.text}
          </span>
        )}
      </span>
      <span class="name" dir="auto">{self ? t("{name} (you)", { name: person.name }) : person.name}</span>
      <span class={stage || away ? `role ${person.role}` : "hidden"}>{away ? t("Coming back…") : roleName(person.role)}</span>
      <span class="hidden">{details(person, open, level > 0)}</span>
    </button>
  );
}

/* What badges and ring show, in words. */
function details(person: Participant, open: boolean, speaking: boolean): string {
  const parts: string[] = [];
  if (isOnStage(person)) {
    parts.push(person.muted_by_moderator ? t("muted by a moderator") : open ? (speaking ? t("speaking") : t("microphone on")) : t("muted"));
  }
  if (person.hand) {
    parts.push(t("hand raised, place {n}", { n: person.hand.position }));
  }
  return parts.join(", ");
}

/** Is this person's microphone open: for oneself the own, quicker knowledge counts. */
export function isOpen(room: Room, person: Participant): boolean {
  return person.participant === room.selfParticipant ? room.selfOpen : maySpeak(person);
}
