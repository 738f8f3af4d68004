/* Goal: a person comes in, speaks when on stage, and comes back after every kind of loss: same place,
 * same role, as muted as before. */

import { beforeEach, describe, expect, it } from "vitest";
import { VoiceRooms } from "./client.js";
import type { Room } from "./room.js";
import type { RoomOver } from "./room_events.js";
import { aJoinAnswer, aPerson, aSnapshot, FakePlatform, json, problem, settle } from "./testing/fake-platform.js";

const ME = 17;
let platform: FakePlatform;
let client: VoiceRooms;

beforeEach(() => {
  platform = new FakePlatform();
  client = new VoiceRooms({ url: "http://server", token: "jwt", platform });
  serve({ role: "listener" });
});

let joins = 0;

/** Let the server take joins, with me as given. */
function serve(me: Parameters<typeof aPerson>[1], epoch = 1): void {
  joins = 0;
  platform.respond = (request) => {
    if (request.path.endsWith("/join")) {
      joins += 1;
      return json(201, answer(me, epoch));
    }
    return json(200, {});
  };
}

function answer(me: Parameters<typeof aPerson>[1], epoch = 1, token = `resume-${epoch}-${joins}`) {
  return aJoinAnswer(ME, aSnapshot([aPerson(1, { role: "host" }), aPerson(ME, me)], { epoch }), { resume_token: token });
}

async function inside(me: Parameters<typeof aPerson>[1] = { role: "listener" }): Promise<Room> {
  serve(me);
  const room = await client.join("01room");
  platform.socket.open();
  platform.socket.answer(answer(me, 1, "resume-ws"));
  await settle();
  return room;
}

function event(room: Room, fields: object): void {
  platform.socket.say({ room: "01room", epoch: room.state.epoch, sequence: room.state.sequence + 1, ...fields });
}

function body(index: number): Record<string, unknown> {
  return JSON.parse(platform.requests[index]!.body) as Record<string, unknown>;
}

describe("coming in", () => {
  it("one POST with an offer of one sending section and the slots, then the socket", async () => {
    const room = await inside();
    expect(platform.requests).toHaveLength(1);
    expect(platform.requests[0]).toMatchObject({ method: "POST", path: "/v1/rooms/01room/join" });
    expect(platform.requests[0]!.headers.Authorization).toBe("Bearer jwt");
    expect(body(0)).toMatchObject({ protocol: 1, sdp: "offer 1", capabilities: ["red", "pack60"] });
    expect(platform.peer.directions).toEqual(["sendonly", "recvonly", "recvonly", "recvonly", "recvonly"]);
    expect(platform.peer.remote).toBe("answer");
    expect(platform.socket.url).toBe("ws://server/v1/ws");
    expect(platform.socket.sent[0]).toMatchObject({ type: "room:resume", room: "01room", resume_token: "resume-1-1" });
    expect(room.status).toBe("live");
    expect(room.resumeToken).toBe("resume-ws");
  });

  it("an act right after it waits for the socket", async () => {
    const room = await client.join("01room");
    const asked = room.raiseHand();
    await settle();
    platform.socket.open();
    platform.socket.answer(answer({ role: "listener" }));
    await settle();
    expect(platform.socket.last).toMatchObject({ type: "room:hand-raise" });
    platform.socket.answer();
    await asked;
  });

  it("a refusal is thrown, with nothing left open", async () => {
    platform.respond = () => problem(403, "banned");
    await expect(client.join("01room")).rejects.toMatchObject({ code: "banned" });
    expect(platform.peer.connectionState).toBe("closed");
    expect(platform.sockets).toHaveLength(0);
  });

  it("no server is an error too, not a hang", async () => {
    platform.respond = () => {
      throw new TypeError("Failed to fetch");
    };
    await expect(client.join("01room")).rejects.toMatchObject({ code: "client-offline" });
  });
});

