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
  const peer = new Peer({ platform, iceServers: [], slots: 2 });
  peer.serve({ volumeOf: (participant) => wanted.get(participant) ?? 1, onState() {}, onAudioBlocked() {} });
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

it("tells which RTP time is played when, where the browser has one stamp for it", () => {
  const platform = new FakePlatform();
  const peer = new Peer({ platform, iceServers: [], slots: 1 });
  const sources = (csrc: object, ssrc: object) => {
    platform.peer.getReceivers = () => [{
      track: {},
      getContributingSources: () => [{ source: 7, timestamp: 500, rtpTimestamp: 960, ...csrc }],
      getSynchronizationSources: () => [{ source: 99, timestamp: 500, rtpTimestamp: 960, ...ssrc }],
    }] as never;
    return peer.readings()[0]?.played;
  };
  expect(sources({}, {})).toEqual({ ssrc: 99, rtp: 960, at: 500 });
  expect(sources({}, { timestamp: 580 })).toBeUndefined(); /* Firefox */
  expect(sources({}, { rtpTimestamp: 1_920 })).toBeUndefined(); /* another packet by now */
  expect(sources({ rtpTimestamp: undefined }, { rtpTimestamp: undefined })).toBeUndefined();
});
