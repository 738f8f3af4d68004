/* people.tsx - the stage, and below it the audience, of which only a page is drawn however many there are. */

import { useEffect, useMemo, useState } from "preact/hooks";
import { isOnStage } from "@voicerooms/client";
import type { Participant, Room, RoomState } from "@voicerooms/client";
import { t } from "../i18n.js";
import { isOpen, Person } from "./person.js";
import { useReactions } from "./use-room.js";

const PAGE = 60;
const rank = { host: 0, moderator: 1, speaker: 2, listener: 3 } as const;

export function People({ room, state, onSelect }: { room: Room; state: RoomState; onSelect: (participant: number) => void }) {
  const reactions = useReactions(room);
  const [page, setPage] = useState(0);
  const [wanted, setWanted] = useState("");
  const { stage, audience } = useMemo(() => split(state, room.selfParticipant), [state, room]);
  const found = useMemo(() => {
    const words = wanted.trim().toLocaleLowerCase();
    return words ? audience.filter((person) => person.name.toLocaleLowerCase().includes(words)) : audience;
  }, [audience, wanted]);
  const pages = Math.max(1, Math.ceil(found.length / PAGE));
  useEffect(() => setPage((old) => Math.min(old, pages - 1)), [pages]);
  const shown = found.slice(page * PAGE, (page + 1) * PAGE);
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
      <section aria-labelledby="audience-title" class="audience">
        <h2 id="audience-title">
          {t("Listening")} <span class="tally">{audience.length}</span>
        </h2>
        {audience.length > PAGE && (
          <label class="find">
            <span class="hidden">{t("Find a listener")}</span>
            <input type="search" placeholder={t("Find a listener")} value={wanted} onInput={(event) => setWanted(event.currentTarget.value)} />
          </label>
        )}
        {audience.length === 0 && <p class="muted">{t("No listeners now.")}</p>}
        {audience.length > 0 && found.length === 0 && <p class="muted">{t("Nobody of that name.")}</p>}
        {shown.length > 0 && <ul class="grid audience-grid">{shown.map(tile)}</ul>}
        {pages > 1 && (
          <nav class="row center pager" aria-label={t("Pages of listeners")}>
            <button type="button" class="button" disabled={page === 0} onClick={() => setPage(page - 1)}>
              {t("Previous")}
            </button>
            <span role="status">{t("Page {n} of {all}", { n: page + 1, all: pages })}</span>
            <button type="button" class="button" disabled={page >= pages - 1} onClick={() => setPage(page + 1)}>
              {t("Next")}
            </button>
          </nav>
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