describe("microphone", () => {
  it("is not touched for a listener, opened on promotion, stopped on demotion; no second exchange", async () => {
    const room = await inside();
    expect(platform.microphones).toHaveLength(0);
    event(room, { type: "room:role-changed", participant: aPerson(ME, { role: "speaker" }), from: "listener", by: 1 });
    await settle();
    expect(platform.microphones).toHaveLength(1);
    expect(platform.peer.tracks).toContain(platform.microphones[0]);
    expect(platform.microphones[0]!.enabled).toBe(true);
    event(room, { type: "room:role-changed", participant: aPerson(ME), from: "speaker", by: 1 });
    expect(platform.microphones[0]!.stopped).toBe(true);
    expect(platform.peer.tracks.at(-1)).toBeNull();
    expect(platform.peer.offers).toBe(1);
  });

  it("the own ring follows what the server hears where the browser does not measure, and never a closed microphone", async () => {
    const room = await inside({ role: "speaker" });
    const seen: string[] = [];
    room.on("speaking", (levels) => seen.push([...levels.keys()].join()));
    const heard = (level: number) =>
      platform.socket.say({ type: "room:active-speakers", epoch: 1, sequence: 10, speakers: [{ participant: ME, level }] });
    heard(20);
    await platform.timers.advance(200);
    expect(seen.at(-1)).toBe("17");
    void room.mute().catch(() => {});
    await platform.timers.advance(1_000);
    expect(seen.at(-1)).toBe("");
  });

  it("a permission that comes after the demotion opens nothing", async () => {
    let give = (_track: MediaStreamTrack) => {};
    platform.openMicrophone = () => new Promise((resolve) => (give = resolve));
    const room = await inside({ role: "speaker" });
    event(room, { type: "room:role-changed", participant: aPerson(ME), from: "speaker", by: 1 });
    const late = { enabled: true, stopped: false, stop() { this.stopped = true; } };
    give(late as unknown as MediaStreamTrack);
    await settle();
    expect(late.stopped).toBe(true);
    expect(room.microphone.state).toBe("off");
  });

  it("a refusal is told, and can be tried again", async () => {
    const good = platform.openMicrophone;
    platform.openMicrophone = () => Promise.reject(new DOMException("no", "NotAllowedError"));
    const room = await inside({ role: "speaker" });
    expect(room.microphone).toMatchObject({ state: "failed", error: { code: "client-microphone-denied" } });
    platform.openMicrophone = good;
    await room.retryMicrophone();
    expect(room.microphone.state).toBe("on");
  });

  it("muting is silent before the server answers, and stays so if it never does", async () => {
    const room = await inside({ role: "speaker" });
    void room.mute().catch(() => {});
    expect(platform.microphones[0]!.enabled).toBe(false);
    platform.socket.drop();
    await settle();
    expect(room.selfOpen).toBe(false);
    await platform.timers.advance(300);
    platform.socket.open();
    platform.socket.answer(answer({ role: "speaker" }));
    await settle();
    expect(platform.socket.last).toMatchObject({ type: "room:mute" });
    expect(platform.microphones[0]!.enabled).toBe(false);
  });

  it("a moderator's mute closes it until it is lifted; unmuting names the version that it answers", async () => {
    const room = await inside({ role: "speaker" });
    const muted = aPerson(ME, { role: "speaker", muted: true, muted_by_moderator: true, muted_by_self: true, mute_version: 4 });
    event(room, { type: "room:muted", participant: muted, by: 1 });
    expect(platform.microphones[0]!.enabled).toBe(false);
    const lifted = { ...muted, muted_by_moderator: false, mute_version: 5 };
    event(room, { type: "room:unmuted", participant: lifted, by: 1 });
    expect(platform.microphones[0]!.enabled).toBe(false);
    const asked = room.unmute();
    expect(platform.socket.last).toMatchObject({ type: "room:unmute", version: 5 });
    platform.socket.answer();
    await settle();
    expect(platform.microphones[0]!.enabled).toBe(false);
    event(room, { type: "room:unmuted", participant: aPerson(ME, { role: "speaker" }), by: ME });
    await asked;
    expect(platform.microphones[0]!.enabled).toBe(true);
  });
});

