/* Goal: every failure becomes one kind of error, with its code, and a sentence of what to do. */

import { describe, expect, it } from "vitest";
import { asVoiceroomError, errorFromProblem, microphoneError, readRetryAfter, VoiceroomError } from "./errors.js";

describe("errorFromProblem", () => {
  it("reads a problem document", () => {
    const error = errorFromProblem(422, {
      code: "invalid", detail: "title is empty", request_id: "r1", errors: [{ pointer: "/title", detail: "1-100 characters" }],
    });
    expect(error).toMatchObject({ code: "invalid", detail: "title is empty", status: 422, requestId: "r1" });
    expect(error.fields).toEqual([{ pointer: "/title", detail: "1-100 characters" }]);
    expect(error.retryable).toBe(false);
  });

  it("takes the longer of both waits", () => {
    expect(errorFromProblem(503, { code: "draining", retry_after_ms: 1500 }, 1000).retryAfterMs).toBe(1500);
  });

  it.each([
    [401, "unauthorized"],
    [404, "not-found"],
    [429, "rate-limited"],
    [502, "internal"],
    [418, "bad-request"],
  ])("knows a proxy's %i without a document", (status, code) => {
    expect(errorFromProblem(status, "<html>").code).toBe(code);
  });
});

it("says what to do for every code of the server and of its own", () => {
  const codes = [
    "unauthorized", "forbidden", "banned", "wrong-passcode", "not-invited", "locked", "not-found", "conflict", "room-full",
    "stage-full", "gone", "rate-limited", "storage-full", "client-offline", "client-timeout", "client-microphone-denied",
    "something-new",
  ];
  for (const code of codes) {
    expect(new VoiceroomError({ code }).whatToDo).toMatch(/^[A-Z].*\.$/);
  }
});

it.each([
  ["busy", 0, true],
  ["client-offline", 0, true],
  ["unknown", 502, true],
  ["banned", 403, false],
  ["not-found", 404, false],
])("%s (%i): worth another try: %s", (code, status, retryable) => {
  expect(new VoiceroomError({ code, status }).retryable).toBe(retryable);
});

it("reads Retry-After in both forms", () => {
  const now = Date.parse("2026-11-22T16:00:00Z");
  expect(readRetryAfter("3", now)).toBe(3000);
  expect(readRetryAfter("Sun, 22 Nov 2026 16:00:05 GMT", now)).toBe(5000);
  expect(readRetryAfter("soon", now)).toBe(0);
  expect(readRetryAfter(null, now)).toBe(0);
});

it.each([
  ["NotAllowedError", "client-microphone-denied"],
  ["NotFoundError", "client-microphone-missing"],
  ["NotReadableError", "client-microphone-busy"],
])("microphone: %s", (name, code) => {
  expect(microphoneError(new DOMException("x", name)).code).toBe(code);
});

it("wraps what was thrown by others", () => {
  expect(asVoiceroomError(new TypeError("boom"))).toMatchObject({ code: "internal", detail: "boom" });
  const own = new VoiceroomError({ code: "gone" });
  expect(asVoiceroomError(own)).toBe(own);
});
