/* browse.tsx - which rooms are there, how many people are in them, and who is on stage now. */

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { asVoiceroomError } from "@voicerooms/client";
import type { RoomInfo, VoiceroomError } from "@voicerooms/client";
import { client } from "../identity.js";
import { Avatar, seedOf } from "../ui/avatar.js";
import { Failure } from "../ui/failure.js";
import { IconLock, IconPeople, IconPlus, IconSearch } from "../ui/icons.js";
import { TopBar } from "../ui/topbar.js";
import { Waves } from "../ui/waves.js";

const REFRESH_MS = 5_000;
const TYPING_MS = 250;

interface Listing {
  rooms: RoomInfo[] | undefined;
  cursor: string | null;
  error: VoiceroomError | undefined;
}

export function Browse() {
  const [text, setText] = useState("");
  const { listing, reload, more } = useListing(text);
  return (
    <div class="page">
      <TopBar>
        <a class="button primary" href="#/new">
          <IconPlus /> New room
        </a>
      </TopBar>
      <main class="column">
        <h1>Rooms</h1>
        <label class="search">
          <IconSearch />
          <span class="hidden">Search rooms</span>
          <input
            type="search"
            placeholder="Search by title, topic or tag"
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <List listing={listing} searching={text !== ""} reload={reload} />
        {listing.cursor && (
          <button class="button wide" onClick={more}>
            Show more
          </button>
        )}
      </main>
    </div>
  );
}

function List({ listing, searching, reload }: { listing: Listing; searching: boolean; reload: () => void }) {
  if (listing.error && !listing.rooms) {
    return (
      <Failure error={listing.error}>
        <button class="button" onClick={reload}>
          Try again
        </button>
      </Failure>
    );
  }
  if (!listing.rooms) {
    return (
      <ul class="cards" aria-busy="true" aria-label="Loading rooms">
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
        <h2>{searching ? "No room matches" : "It is quiet here"}</h2>
        <p>{searching ? "Try fewer or other words." : "Open the first room, then send its link to the people you want to hear."}</p>
        {!searching && (
          <a class="button primary" href="#/new">
            New room
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
      {live.length > 0 && (
        <section aria-labelledby="live-title">
          <h2 id="live-title" class={later.length > 0 ? "" : "hidden"}>
            Now
          </h2>
          <Cards rooms={live} />
        </section>
      )}
      {later.length > 0 && (
        <section aria-labelledby="later-title">
          <h2 id="later-title">Coming up</h2>
          <Cards rooms={later} />
        </section>
      )}
    </>
  );
}

function Cards({ rooms }: { rooms: readonly RoomInfo[] }) {
  return (
    <ul class="cards">
      {rooms.map((room) => (
        <li key={room.id}>
          <Card room={room} />
        </li>
      ))}
    </ul>
  );
}

function Card({ room }: { room: RoomInfo }) {
  const stage = room.on_stage ?? [];
  return (
    <a class="card" href={`#/room/${room.id}`}>
      <h3 dir="auto">{room.title}</h3>
      <p class="card-topic muted" dir="auto">
        {room.topic && <span>{room.topic}</span>}
        {(room.locked || room.has_passcode) && (
          <span class="chip">
            <IconLock /> {room.locked ? "Locked" : "Passcode"}
          </span>
        )}
      </p>
      <div class="card-foot">
        <span class="faces">
          {stage.slice(0, 3).map((person) => (
            <Avatar key={person.participant} name={person.name} seed={seedOf(person.name)} size="s" />
          ))}
        </span>
        <span class="muted who">{stageLine(room)}</span>
        {room.phase !== "scheduled" && (
          <span class="count">
            <IconPeople /> {room.counts.participants}
            <span class="hidden"> {room.counts.participants === 1 ? "person" : "people"} here</span>
          </span>
        )}
      </div>
    </a>
  );
}

export function stageLine(room: RoomInfo): string {
  if (room.phase === "scheduled" && room.starts_at) {
    return `Starts ${new Date(room.starts_at).toLocaleString([], { dateStyle: "medium", timeStyle: "short" })}`;
  }
  const names = (room.on_stage ?? []).map((person) => person.name);
  if (names.length === 0) {
    return room.counts.participants > 0 ? "Nobody on stage" : "Empty";
  }
  const rest = Math.max(room.counts.speakers, names.length) - 2;
  return rest > 0 ? `${names.slice(0, 2).join(", ")} and ${rest} more` : names.slice(0, 2).join(" and ");
}

function useListing(text: string) {
  const [listing, setListing] = useState<Listing>({ rooms: undefined, cursor: null, error: undefined });
  const turn = useRef(0);
  const pages = useRef(1);
  const load = useCallback(async () => {
    turn.current += 1;
    const mine = turn.current;
    try {
      const page = await client.listRooms({ q: text.trim(), limit: Math.min(100, pages.current * 20) });
      if (mine === turn.current) {
        setListing({ rooms: page.rooms, cursor: pages.current < 5 ? page.next_cursor : null, error: undefined });
      }
    } catch (cause) {
      if (mine === turn.current) {
        setListing((old) => ({ ...old, error: asVoiceroomError(cause) }));
      }
    }
  }, [text]);
  useEffect(() => {
    pages.current = 1;
    const first = setTimeout(() => void load(), text ? TYPING_MS : 0);
    const again = setInterval(() => document.visibilityState === "visible" && void load(), REFRESH_MS);
    return () => {
      turn.current += 1;
      clearTimeout(first);
      clearInterval(again);
    };
  }, [load]);
  const more = () => {
    pages.current += 1;
    void load();
  };
  return { listing, reload: () => void load(), more };
}
