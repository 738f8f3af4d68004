/* Goal: a node that fails is left for the next one, and a node that is about to go is left before it does. */

import { beforeEach, describe, expect, it } from "vitest";
import { VoiceRooms } from "./client.js";
import type { Room } from "./room.js";
import { aJoinAnswer, aPerson, aSnapshot, FakePlatform, json, problem, settle } from "./testing/fake-platform.js";
import type { FakeRequest } from "./testing/fake-platform.js";

const ME = 17;
const NODES = ["http://server", "http://second", "http://third"];
let platform: FakePlatform;

/* A path of the fake is without the first node's address, and with any other's. */
const nodeOf = (request: FakeRequest) => /^http:\/\/[^/]+/.exec(request.path)?.[0] ?? NODES[0]!;

function answer(nodes: string[], token: string) {
  return aJoinAnswer(ME, aSnapshot([aPerson(1, { role: "host" }), aPerson(ME, { role: "speaker" })]), { nodes, resume_token: token });
}

/** Who answers joins; the others are not reached, or say `code`. */
function serve(working: string[], nodes = NODES, code?: string): void {
  platform.respond = (request) => {
    const node = nodeOf(request);
    if (!working.includes(node)) {
      if (code) {
        return problem(503, code);
      }
      throw new TypeError("Failed to fetch");
    }
    return json(201, answer(nodes, `token of ${node}`));
  };
}

async function inside(nodes = NODES): Promise<Room> {
  serve([NODES[0]!], nodes);
  const room = await new VoiceRooms({ url: "http://server", token: "jwt", platform }).join("01room");
  await bind(nodes);
  platform.peer.become("connected");
  return room;
}

async function bind(nodes = NODES, token = "bound"): Promise<void> {
  platform.socket.open();
  platform.socket.answer(answer(nodes, token));
  await settle();
}

beforeEach(() => {
  platform = new FakePlatform();
});

describe("a node fails", () => {
  it("after three sockets that do not open the next node is asked, with the token, and then its socket", async () => {
    const room = await inside();
    serve(["http://second"]);
    platform.socket.drop();
    for (let tries = 0; tries < 4; tries += 1) {
      await platform.timers.advance(600);
      platform.socket.drop();
    }
    await platform.timers.advance(1_500);
    expect(platform.requests.map(nodeOf).slice(1)).toEqual(["http://server", "http://second"]);
    expect(JSON.parse(platform.requests.at(-1)!.body)).toMatchObject({ resume_token: "bound" });
    expect(platform.socket.url).toBe("ws://second/v1/ws");
    await bind();
    expect(room.status).toBe("live");
    expect(room.node).toBe("http://second");
  });

  it("goes round until one works", async () => {
    const room = await inside();
    serve([]);
    platform.peer.become("failed");
    await platform.timers.advance(3_000);
    const asked = platform.requests.map(nodeOf).slice(1, 5);
    expect(asked).toEqual(["http://server", "http://second", "http://third", "http://server"]);
    serve(["http://third"]);
    await platform.timers.advance(8_000);
    await bind();
    expect(room.node).toBe("http://third");
    expect(room.status).toBe("live");
  });

  it("alone, its own node is waited for, by the socket", async () => {
    const room = await inside([]);
    serve([]);
    platform.socket.drop();
    for (let tries = 0; tries < 5; tries += 1) {
      await platform.timers.advance(2_000);
      platform.socket.drop();
    }
    expect(platform.requests).toHaveLength(1);
    expect(room.status).toBe("reconnecting");
  });
});

describe("a line at the door", () => {
  const busy = () => json(503, { code: "busy", retry_after_ms: 400 }, { "retry-after": "1" });

  it("is waited in, at the same node, for as long as it says", async () => {
    let full = true;
    platform.respond = () => (full ? busy() : json(201, answer(NODES, "token")));
    const joined = new VoiceRooms({ url: "http://server", token: "jwt", platform }).join("01room");
    await settle();
    expect(platform.requests).toHaveLength(1);
    await platform.timers.advance(399);
    expect(platform.requests).toHaveLength(1);
    await platform.timers.advance(201);
    expect(platform.requests).toHaveLength(2);
    full = false;
    await platform.timers.advance(400);
    const room = await joined;
    await bind();
    expect(room.status).toBe("live");
    expect(new Set(platform.requests.map(nodeOf))).toEqual(new Set(["http://server"]));
  });

  it("is no line for ever", async () => {
    platform.respond = busy;
    const joined = new VoiceRooms({ url: "http://server", token: "jwt", platform }).join("01room").catch((cause: unknown) => cause);
    await platform.timers.advance(70_000);
    expect(await joined).toMatchObject({ code: "busy" });
    const asked = platform.requests.length;
    await platform.timers.advance(10_000);
    expect(platform.requests).toHaveLength(asked);
  });

  it("who comes back keeps his place in it, and asks another node when it does not move", async () => {
    const room = await inside();
    platform.respond = busy;
    platform.peer.become("failed");
    await platform.timers.advance(6_000);
    const asked = platform.requests.map(nodeOf).slice(1, 6);
    expect(asked).toEqual([...Array<string>(4).fill("http://server"), "http://second"]);
    serve(["http://second"]);
    await platform.timers.advance(4_000);
    await bind();
    expect(room.node).toBe("http://second");
  });
});

