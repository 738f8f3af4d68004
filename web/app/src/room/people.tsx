/* people.tsx - the stage, and below it the audience. */

import { useMemo } from "preact/hooks";
import { isOnStage } from "@voicerooms/client";
import type { Participant, Room, RoomState } from "@voicerooms/client";
import { t } from "../i18n.js";
import { Audience } from "./audience.js";
import { isOpen, Person } from "./person.js";
import { useReactions } from "./use-room.js";

const rank = { host: 0, moderator: 1, speaker: 2, listener: 3 } as const;

export function People({ room, state, onSelect }: { room: Room; state: RoomState; onSelect: (person: Participant) => void }) {
  const reactions = useReactions(room);
  const stage = useMemo(() => onStageInOrder(state), [state]);
  const tile = (person: Participant) => (
    <li key={person.participant}>
      <Person
        room={room}
        person={person}
        self={person.participant === room.selfParticipant}
        open={isOpen(room, person)}
        reaction={reactions.get(person.participant)}
        onSelect={onSelect}
      />
    </li>
  );
  return (
    <>
      <section aria-labelledby="stage-title" class="stage">
        <h2 id="stage-title">
          {t("On stage")} <span class="tally">{stage.length}</span>
        </h2>
        {stage.length > 0 ? <ul class="grid stage-grid">{stage.map(tile)}</ul> : <p class="muted">{t("Nobody is on stage yet.")}</p>}
      </section>
      <Audience room={room} state={state} tile={tile} />
    </>
  );
}

/* By role, then by time. */
function onStageInOrder(state: RoomState): Participant[] {
  return [...state.participants.values()]
    .filter(isOnStage)
    .sort((a, b) => rank[a.role] - rank[b.role] || a.participant - b.participant);
}