describe("coming back", () => {
  it("a lost socket: resume on a new one, the peer stays", async () => {
    const room = await inside({ role: "speaker" });
    platform.socket.drop();
    await platform.timers.advance(300);
    platform.socket.open();
    expect(platform.socket.last).toMatchObject({ type: "room:resume", resume_token: "resume-ws" });
    platform.socket.answer(answer({ role: "speaker" }));
    await settle();
    expect(room.status).toBe("live");
    expect(platform.peers).toHaveLength(1);
  });

  it("a restarted server: the socket is refused, a join with token and new peer follows, still muted", async () => {
    const room = await inside({ role: "speaker", muted_by_self: true, muted: true });
    platform.socket.drop();
    platform.respond = () => {
      throw new TypeError("Failed to fetch");
    };
    await platform.timers.advance(5_000);
    serve({ role: "speaker", muted_by_self: true, muted: true, state: "connecting" }, 2);
    await platform.timers.advance(2_000);
    platform.socket.open();
    platform.socket.refuse("media-lost");
    await settle();
    const last = platform.requests.length - 1;
    expect(platform.requests[last]!.path).toBe("/v1/rooms/01room/join");
    expect(body(last)).toMatchObject({ resume_token: "resume-ws", sdp: "offer 1" });
    expect(platform.peers).toHaveLength(2);
    expect(platform.peers[0]!.connectionState).toBe("closed");
    expect(platform.peers[1]!.tracks).toEqual([platform.microphones[0]]);
    platform.socket.open();
    platform.socket.answer(answer({ role: "speaker", muted_by_self: true, muted: true }, 2));
    await settle();
    expect(room.status).toBe("live");
    expect(room.state.epoch).toBe(2);
    expect(room.selfOpen).toBe(false);
    expect(platform.microphones).toHaveLength(1);
  });

  it("failed media: a join with a new peer, tried until the server is there", async () => {
    const room = await inside();
    platform.respond = () => problem(503, "draining");
    platform.peer.become("failed");
    await platform.timers.advance(4_000);
    expect(room.status).toBe("reconnecting");
    serve({ role: "listener" });
    await platform.timers.advance(2_000);
    expect(joins).toBe(1);
    platform.socket.open();
    platform.socket.answer(answer({ role: "listener" }));
    await settle();
    expect(room.status).toBe("live");
  });

  it("disconnected for 2 s: an ICE restart, the peer stays", async () => {
    await inside();
    platform.respond = () => new Response("answer 2", { status: 200 });
    platform.peer.become("disconnected");
    await platform.timers.advance(1_900);
    expect(platform.peer.restarts).toBe(0);
    await platform.timers.advance(200);
    expect(platform.requests.at(-1)).toMatchObject({ method: "POST", path: "/v1/sessions/01session/offer", body: "offer 2" });
    expect(platform.peer.remote).toBe("answer 2");
    platform.peer.become("connected");
    await platform.timers.advance(10_000);
    expect(platform.peers).toHaveLength(1);
  });

  it("an ICE restart that the server does not know: a new peer", async () => {
    await inside();
    platform.respond = (request) => (request.path.endsWith("/offer") ? problem(404, "not-found") : json(201, answer({})));
    platform.peer.become("disconnected");
    await platform.timers.advance(2_700);
    expect(platform.peers).toHaveLength(2);
  });

  it("media closed by a removal: its reason is waited for, nothing is tried again", async () => {
    const room = await inside();
    const ends: RoomOver[] = [];
    room.on("over", (over) => ends.push(over));
    platform.peer.become("failed");
    await platform.timers.advance(100);
    platform.socket.say({ type: "room:kicked", reason: "noise", epoch: 1, sequence: room.state.sequence });
    platform.socket.drop(4002);
    await platform.timers.advance(5_000);
    expect(ends).toMatchObject([{ reason: "kicked", detail: "noise" }]);
    expect(joins).toBe(1);
  });

  it("media that the server says is lost: a new peer", async () => {
    await inside();
    platform.socket.say({ type: "room:error", code: "media-lost", detail: "", epoch: 1, sequence: 10 });
    await platform.timers.advance(700);
    expect(platform.peers).toHaveLength(2);
    expect(platform.peers[0]!.connectionState).toBe("closed");
  });

  it("an access token that ran out meanwhile does not keep anyone out", async () => {
    const room = await inside();
    platform.respond = (request) => (request.headers.Authorization ? problem(401, "unauthorized") : json(201, answer({})));
    platform.peer.become("failed");
    await platform.timers.advance(1_000);
    platform.socket.open();
    expect(platform.socket.last).toMatchObject({ type: "room:resume" });
    expect(platform.socket.last).not.toHaveProperty("token");
    platform.socket.answer(answer({}));
    await settle();
    expect(room.status).toBe("live");
  });

  it("a changed network restarts ICE at once", async () => {
    await inside();
    platform.respond = () => new Response("answer 2", { status: 200 });
    platform.wake("network");
    await settle();
    expect(platform.peer.restarts).toBe(1);
  });

  it("banned meanwhile: over, and said why", async () => {
    const room = await inside();
    const ends: RoomOver[] = [];
    room.on("over", (over) => ends.push(over));
    platform.respond = () => problem(403, "banned");
    platform.peer.become("failed");
    await platform.timers.advance(5_000);
    expect(ends).toMatchObject([{ reason: "banned" }]);
    expect(platform.peers.every((peer) => peer.connectionState === "closed")).toBe(true);
  });
});

