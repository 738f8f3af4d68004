/* Goal: the digest is the one of docs/protocol.md, byte for byte. */

import { describe, expect, it } from "vitest";
import { digestOf, digestText, fnv1a64 } from "./digest.js";
import { fromSnapshot } from "./state.js";
import { aHand, aPerson, aRoom, aSnapshot } from "./testing/fake-platform.js";

describe("fnv1a64", () => {
  /* Vectors of the FNV authors (draft-eastlake-fnv, test suite). */
  it.each([
    ["", "cbf29ce484222325"],
    ["a", "af63dc4c8601ec8c"],
    ["foobar", "85944171f73967e8"],
  ])("%j", (text, digest) => {
    expect(fnv1a64(text)).toBe(digest);
  });

  it("keeps leading zeros and takes UTF-8 bytes", () => {
    expect(fnv1a64("ä")).toHaveLength(16);
    expect(fnv1a64("ä")).not.toBe(fnv1a64("a"));
  });
});

describe("digestOf", () => {
  const snapshot = aSnapshot(
    [
      aPerson(10, { hand: { position: 1, raised_at: "" } }),
      aPerson(2, { role: "speaker", muted_by_self: true, muted: true }),
      aPerson(1, { role: "host", muted_by_moderator: true, muted: true, state: "reconnecting" }),
    ],
    { room: aRoom({ revision: 12, locked: true }), hands: [aHand(10, 1)] },
  );

  it("is over one line for the room and one for each person, by id as a number", () => {
    expect(digestText(fromSnapshot(snapshot))).toBe(
      "12|active|1\n1|host|0|1|0|reconnecting\n2|speaker|1|0|0|live\n10|listener|0|0|1|live\n",
    );
  });

  it("changes with everything that it covers", () => {
    const base = digestOf(fromSnapshot(snapshot));
    const others = [
      { ...snapshot, room: { ...snapshot.room, revision: 13 } },
      { ...snapshot, room: { ...snapshot.room, locked: false } },
      { ...snapshot, hands: [] },
      { ...snapshot, participants: snapshot.participants.slice(1) },
      { ...snapshot, participants: snapshot.participants.map((person) => ({ ...person, state: "connecting" as const })) },
    ];
    const digests = new Set([base, ...others.map((other) => digestOf(fromSnapshot(other)))]);
    expect(digests.size).toBe(6);
  });
});
