/* Goal: a node that restarts and has our connection still is not noticed: the socket resumes at once, nothing touches the
 * connection that carries sound, and nobody is told of an absence under two seconds. A node that is really away is left. */

import { beforeEach, describe, expect, it } from "vitest";
import { VoiceRooms } from "./client.js";
import type { Room } from "./room.js";
import { aJoinAnswer, aPerson, aSnapshot, FakePlatform, json, settle } from "./testing/fake-platform.js";

const ME = 17;
const RELAY = { urls: "turn:relay.example", username: "u", credential: "c" };
let platform: FakePlatform;
let seen: string[];

function answer(token: string, nodes: string[] = [], me: Parameters<typeof aPerson>[1] = { role: "speaker" }) {
  return aJoinAnswer(ME, aSnapshot([aPerson(1, { role: "host" }), aPerson(ME, me)]), { nodes, resume_token: token, ice_servers: [RELAY] });
}

/** In a room, with sound, on a node that names `nodes`. */
async function inside(nodes: string[] = []): Promise<Room> {
  platform.respond = (request) => {
    if (request.path.endsWith("/join")) {
      return json(201, answer("joined", nodes));
    }
    return request.path === "/v1/ice-servers" ? json(200, { ice_servers: [{ ...RELAY, credential: "fresh" }] }) : new Response("answer 2");
  };
  const room = await new VoiceRooms({ url: "http://server", token: "jwt", platform }).join("01room");
  await bind(nodes);
  platform.peer.become("connected");
  seen = [];
  room.on("status", (status) => seen.push(status));
  return room;
}

async function bind(nodes: string[] = [], me?: Parameters<typeof aPerson>[1]): Promise<void> {
  platform.socket.open();
  platform.socket.answer(answer("bound", nodes, me));
  await settle();
}

/** Sockets fail for so long, while sound comes or does not. */
async function away(ms: number, sounds: boolean): Promise<void> {
  for (let passed = 0; passed < ms; passed += 100) {
    await platform.timers.advance(100);
    platform.peers[0]!.bytesReceived += sounds ? 500 : 0;
    if (platform.socket.closed === undefined) {
      platform.socket.drop();
    }
  }
}

beforeEach(() => {
  platform = new FakePlatform();
});

