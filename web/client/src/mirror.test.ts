/* Goal: whatever is missed leads to one snapshot, and a digest that can't be reproduced to none. */

import { expect, it } from "vitest";
import { digestOf } from "./digest.js";
import { Mirror } from "./mirror.js";
import type { RoomEvent, Snapshot } from "./protocol.js";
import { aPerson, aSnapshot, settle } from "./testing/fake-platform.js";

function aMirror(first: Snapshot) {
  const world = { now: 0, asked: 0, give: (_snapshot: Snapshot) => {}, fail: () => {} };
  const mirror = new Mirror({
    now: () => world.now,
    askSnapshot: () => {
      world.asked += 1;
      return new Promise((resolve, reject) => {
        world.give = resolve;
        world.fail = () => reject(new Error("offline"));
      });
    },
    onState: () => {},
  });
  mirror.replace(first);
  return { world, mirror };
}

const joined = (sequence: number, who = 9) =>
  ({ type: "room:participant-joined", participant: aPerson(who), epoch: 1, sequence }) as RoomEvent;
const digest = (sequence: number, text: string) => ({ type: "room:digest", digest: text, epoch: 1, sequence }) as RoomEvent;

it("asks once for a gap and goes on from the snapshot", async () => {
  const { world, mirror } = aMirror(aSnapshot([aPerson(1)]));
  mirror.receive(joined(12));
  mirror.receive(joined(13));
  expect(world.asked).toBe(1);
  world.give(aSnapshot([aPerson(1), aPerson(8), aPerson(9)], { sequence: 13 }));
  await settle();
  expect(mirror.state.sequence).toBe(13);
  mirror.receive(joined(14, 10));
  expect(mirror.state.participants.has(10)).toBe(true);
});

it("asks when the digest at the same place differs, and only there", () => {
  const { world, mirror } = aMirror(aSnapshot([aPerson(1)]));
  mirror.receive(digest(10, digestOf(mirror.state)));
  mirror.receive(digest(9, "0000000000000000"));
  expect(world.asked).toBe(0);
  mirror.receive(digest(10, "0000000000000000"));
  expect(world.asked).toBe(1);
});

it("does not ask again at once, but does later", async () => {
  const { world, mirror } = aMirror(aSnapshot([aPerson(1)]));
  mirror.receive(digest(10, "0000000000000000"));
  world.fail();
  await settle();
  mirror.receive(digest(10, "0000000000000000"));
  expect(world.asked).toBe(1);
  world.now = 5000;
  mirror.receive(digest(10, "0000000000000000"));
  expect(world.asked).toBe(2);
});

it("a snapshot that was overtaken by events is not taken", async () => {
  const { world, mirror } = aMirror(aSnapshot([aPerson(1)]));
  mirror.receive(joined(12));
  mirror.receive(joined(11, 8));
  mirror.receive(joined(12, 9));
  world.give(aSnapshot([aPerson(1)], { sequence: 11 }));
  await settle();
  expect([...mirror.state.participants.keys()]).toEqual([1, 8, 9]);
});

it("stops trusting digests when a snapshot contradicts its own", () => {
  const { world, mirror } = aMirror(aSnapshot([aPerson(1)], { digest: "1234567812345678" }));
  expect(mirror.digestTrusted).toBe(false);
  mirror.receive(digest(10, "0000000000000000"));
  expect(world.asked).toBe(0);
  mirror.receive(joined(12));
  expect(world.asked).toBe(1);
});