describe("a node is about to go", () => {
  const draining = () => platform.socket.say({ type: "server:draining", room: "01room", epoch: 1, sequence: 10, retry_after_ms: 1000 });

  it("a new peer on the next node comes up before the old one closes; nobody sees a reconnection", async () => {
    const room = await inside();
    const seen: string[] = [];
    room.on("status", (status) => seen.push(status));
    serve(["http://second"]);
    draining();
    await settle();
    const [old, fresh] = [platform.peers[0]!, platform.peers[1]!];
    expect(old.connectionState).toBe("connected");
    expect(fresh.remote).toBe("answer");
    expect(fresh.tracks).toContain(platform.microphones[0]);
    expect(platform.socket.url).toBe("ws://second/v1/ws");
    await bind();
    fresh.become("connected");
    await settle();
    expect(old.connectionState).toBe("closed");
    expect(room.node).toBe("http://second");
    expect(seen).toEqual([]);
    expect(platform.microphones).toHaveLength(1);
  });

  it("goes to the node that the server names before any other", async () => {
    const room = await inside();
    serve(["http://second", "http://third"]);
    platform.socket.say({ type: "server:draining", room: "01room", epoch: 1, sequence: 10, retry_after_ms: 0, node: "http://third" });
    await settle();
    platform.peers[1]!.become("connected");
    await bind();
    expect(room.node).toBe("http://third");
  });

  it("the end of the old session is no end of ours", async () => {
    const room = await inside();
    const first = platform.socket;
    serve(["http://second"]);
    draining();
    await settle();
    first.say({ type: "session:replaced", room: "01room", epoch: 1, sequence: 10 });
    first.drop(4002);
    platform.peers[1]!.become("connected");
    await bind();
    expect(room.status).toBe("live");
  });

  it("a node without sound is left again for one with it", async () => {
    const room = await inside();
    serve(["http://second", "http://third"]);
    draining();
    await settle();
    platform.peers[1]!.become("failed");
    await settle();
    expect(platform.peers[1]!.connectionState).toBe("closed");
    expect(platform.peers[0]!.connectionState).toBe("connected");
    platform.peers[2]!.become("connected");
    await bind();
    expect(room.node).toBe("http://third");
    expect(room.status).toBe("live");
  });

  it("where no other takes us we stay until it goes", async () => {
    const room = await inside();
    serve([], NODES, "draining");
    draining();
    await platform.timers.advance(100);
    expect(platform.peers[0]!.connectionState).toBe("connected");
    expect(room.node).toBe("http://server");
    expect(room.status).toBe("live");
  });

  it("the end of the old session is no end of ours, also before the new node has answered", async () => {
    const room = await inside();
    let answered = () => {};
    platform.respond = () => new Promise<Response>((done) => { answered = () => done(json(201, answer(NODES, "moved"))); });
    draining();
    await settle();
    platform.socket.say({ type: "session:replaced", room: "01room", epoch: 1, sequence: 10 });
    platform.socket.drop(4002);
    expect(room.status).not.toBe("over");
    answered();
    await settle();
    platform.peers[1]!.become("connected");
    await bind();
    expect(room.status).toBe("live");
    expect(room.node).toBe("http://second");
  });

  it("replaced by another device meanwhile: no node gives the place back", async () => {
    const room = await inside();
    let answered = () => {};
    platform.respond = () => new Promise<Response>((done) => { answered = () => done(problem(410, "gone")); });
    draining();
    await settle();
    platform.socket.say({ type: "session:replaced", room: "01room", epoch: 1, sequence: 10 });
    platform.socket.drop(4002);
    platform.respond = () => problem(410, "gone");
    answered();
    await platform.timers.advance(100);
    platform.socket.open();
    platform.socket.refuse("gone");
    await platform.timers.advance(1_000);
    expect(room.status).toBe("over");
  });
});

describe("a node that is being drained", () => {
  /* It sends on; `working` let in. */
  const drained = (working: string[]) => {
    platform.respond = (request) =>
      working.includes(nodeOf(request))
        ? json(201, answer(NODES, "in"))
        : json(503, { code: "draining", nodes: ["http://third", "http://second"] });
  };
  const enter = () => new VoiceRooms({ url: "http://server", token: "jwt", platform }).join("01room");

  it("sends who comes in to others, which are asked at once", async () => {
    drained(["http://second"]);
    const room = await enter();
    expect(platform.requests.map(nodeOf)).toEqual(["http://server", "http://third", "http://second"]);
    expect(room.node).toBe("http://second");
    expect(platform.socket.url).toBe("ws://second/v1/ws");
  });

  it("is what a refusal tells when nobody takes us", async () => {
    drained([]);
    await expect(enter()).rejects.toMatchObject({ code: "draining" });
    expect(platform.requests.map(nodeOf)).toEqual(["http://server", "http://third", "http://second"]);
  });

  it("is left for a node that it names, known before or not, by who comes back", async () => {
    const room = await inside([]);
    drained(["http://second", "http://third"]);
    platform.peer.become("failed");
    await platform.timers.advance(2_000);
    await bind();
    expect(room.node).toBe("http://third");
    expect(room.status).toBe("live");
  });
});
