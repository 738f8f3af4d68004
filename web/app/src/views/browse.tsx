/* browse.tsx - which rooms are there, how many people are in them, and who is on stage now. */

import { useEffect, useState } from "preact/hooks";
import type { RoomInfo } from "@voicerooms/client";
import { dateText, languageName, t, tn } from "../i18n.js";
import { Avatar, seedOf } from "../ui/avatar.js";
import { Failure } from "../ui/failure.js";
import { IconCalendar, IconLock, IconPeople, IconPlus, IconSearch, IconShare } from "../ui/icons.js";
import { ScheduleActs } from "../ui/schedule.js";
import { ShareDialog } from "../ui/share.js";
import { TopBar } from "../ui/topbar.js";
import { Waves } from "../ui/waves.js";
import { EVERYTHING, useListing } from "./use-listing.js";
import type { Filter, Listing } from "./use-listing.js";

export function Browse() {
  const [filter, setFilter] = useState<Filter>(EVERYTHING);
  const { listing, reload, more } = useListing(filter);
  const filtered = filter.q !== "" || filter.topic !== "" || filter.language !== "";
  return (
    <div class="page">
      <TopBar>
        <a class="button primary" href="#/new">
          <IconPlus /> {t("New room")}
        </a>
      </TopBar>
      <main class="column">
        <h1>{t("Rooms")}</h1>
        <label class="search">
          <IconSearch />
          <span class="hidden">{t("Search rooms")}</span>
          <input
            type="search"
            placeholder={t("Search by title, topic or tag")}
            value={filter.q}
            onInput={(event) => setFilter({ ...filter, q: event.currentTarget.value })}
          />
        </label>
        <Filters filter={filter} rooms={listing.rooms} change={setFilter} />
        <List listing={listing} searching={filtered} reload={reload} />
        {listing.cursor && (
          <button class="button wide" onClick={more}>
            {t("Show more")}
          </button>
        )}
      </main>
    </div>
  );
}

