/* Goal: each slot is as loud as the person in it is wanted, also when another takes the slot. */

import { expect, it } from "vitest";
import { Peer } from "./peer.js";
import { FakePlatform } from "./testing/fake-platform.js";

it("a person's volume follows him from slot to slot", () => {
  const platform = new FakePlatform();
  const loudness = new Map<unknown, number>();
  platform.createAudio = (track?: MediaStreamTrack) => ({
    play: async () => {},
    setVolume: (volume: number) => void loudness.set(track, volume),
    close() {},
  });
  const wanted = new Map([[7, 0.2]]);
  const peer = new Peer({
    platform,
    iceServers: [],
    slots: 2,
    volumeOf: (participant) => wanted.get(participant) ?? 1,
    onState() {},
    onAudioBlocked() {},
  });
  const [one, two] = [{}, {}];
  let inSlots = [7, 8];
  platform.peer.ontrack!({ track: one });
  platform.peer.ontrack!({ track: two });
  platform.peer.getReceivers = () =>
    [one, two].map((track, slot) => ({
      track,
      getContributingSources: () => [{ source: inSlots[slot], timestamp: slot, audioLevel: 0.5 }],
    })) as never;
  peer.setVolume(0.5);
  peer.readings();
  expect([loudness.get(one), loudness.get(two)]).toEqual([0.1, 0.5]);
  inSlots = [8, 7];
  expect(peer.readings().map((reading) => reading.participant)).toEqual([8, 7]);
  expect([loudness.get(one), loudness.get(two)]).toEqual([0.5, 0.1]);
});
