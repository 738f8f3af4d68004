/* people.tsx - the stage, and below it the audience. */

import { useMemo, useState } from "preact/hooks";
import { isOnStage } from "@voicerooms/client";
import type { Participant, Room, RoomState } from "@voicerooms/client";
import { isOpen, Person } from "./person.js";
import { useReactions } from "./use-room.js";

const AUDIENCE_FIRST = 60;
const rank = { host: 0, moderator: 1, speaker: 2, listener: 3 } as const;

export function People({ room, state, onSelect }: { room: Room; state: RoomState; onSelect: (participant: number) => void }) {
  const reactions = useReactions(room);
  const [all, setAll] = useState(false);
  const { stage, audience } = useMemo(() => split(state, room.selfParticipant), [state, room]);
  const shown = all ? audience : audience.slice(0, AUDIENCE_FIRST);
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
          On stage <span class="tally">{stage.length}</span>
        </h2>
        {stage.length > 0 ? <ul class="grid stage-grid">{stage.map(tile)}</ul> : <p class="muted">Nobody is on stage yet.</p>}
      </section>
      <section aria-labelledby="audience-title" class="audience">
        <h2 id="audience-title">
          Listening <span class="tally">{audience.length}</span>
        </h2>
        {audience.length > 0 ? <ul class="grid audience-grid">{shown.map(tile)}</ul> : <p class="muted">No listeners now.</p>}
        {shown.length < audience.length && (
          <button class="button wide" onClick={() => setAll(true)}>
            Show all {audience.length}
          </button>
        )}
      </section>
    </>
  );
}

/* Stage by role, then by time; in the audience oneself first, then raised hands, then by time. */
function split(state: RoomState, self: number): { stage: Participant[]; audience: Participant[] } {
  const people = [...state.participants.values()].sort((a, b) => a.participant - b.participant);
  const stage = people.filter(isOnStage).sort((a, b) => rank[a.role] - rank[b.role]);
  const weight = (person: Participant) => (person.participant === self ? -1 : (person.hand?.position ?? 1e9));
  const audience = people.filter((person) => !isOnStage(person)).sort((a, b) => weight(a) - weight(b));
  return { stage, audience };
}