/* Topics and languages are those that were seen: what nobody talks about is no choice. */
function Filters({ filter, rooms, change }: { filter: Filter; rooms: RoomInfo[] | undefined; change: (filter: Filter) => void }) {
  const topics = useSeen(rooms, (room) => room.topic, filter.topic);
  const spoken = useSeen(rooms, (room) => room.language, filter.language);
  if (topics.length === 0 && spoken.length === 0 && (rooms?.length ?? 0) < 2) {
    return null;
  }
  return (
    <div class="filters" role="group" aria-label={t("Filter and order")}>
      <label>
        <span class="hidden">{t("Topic")}</span>
        <select value={filter.topic} onChange={(event) => change({ ...filter, topic: event.currentTarget.value })}>
          <option value="">{t("All topics")}</option>
          {topics.map((topic) => (
            <option key={topic} value={topic}>
              {topic}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span class="hidden">{t("Language")}</span>
        <select value={filter.language} onChange={(event) => change({ ...filter, language: event.currentTarget.value })}>
          <option value="">{t("All languages")}</option>
          {spoken.map((code) => (
            <option key={code} value={code}>
              {languageName(code)}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span class="hidden">{t("Order")}</span>
        <select value={filter.sort} onChange={(event) => change({ ...filter, sort: event.currentTarget.value as Filter["sort"] })}>
          <option value="live">{t("Most people first")}</option>
          <option value="created">{t("Newest first")}</option>
          <option value="title">{t("By title")}</option>
        </select>
      </label>
    </div>
  );
}

function useSeen(rooms: RoomInfo[] | undefined, of: (room: RoomInfo) => string, chosen: string): string[] {
  const [seen, setSeen] = useState<ReadonlySet<string>>(new Set());
  useEffect(() => {
    const fresh = (rooms ?? []).map(of).filter((value) => value && !seen.has(value));
    if (fresh.length > 0) {
      setSeen(new Set([...seen, ...fresh]));
    }
  }, [rooms]);
  return [...new Set([...seen, chosen])].filter(Boolean).sort((a, b) => a.localeCompare(b));
}

function List({ listing, searching, reload }: { listing: Listing; searching: boolean; reload: () => void }) {
  if (listing.error && !listing.rooms) {
    return (
      <Failure error={listing.error}>
        <button class="button" onClick={reload}>
          {t("Try again")}
        </button>
      </Failure>
    );
  }
  if (!listing.rooms) {
    return (
      <ul class="cards" aria-busy="true" aria-label={t("Loading rooms")}>
        {[0, 1, 2].map((index) => (
          <li key={index} class="card ghost" />
        ))}
      </ul>
    );
  }
  if (listing.rooms.length === 0) {
    return (
      <div class="empty">
        <Waves />
        <h2>{searching ? t("No room matches") : t("It is quiet here")}</h2>
        <p>{searching ? t("Try fewer or other words.") : t("Open the first room, then send its link to the people you want to hear.")}</p>
        {!searching && (
          <a class="button primary" href="#/new">
            {t("New room")}
          </a>
        )}
      </div>
    );
  }
  const live = listing.rooms.filter((room) => room.phase !== "scheduled");
  const later = listing.rooms
    .filter((room) => room.phase === "scheduled")
    .sort((a, b) => String(a.starts_at).localeCompare(String(b.starts_at)));
  return (
    <>
      {listing.error && (
        <p class="banner warn" role="status">
          {t("The list is not up to date: the server does not answer. It is tried again by itself.")}
        </p>
      )}
      {live.length > 0 && (
        <section aria-labelledby="live-title">
          <h2 id="live-title" class={later.length > 0 ? "" : "hidden"}>
            {t("Now")}
          </h2>
          <Cards rooms={live} />
        </section>
      )}
      {later.length > 0 && (
        <section aria-labelledby="later-title">
          <div class="section-head">
            <h2 id="later-title">{t("Coming up")}</h2>
            <a class="button small quiet" href="/v1/calendar" type="text/calendar" download="voicerooms.ics">
              <IconCalendar /> {t("All in a calendar")}
            </a>
          </div>
          <Cards rooms={later} />
        </section>
      )}
    </>
  );
}

function Cards({ rooms }: { rooms: readonly RoomInfo[] }) {
  const [shared, setShared] = useState<RoomInfo>();
  return (
    <>
      <ul class="cards">
        {rooms.map((room) => (
          <li key={room.id}>
            <Card room={room} share={() => setShared(room)} />
          </li>
        ))}
      </ul>
      {shared && <ShareDialog room={shared.id} title={shared.title} onClose={() => setShared(undefined)} />}
    </>
  );
}

function Card({ room, share }: { room: RoomInfo; share: () => void }) {
  const stage = room.on_stage ?? [];
  return (
    <div class="card">
      <a class="card-link" href={`#/room/${room.id}`}>
        <div class="card-head">
          <h3 dir="auto">{room.title}</h3>
        </div>
        <p class="card-topic muted" dir="auto">
          {room.topic && <span>{room.topic}</span>}
          {room.language && <span class="chip">{languageName(room.language)}</span>}
          {(room.locked || room.has_passcode) && (
            <span class="chip">
              <IconLock /> {room.locked ? t("Locked") : t("Passcode")}
            </span>
          )}
        </p>
        <div class="card-foot">
          <span class="faces">
            {stage.slice(0, 3).map((person) => (
              <span key={person.participant} class={person.speaking ? "talks" : ""}>
                <Avatar name={person.name} seed={seedOf(person.name)} size="s" />
              </span>
            ))}
          </span>
          <span class={`who ${stage[0]?.speaking ? "now" : "muted"}`}>{stageLine(room)}</span>
          {room.phase !== "scheduled" && (
            <span class="count">
              <IconPeople /> {room.counts.participants}
              <span class="hidden"> {tn(room.counts.participants, "person here", "people here")}</span>
            </span>
          )}
        </div>
      </a>
      <button type="button" class="icon-button card-share" aria-label={t("Invite to “{title}”", { title: room.title })} onClick={share}>
        <IconShare />
      </button>
      <ScheduleActs room={room} />
    </div>
  );
}

export function stageLine(room: RoomInfo): string {
  if (room.phase === "scheduled" && room.starts_at) {
    return t("Starts {time}", { time: dateText(room.starts_at) });
  }
  const talking = (room.on_stage ?? []).filter((person) => person.speaking).map((person) => person.name);
  if (talking.length > 0) {
    return talking.length === 1
      ? t("{name} is speaking", { name: talking[0]! })
      : t("{a} and {b} are speaking", { a: talking[0]!, b: talking[1]! });
  }
  const names = (room.on_stage ?? []).map((person) => person.name);
  if (names.length === 0) {
    return room.counts.participants > 0 ? t("Nobody on stage") : t("Empty");
  }
  const rest = Math.max(room.counts.speakers, names.length) - 2;
  if (rest > 0) {
    return t("{names} and {n} more", { names: names.slice(0, 2).join(", "), n: rest });
  }
  return names.length === 1 ? names[0]! : t("{a} and {b}", { a: names[0]!, b: names[1]! });
}
