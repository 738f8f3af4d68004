/* Goal: a connection made beforehand serves the next join and no other; without it, or when it is of no use, a join is as ever. */

import { beforeEach, describe, expect, it } from "vitest";
import type { JoinOptions } from "./asks.js";
import { VoiceRooms } from "./client.js";
import type { IceServer, JoinAnswer } from "./protocol.js";
import { aJoinAnswer, aPerson, aSnapshot, FakePlatform, json, problem, settle } from "./testing/fake-platform.js";

const ME = 17;
const RELAY = { urls: ["turn:relay"], username: "of the join", credential: "fresh" };
let platform: FakePlatform;
let client: VoiceRooms;
/* What /v1/ice-servers says. */
let relays: IceServer[];
/* Joins that wait for their answer, which the test gives. */
let asked: ((response: Response) => void)[];

beforeEach(() => {
  platform = new FakePlatform();
  client = new VoiceRooms({ url: "http://server", token: "jwt", platform });
  relays = [];
  asked = [];
  platform.respond = (request) =>
    request.path === "/v1/ice-servers" ? json(200, { ice_servers: relays }) : new Promise((resolve) => asked.push(resolve));
});

/** Go in as far as the request; what it leads to is `entered`. */
async function knock(options: JoinOptions = {}) {
  const entered = client.join("01room", options);
  entered.catch(() => {});
  await settle();
  const request = platform.requests.filter(({ path }) => path.endsWith("/join")).at(-1);
  return { entered, posted: request && (JSON.parse(request.body) as { sdp: string }).sdp };
}

function letIn(fields: Partial<JoinAnswer> = {}): void {
  asked.shift()!(json(201, aJoinAnswer(ME, aSnapshot([aPerson(1, { role: "host" }), aPerson(ME)]), fields)));
}

const states = () => platform.peers.map((peer) => peer.connectionState);

describe("beforehand", () => {
  it("there is a peer with an offer; nothing is gathered, no microphone asked for, no socket opened", async () => {
    await client.prepare();
    expect(platform.peers).toHaveLength(1);
    expect(platform.peer.directions).toEqual(["sendonly", "recvonly", "recvonly", "recvonly", "recvonly"]);
    expect(platform.peer.offers).toBe(1);
    expect(platform.peer.localDescription).toBeNull();
    expect([platform.microphones, platform.sockets]).toEqual([[], []]);
    expect(platform.requests.map(({ path }) => path)).toEqual(["/v1/ice-servers"]);
  });

  it("asked again it is the same one, kept for longer; for other slots it is another", async () => {
    await client.prepare();
    await platform.timers.advance(200_000);
    await client.prepare();
    await platform.timers.advance(200_000);
    expect(states()).toEqual(["new"]);
    await client.prepare({ slots: 2 });
    expect(states()).toEqual(["closed", "new"]);
    expect(platform.peer.directions).toHaveLength(3);
  });

  it("nobody goes in: it is closed after five minutes, and a join makes its own", async () => {
    await client.prepare();
    await platform.timers.advance(300_000);
    expect(states()).toEqual(["closed"]);
    await knock();
    expect(states()).toEqual(["closed", "new"]);
  });

  it("the server is not asked for relays before it can know who asks", async () => {
    client.setToken(undefined);
    await client.prepare();
    expect(platform.requests).toEqual([]);
    expect(states()).toEqual(["new"]);
  });

  it("a server out of reach, or a browser without WebRTC, is for the join to tell", async () => {
    platform.respond = () => {
      throw new TypeError("Failed to fetch");
    };
    await client.prepare();
    await expect(client.join("01room")).rejects.toMatchObject({ code: "client-offline" });
    platform.createPeer = () => {
      throw new Error("missing");
    };
    await client.prepare();
    await expect(client.join("01room")).rejects.toMatchObject({ code: "client-no-webrtc" });
  });
});