describe("a node that restarts", () => {
  it("is asked within a tenth of a second, and neither the connection nor the person notices", async () => {
    const room = await inside();
    const before = [...platform.peer.calls];
    platform.socket.drop();
    await platform.timers.advance(100);
    expect(platform.sockets).toHaveLength(2);
    await bind();
    expect(platform.socket.sent[0]).toMatchObject({ type: "room:resume", resume_token: "bound" });
    await platform.timers.advance(5_000);
    expect(platform.peers).toHaveLength(1);
    expect(platform.peer.calls).toEqual(before);
    expect([platform.peer.offers, platform.peer.restarts]).toEqual([1, 0]);
    expect(platform.requests).toHaveLength(1);
    expect(platform.microphones).toHaveLength(1);
    expect(room.status).toBe("live");
    expect(seen).toEqual([]);
  });

  it("says reconnecting only when it takes longer than two seconds", async () => {
    const room = await inside();
    platform.socket.drop();
    await away(1_900, true);
    expect(seen).toEqual([]);
    await away(200, true);
    expect(seen).toEqual(["reconnecting"]);
    await platform.timers.advance(600);
    await bind();
    expect(seen).toEqual(["reconnecting", "live"]);
    expect(platform.peers).toHaveLength(1);
    expect(room.status).toBe("live");
  });

  it("two absences of a second and a half are not one of three", async () => {
    await inside();
    for (let restart = 0; restart < 2; restart += 1) {
      platform.socket.drop();
      await away(1_300, true);
      await platform.timers.advance(500);
      await bind();
    }
    expect(seen).toEqual([]);
  });

  it("finds a person who muted himself meanwhile muted", async () => {
    const room = await inside();
    platform.socket.drop();
    const muted = room.mute();
    expect(platform.microphones[0]!.enabled).toBe(false);
    await platform.timers.advance(300);
    await bind();
    expect(room.selfOpen).toBe(false);
    const asked = platform.socket.sent.filter((message) => message.type === "room:mute");
    expect(asked.length).toBeGreaterThan(0);
    for (const { type, id } of asked) {
      platform.socket.say({ type, id, ok: true, result: {} });
    }
    await platform.timers.advance(1_000);
    await muted;
    expect(platform.microphones[0]!.enabled).toBe(false);
  });

  it("that has lost the connection says so, and gets a new one then and not before", async () => {
    await inside();
    platform.socket.drop();
    await platform.timers.advance(300);
    await bind();
    expect(platform.peers).toHaveLength(1);
    platform.socket.say({ type: "room:error", code: "media-lost", detail: "", epoch: 1, sequence: 10 });
    await platform.timers.advance(700);
    expect(platform.peers).toHaveLength(2);
  });

  it("that answers at once that it is gone gets a new one too, muted as before", async () => {
    const room = await inside();
    platform.socket.drop();
    room.mute().catch(() => {});
    await platform.timers.advance(100);
    platform.socket.open();
    platform.socket.answer({ ...answer("bound"), media: "gone" });
    await settle();
    expect(platform.peers).toHaveLength(2);
    expect(JSON.parse(platform.requests.at(-1)!.body)).toMatchObject({ resume_token: "bound", sdp: "offer 1" });
    await bind([], { role: "speaker", muted: true, muted_by_self: true });
    await platform.timers.advance(5_000);
    expect(room.selfOpen).toBe(false);
    expect(platform.peers).toHaveLength(2);
    expect(seen).toEqual([]);
  });

  it("alone is never left, however long it takes", async () => {
    await inside();
    platform.socket.drop();
    await away(20_000, false);
    expect(platform.peers).toHaveLength(1);
  });

  it("is not left for its own other address", async () => {
    platform.respond = () => json(201, { ...answer("joined", ["https://10.0.0.1:8443"]), own_nodes: 1 });
    const room = await new VoiceRooms({ url: "http://server", token: "jwt", platform }).join("01room");
    await bind();
    platform.socket.drop();
    await away(10_000, false);
    expect(platform.peers).toHaveLength(1);
    expect(room.node).toBe("http://server");
  });
});

describe("a node of several", () => {
  const NODES = ["http://server", "http://second"];

  it("is left after two seconds when nothing comes from it any more", async () => {
    await inside(NODES);
    platform.socket.drop();
    await away(1_900, false);
    expect(platform.peers).toHaveLength(1);
    await away(1_500, false);
    expect(platform.peers).toHaveLength(2);
  });

  it("is waited for while sound still comes from it, but not for ever", async () => {
    await inside(NODES);
    platform.socket.drop();
    await away(7_000, true);
    expect(platform.peers).toHaveLength(1);
    await away(2_400, true);
    expect(platform.peers).toHaveLength(2);
  });
});

describe("relays", () => {
  it("are known to the first connection before it gathers anything", async () => {
    await inside();
    expect(platform.peer.relays).toEqual([RELAY]);
    expect(platform.peer.calls).toEqual(["setConfiguration", "setLocalDescription", "setRemoteDescription"]);
  });

  it("are asked for anew by an ICE restart when their credentials may be old", async () => {
    await inside();
    platform.wake("network");
    await settle();
    expect(platform.requests.map((request) => request.path)).not.toContain("/v1/ice-servers");
    await platform.timers.advance(700_000);
    platform.socket.open();
    platform.wake("network");
    await settle();
    expect(platform.requests.map((request) => request.path)).toContain("/v1/ice-servers");
    expect(platform.peer.relays).toMatchObject([{ credential: "fresh" }]);
    expect(platform.peer.restarts).toBe(2);
  });

  it("an exchange that fails leaves nothing behind that the next one has to take back", async () => {
    await inside();
    const before = platform.peer.calls.length;
    platform.respond = () => {
      throw new TypeError("Failed to fetch");
    };
    platform.wake("network");
    await settle();
    expect(platform.peer.calls.slice(before)).toEqual(["setConfiguration"]);
  });
});
