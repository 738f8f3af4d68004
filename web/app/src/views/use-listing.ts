/* use-listing.ts - the list of rooms, kept up to date while it is looked at. */

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { asVoiceroomError } from "@voicerooms/client";
import type { RoomInfo, RoomQuery, VoiceroomError } from "@voicerooms/client";
import { asAnybody, client } from "../identity.js";

const REFRESH_MS = 5_000;
const TYPING_MS = 250;

export interface Filter {
  q: string;
  topic: string;
  language: string;
  sort: NonNullable<RoomQuery["sort"]>;
}

export const EVERYTHING: Filter = { q: "", topic: "", language: "", sort: "live" };

export interface Listing {
  rooms: RoomInfo[] | undefined;
  cursor: string | null;
  error: VoiceroomError | undefined;
}

export function useListing(filter: Filter): { listing: Listing; reload: () => void; more: () => void } {
  const [listing, setListing] = useState<Listing>({ rooms: undefined, cursor: null, error: undefined });
  const turn = useRef(0);
  const pages = useRef(1);
  const { q, topic, language, sort } = filter;
  const load = useCallback(async () => {
    turn.current += 1;
    const mine = turn.current;
    try {
      const page = await asAnybody(() => client.listRooms({ q: q.trim(), topic, language, sort, limit: Math.min(100, pages.current * 20) }));
      if (mine === turn.current) {
        setListing({ rooms: page.rooms, cursor: pages.current < 5 ? page.next_cursor : null, error: undefined });
      }
    } catch (cause) {
      if (mine === turn.current) {
        setListing((old) => ({ ...old, error: asVoiceroomError(cause) }));
      }
    }
  }, [q, topic, language, sort]);
  useEffect(() => {
    pages.current = 1;
    const first = setTimeout(() => void load(), q ? TYPING_MS : 0);
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