describe("the next join", () => {
  it("uses it, and beside the request sets what it posts; the answer is all that it waits for", async () => {
    await client.prepare();
    const { entered, posted } = await knock();
    expect(platform.peers).toHaveLength(1);
    expect(platform.peer.offers).toBe(1);
    expect(platform.peer.calls).toEqual(["setLocalDescription"]);
    expect(posted).toBe("offer 1");
    expect(platform.peer.localDescription).toEqual({ sdp: posted });
    letIn();
    await entered;
    expect(platform.peer.calls).toEqual(["setLocalDescription", "setRemoteDescription"]);
    expect(platform.peer.tracks).toEqual([]); /* a listener's sender is told nothing: that alone takes a browser 8 ms */
  });

  it("is told of its connection, and has its offer though it was still being made", async () => {
    void client.prepare();
    const { entered } = await knock();
    letIn();
    const room = await entered;
    const seen: string[] = [];
    room.on("media", (state) => seen.push(state));
    platform.peer.become("connected");
    expect([seen, states()]).toEqual([["connected"], ["connected"]]);
  });

  it("is the only one to use it", async () => {
    await client.prepare();
    await knock();
    await knock();
    expect(platform.peers.map((peer) => peer.offers)).toEqual([1, 1]);
  });

  it("leaves one for other slots alone", async () => {
    await client.prepare();
    await knock({ slots: 2 });
    expect(platform.peer.directions).toHaveLength(3);
    await knock();
    expect(platform.peers).toHaveLength(2);
  });

  it("is refused, and the one after it has its own peer", async () => {
    await client.prepare();
    const { entered } = await knock();
    asked.shift()!(problem(403, "wrong-passcode"));
    await expect(entered).rejects.toMatchObject({ code: "wrong-passcode" });
    expect(states()).toEqual(["closed"]);
    const again = await knock({ passcode: "right" });
    letIn();
    await again.entered;
    expect(states()).toEqual(["closed", "new"]);
  });

  it("makes its own where the offer did not come about", async () => {
    const make = platform.createPeer.bind(platform);
    platform.createPeer = (config) => {
      platform.createPeer = make;
      return Object.assign(make(config), { createOffer: () => Promise.reject(new Error("not now")) });
    };
    void client.prepare();
    const { entered, posted } = await knock();
    expect(posted).toBe("offer 1");
    letIn();
    await entered;
    expect(states()).toEqual(["closed", "new"]);
  });

  it("throws what the browser says of the description that it set beside the request", async () => {
    await client.prepare();
    platform.peer.setLocalDescription = () => Promise.reject(new Error("no such codec"));
    const { entered } = await knock();
    letIn();
    await expect(entered).rejects.toThrow();
    expect(states()).toEqual(["closed"]);
  });

  it("is no return of somebody who is inside", async () => {
    const { entered } = await knock();
    letIn();
    await entered;
    await client.prepare();
    platform.peers[0]!.become("failed");
    await platform.timers.advance(1_000);
    expect(platform.peers).toHaveLength(3);
    expect(platform.peers[1]!.connectionState).toBe("new");
  });
});

describe("relays", () => {
  it.each([
    ["that are there", async () => void (relays = [RELAY])],
    ["of which nothing is known", async () => client.setToken(undefined)],
  ])("%s: nothing is gathered before the answer, which names them", async (_which, given) => {
    await given();
    await client.prepare();
    const { entered } = await knock();
    expect(platform.peers).toHaveLength(1);
    expect(platform.peer.calls).toEqual([]);
    letIn({ ice_servers: [RELAY] });
    await entered;
    expect(platform.peer.calls).toEqual(["setConfiguration", "setLocalDescription", "setRemoteDescription"]);
    expect(platform.peer.relays).toEqual([RELAY]);
  });

  it("a join that was not prepared waits for the answer too, a return to a server without any does not", async () => {
    const { entered } = await knock();
    expect(platform.peer.calls).toEqual([]);
    letIn();
    await entered;
    expect(platform.peer.calls).toEqual(["setLocalDescription", "setRemoteDescription"]);
    platform.peer.become("failed");
    await platform.timers.advance(1_000);
    expect(platform.peers).toHaveLength(2);
    expect(platform.peer.calls).toEqual(["setLocalDescription"]);
  });
});
