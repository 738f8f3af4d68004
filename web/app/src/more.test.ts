/* Goal: every text is there in every language; reminders are said once early and once at the start; what counts as speech;
 * what the log says. */

import { describe, expect, it } from "vitest";
import { faults, files, gathered } from "../scripts/messages.mjs";
import { pickLanguage, t, tn } from "./i18n.js";
import { due } from "./reminders.js";
import { actText } from "./room/audit.js";
import { isSpeech } from "./room/muted-speech.js";
import { keyName } from "./settings.js";

describe("texts", () => {
  it("every message file has every text of the page, and no other", () => {
    expect(files().sort()).toEqual(["de.json", "en.json"]);
    expect(gathered().length).toBeGreaterThan(250);
    expect(files().flatMap(faults)).toEqual([]);
  });

  it("values fill their places, numbers choose their form", () => {
    expect(t("{name} left", { name: "Ana {n}" })).toBe("Ana {n} left");
    expect([1, 2].map((n) => tn(n, "person here", "people here"))).toEqual(["person here", "people here"]);
  });

  it("the first language that we have", () => {
    expect(pickLanguage(["fr-CA", "de-AT", "en"])).toBe("de");
    expect(pickLanguage(["", "xx"])).toBe("en");
    expect(pickLanguage([])).toBe("en");
  });
});

describe("reminders", () => {
  const start = Date.parse("2030-01-01T20:00:00Z");
  const one = { room: "a", title: "Songs", startsAt: "2030-01-01T20:00:00Z", said: 0 };
  const MINUTE = 60_000;

  it.each([
    [start - 11 * MINUTE, one, [], 1],
    [start - 9 * MINUTE, one, [false], 1],
    [start - 9 * MINUTE, { ...one, said: 1 }, [], 1],
    [start, { ...one, said: 1 }, [true], 0],
    [start + 30 * MINUTE, one, [true], 0],
    [start + 120 * MINUTE, one, [], 0],
  ])("at %d of %j", (now, reminder, said, left) => {
    const { say, keep } = due([reminder], now);
    expect(say.map(({ started }) => started)).toEqual(said);
    expect(keep).toHaveLength(left);
  });
});

it("a knock is no speech, half a second of loudness is", () => {
  expect(isSpeech([0, 0, 0.3, 0.2, 0, 0, 0, 0, 0, 0])).toBe(false);
  expect(isSpeech([0, 0.05, 0.1, 0.03, 0, 0.05, 0.08, 0, 0, 0])).toBe(true);
});

it("the log says who did what to whom, also of acts that this page does not know", () => {
  const entry = { at: "", by: "Ana", act: "room:kick", target: "Ben", reason: null };
  expect(actText(entry)).toBe("removed Ben");
  expect(actText({ ...entry, act: "kick" })).toBe("removed Ben");
  expect(actText({ ...entry, act: "room:later", target: null })).toBe("room:later");
});

it("keys as they are written", () => {
  expect([" ", "m", "?", "pageup"].map(keyName)).toEqual(["Space", "M", "?", "pageup"]);
});
