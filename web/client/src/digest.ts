/* digest.ts - the fingerprint of a room's state (docs/protocol.md, "Digest"): FNV-1a, 64 bit.
 *
 * Server and client compute it on their own; where they differ, the client has missed something. */

import { isAudience } from "./state.js";
import type { RoomState } from "./state.js";

const OFFSET = 0xcbf29ce484222325n;
const PRIME = 0x100000001b3n;
const MASK = 0xffffffffffffffffn;

/** 16 hex digits of the FNV-1a 64 of the UTF-8 bytes of `text`. */
export function fnv1a64(text: string): string {
  let hash = OFFSET;
  for (const byte of new TextEncoder().encode(text)) {
    hash = ((hash ^ BigInt(byte)) * PRIME) & MASK;
  }
  return hash.toString(16).padStart(16, "0");
}

/** The text that the digest is taken over; apart, so that a test and a bug report can show it. */
export function digestText(state: RoomState): string {
  const lines = [`${state.room.revision}|${state.room.phase}|${state.room.locked ? 1 : 0}\n`];
  const places = new Map(state.hands.map((hand) => [hand.participant, hand.position]));
  for (const id of [...state.participants.keys()].sort((a, b) => a - b)) {
    const person = state.participants.get(id)!;
    if (state.audience && isAudience(person)) {
      continue; /* oneself: nobody else has this line */
    }
    const self = person.muted_by_self ? 1 : 0;
    const moderator = person.muted_by_moderator ? 1 : 0;
    lines.push(`${id}|${person.role}|${self}|${moderator}|${places.get(id) ?? 0}|${person.state}\n`);
  }
  return lines.join("");
}

export function digestOf(state: RoomState): string {
  return fnv1a64(digestText(state));
}