describe("the end", () => {
  it.each([
    [{ type: "room:kicked", reason: "noise" }, "kicked", "noise"],
    [{ type: "room:banned", reason: "spam", until: null }, "banned", "spam"],
    [{ type: "room:ended", reason: "good night" }, "ended", "good night"],
    [{ type: "session:replaced" }, "replaced", ""],
  ])("%j", async (last, reason, detail) => {
    const room = await inside({ role: "speaker" });
    const ends: RoomOver[] = [];
    room.on("over", (over) => ends.push(over));
    platform.socket.say({ epoch: 1, sequence: room.state.sequence, ...last });
    platform.socket.drop(4002);
    expect(ends).toMatchObject([{ reason, detail }]);
    expect(platform.microphones[0]!.stopped).toBe(true);
    await platform.timers.advance(60_000);
    expect(platform.sockets).toHaveLength(1);
  });

  it("leaving tells the server over the socket, or over HTTP when that is gone", async () => {
    const room = await inside();
    const left = room.leave();
    expect(platform.socket.last).toMatchObject({ type: "room:leave" });
    platform.socket.answer();
    await left;
    expect(room.status).toBe("over");

    const other = await inside();
    platform.socket.drop();
    await other.leave();
    expect(platform.requests.at(-1)).toMatchObject({ method: "DELETE", path: "/v1/sessions/01session" });
    expect(other.status).toBe("over");
  });
});

describe("lists and creation", () => {
  it("asks for what was asked for", async () => {
    platform.respond = () => json(200, { rooms: [], next_cursor: null });
    await client.listRooms({ q: "a&b", limit: 5, topic: "" });
    expect(platform.requests[0]!.path).toBe("/v1/rooms?q=a%26b&limit=5");
  });

  it("a guest's token is used from then on, and creation names its key", async () => {
    platform.respond = (request) =>
      request.path === "/v1/guests" ? json(201, { token: "g1", user: "u", name: "Ana", expires_at: "" }) : json(201, { id: "r" });
    await client.guest("Ana", "code");
    expect(body(0)).toEqual({ name: "Ana", code: "code" });
    await client.createRoom({ title: "Oak" }, "key-1");
    expect(platform.requests[1]!.headers).toMatchObject({ Authorization: "Bearer g1", "Idempotency-Key": "key-1" });
  });
});
