/* audience.tsx - who listens. Of a small room the state has all; of a large one the server gives pages, and a count comes
 * by itself. Either way only a page is drawn. */

import type { ComponentChild } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { asVoiceroomError, isOnStage } from "@voicerooms/client";
import type { Participant, Room, RoomState, VoiceroomError } from "@voicerooms/client";
import { currentLanguage, t, tn } from "../i18n.js";
import { FormError } from "../ui/failure.js";

export const PAGE = 60;
const AGAIN_MS = 10_000;

interface Props {
  room: Room;
  state: RoomState;
  tile: (person: Participant) => ComponentChild;
}

export function Audience(props: Props) {
  return props.state.audience ? <LargeAudience {...props} listeners={props.state.audience.listeners} /> : <SmallAudience {...props} />;
}

function SmallAudience({ room, state, tile }: Props) {
  const [page, setPage] = useState(0);
  const [wanted, setWanted] = useState("");
  const audience = useMemo(() => inOrder(state, room.selfParticipant), [state, room]);
  const found = useMemo(() => {
    const words = wanted.trim().toLocaleLowerCase();
    return words ? audience.filter((person) => person.name.toLocaleLowerCase().includes(words)) : audience;
  }, [audience, wanted]);
  const pages = Math.max(1, Math.ceil(found.length / PAGE));
  useEffect(() => setPage((old) => Math.min(old, pages - 1)), [pages]);
  const shown = found.slice(page * PAGE, (page + 1) * PAGE);
  return (
    <Frame count={audience.length}>
      {audience.length > PAGE && (
        <Find wanted={wanted} change={setWanted} />
      )}
      {audience.length === 0 && <p class="muted">{t("No listeners now.")}</p>}
      {audience.length > 0 && found.length === 0 && <p class="muted">{t("Nobody of that name.")}</p>}
      {shown.length > 0 && <ul class="grid audience-grid">{shown.map(tile)}</ul>}
      <Pager page={page} pages={pages} more={page < pages - 1} go={setPage} />
    </Frame>
  );
}

/* Who stands out (a hand, an invitation, oneself) is known at once and stands first on the first page. */
function LargeAudience({ room, state, tile, listeners }: Props & { listeners: number }) {
  const [page, setPage] = useState(0);
  const [wanted, setWanted] = useState("");
  const name = useSettled(wanted.trim());
  const { people, more, error, of } = usePage(room, page, name);
  useEffect(() => setPage(0), [name]);
  const first = useMemo(() => inOrder(state, room.selfParticipant), [state, room]);
  const known = new Set(state.participants.keys());
  const listening = people.filter((person) => !isOnStage(person));
  const shown = name ? listening : [...(page === 0 ? first : []), ...listening.filter((person) => !known.has(person.participant))];
  const all = name ? page + (more ? 2 : 1) : Math.max(page + 1, Math.ceil(listeners / PAGE));
  const answered = name !== "" && of === name && !error;
  return (
    <Frame count={listeners}>
      <Find wanted={wanted} change={setWanted} />
      <FormError error={error} />
      <p class={answered && shown.length === 0 ? "muted" : "hidden"} role="status">
        {answered && foundText(shown.length, more)}
      </p>
      <ul class="grid audience-grid">{shown.map(tile)}</ul>
      <Pager page={page} pages={all} more={more} go={setPage} />
    </Frame>
  );
}

function foundText(count: number, more: boolean): string {
  return count === 0 ? t("Nobody of that name.") : more ? t("More than {n} found", { n: count }) : tn(count, "{n} found", "{n} found");
}

function Find({ wanted, change }: { wanted: string; change: (wanted: string) => void }) {
  return (
    <label class="find">
      <span class="hidden">{t("Find a listener")}</span>
      <input type="search" placeholder={t("Find a listener")} maxLength={40} value={wanted} onInput={(event) => change(event.currentTarget.value)} />
    </label>
  );
}

/** What was typed, once it has been left alone for a moment. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), 250);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}

interface Shown {
  people: readonly Participant[];
  more: boolean;
  error: VoiceroomError | undefined;
  /** The name that was looked for. */
  of: string;
}

/* Pages go by number of the last person, so the way to a page is kept. */
function usePage(room: Room, page: number, name: string): Shown {
  const [shown, setShown] = useState<Shown>({ people: [], more: false, error: undefined, of: "" });
  const starts = useMemo<number[]>(() => [0], [name]);
  useEffect(() => {
    let wanted = true;
    const load = () =>
      room.people({ after: starts[page] ?? 0, limit: PAGE, name }).then(
        ({ participants, next_after: next }) => {
          if (next) {
            starts[page + 1] = next;
          }
          if (wanted) {
            setShown({ people: participants, more: next !== null, error: undefined, of: name });
          }
        },
        (cause) => wanted && setShown((old) => ({ ...old, error: asVoiceroomError(cause) })),
      );
    void load();
    const again = setInterval(() => document.visibilityState === "visible" && void load(), AGAIN_MS);
    return () => {
      wanted = false;
      clearInterval(again);
    };
  }, [room, page, name, starts]);
  return shown;
}

function Frame({ count, children }: { count: number; children: ComponentChild[] }) {
  return (
    <section aria-labelledby="audience-title" class="audience">
      <h2 id="audience-title">
        {t("Listening")} <span class="tally">{new Intl.NumberFormat(currentLanguage()).format(count)}</span>
      </h2>
      {children}
    </section>
  );
}

function Pager({ page, pages, more, go }: { page: number; pages: number; more: boolean; go: (page: number) => void }) {
  if (page === 0 && !more) {
    return null;
  }
  return (
    <nav class="row center pager" aria-label={t("Pages of listeners")}>
      <button type="button" class="button" disabled={page === 0} onClick={() => go(page - 1)}>
        {t("Previous")}
      </button>
      <span role="status">{t("Page {n} of {all}", { n: page + 1, all: pages })}</span>
      <button type="button" class="button" disabled={!more} onClick={() => go(page + 1)}>
        {t("Next")}
      </button>
    </nav>
  );
}

/* Oneself first, then raised hands, then by time. */
function inOrder(state: RoomState, self: number): Participant[] {
  const weight = (person: Participant) => (person.participant === self ? -1 : (person.hand?.position ?? 1e9));
  return [...state.participants.values()]
    .filter((person) => !isOnStage(person))
    .sort((a, b) => weight(a) - weight(b) || a.participant - b.participant);
}
