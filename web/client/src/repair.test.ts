/* Goal: when the server finds that sound goes one way only, this client mends it without a reload: an ICE restart,
 * or a new peer that is up before the old one closes. */

import { beforeEach, describe, expect, it } from "vitest";
import { VoiceRooms } from "./client.js";
import type { Room } from "./room.js";
import { aJoinAnswer, aPerson, aSnapshot, FakePlatform, json, problem, settle } from "./testing/fake-platform.js";

const ME = 17;
let platform: FakePlatform;
let joins: number;

const answer = (token: string) =>
  aJoinAnswer(ME, aSnapshot([aPerson(1, { role: "host" }), aPerson(ME, { role: "speaker" })]), { resume_token: token });

function serve(): void {
  platform.respond = (request) => {
    if (request.path.endsWith("/join")) {
      joins += 1;
      return json(201, answer(`token ${joins}`));
    }
    return new Response("answer 2", { status: 200 });
  };
}

async function bind(): Promise<void> {
  platform.socket.open();
  platform.socket.answer(answer("bound"));
  await settle();
}

async function inside(): Promise<{ room: Room; seen: string[] }> {
  serve();
  const room = await new VoiceRooms({ url: "http://server", token: "jwt", platform }).join("01room");
  await bind();
  platform.peer.become("connected");
  const seen: string[] = [];
  room.on("status", (status) => seen.push(status));
  return { room, seen };
}

const repair = (act: string) =>
  platform.socket.say({ type: "session:repair", act, reason: "deaf", room: "01room", epoch: 1, sequence: 10 });

beforeEach(() => {
  platform = new FakePlatform();
  joins = 0;
});

describe("the server asks for a repair", () => {
  it("restart: an ICE restart, though the browser believes to be connected; asked twice it is one", async () => {
    const { seen } = await inside();
    repair("restart");
    repair("restart");
    await settle();
    expect(platform.peer.restarts).toBe(1);
    expect(platform.requests.at(-1)).toMatchObject({ method: "POST", path: "/v1/sessions/01session/offer" });
    expect(platform.peer.remote).toBe("answer 2");
    await platform.timers.advance(10_000);
    expect(platform.peers).toHaveLength(1);
    expect(seen).toEqual([]);
  });

  it("rebuild: a new peer on the same node, up before the old one closes; nobody sees a reconnection", async () => {
    const { room, seen } = await inside();
    repair("rebuild");
    await settle();
    const [old, fresh] = [platform.peers[0]!, platform.peers[1]!];
    expect(joins).toBe(2);
    expect(JSON.parse(platform.requests.at(-1)!.body)).toMatchObject({ resume_token: "bound" });
    expect(old.connectionState).toBe("connected");
    expect(fresh.tracks).toContain(platform.microphones[0]);
    await bind();
    fresh.become("connected");
    await settle();
    expect(old.connectionState).toBe("closed");
    expect(room.mediaState).toBe("connected");
    expect(seen).toEqual([]);
    expect(platform.microphones).toHaveLength(1);
  });

  it("a rebuild that does not come up: coming back as after any loss", async () => {
    const { room } = await inside();
    repair("rebuild");
    await settle();
    await bind();
    await platform.timers.advance(6_000);
    await platform.timers.advance(2_000);
    expect(room.status).toBe("reconnecting");
    expect(joins).toBe(3);
    await bind();
    expect(room.status).toBe("live");
  });

  it("a rebuild that is refused is tried again", async () => {
    const { room } = await inside();
    platform.respond = () => problem(503, "frozen");
    repair("rebuild");
    await platform.timers.advance(1_000);
    serve();
    await platform.timers.advance(6_000);
    await bind();
    expect(room.status).toBe("live");
  });
});
