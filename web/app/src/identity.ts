/* identity.ts - who the person in this window is, and what a reload needs to come back.
 *
 * A guest by a name, or a member: whom a back end that knows its people sends here with an access token behind
 * the # of the address. sessionStorage: the token and the resume token live as long as the window, no longer,
 * and two windows are two people. localStorage holds only a guest's name, to fill it in next time. */

import { asVoiceroomError, VoiceroomError, VoiceRooms } from "@voicerooms/client";
import { splitToken } from "./route.js";

const NAME = "voicerooms.name";
const TOKEN = "voicerooms.token";
const TOKEN_NAME = "voicerooms.token-name";
const MEMBER = "voicerooms.member";
const MICROPHONE = "voicerooms.microphone";
const RESUME = "voicerooms.resume.";

/* The join link's code comes in the address once; it is kept in memory and leaves the address bar, so that
 * it is in no history, screenshot or copied address. */
let joinCode: string | undefined;

function takeCode(): void {
  const url = new URL(location.href);
  const code = url.searchParams.get("code");
  if (code) {
    joinCode = code;
    url.searchParams.delete("code");
    history.replaceState(null, "", url);
  }
}

takeCode();

export const client = new VoiceRooms({ url: location.origin, token: sessionStorage.getItem(TOKEN) ?? undefined });

/* A member's token leaves the address bar as the join code does. Places in rooms that somebody else had in this
 * window are not his. */
function takeToken(): void {
  const { path, token, user, name } = splitToken(location.hash);
  if (!token) {
    return;
  }
  history.replaceState(null, "", path);
  if (member()?.user !== user) {
    Object.keys(sessionStorage).filter((key) => key.startsWith(RESUME)).forEach((key) => sessionStorage.removeItem(key));
  }
  sessionStorage.removeItem(TOKEN_NAME);
  sessionStorage.setItem(TOKEN, token);
  sessionStorage.setItem(MEMBER, JSON.stringify({ user, name }));
  client.setToken(token);
}

takeToken();
/* Opened in a window where the page is already: before the views look at the address. */
addEventListener("hashchange", takeToken);

/** Who comes by a token of the operator's own; undefined: a guest, or nobody yet. */
export function member(): { user: string; name: string } | undefined {
  const kept = sessionStorage.getItem(MEMBER);
  return kept ? (JSON.parse(kept) as { user: string; name: string }) : undefined;
}

function forgetToken(): void {
  sessionStorage.removeItem(TOKEN);
  sessionStorage.removeItem(TOKEN_NAME);
  sessionStorage.removeItem(MEMBER);
  client.setToken(undefined);
}

export function savedName(): string {
  return sessionStorage.getItem(TOKEN_NAME) ?? localStorage.getItem(NAME) ?? "";
}

/** Make sure that requests go out under `name`. A token that we have is kept while the name stays; a member's always. */
export async function becomeGuest(name: string): Promise<void> {
  if (client.token && (member() || sessionStorage.getItem(TOKEN_NAME) === name)) {
    return;
  }
  client.setToken(undefined);
  const guest = await client.guest(name, joinCode).catch((cause: unknown) => {
    const { code, detail, status } = asVoiceroomError(cause);
    /* Forbidden to a guest is a matter of how one comes in, not of a role. */
    throw code === "forbidden" ? new VoiceroomError({ code: "unauthorized", detail, status }) : cause;
  });
  sessionStorage.setItem(TOKEN, guest.token);
  sessionStorage.setItem(TOKEN_NAME, name);
  localStorage.setItem(NAME, name);
}

/** Run `work` as `name`; a guest's token that the server no longer takes is replaced once. A member's is forgotten:
 *  only where he came from can he get another one. */
export async function asGuest<T>(name: string, work: () => Promise<T>): Promise<T> {
  await becomeGuest(name);
  try {
    return await work();
  } catch (cause) {
    const wasMember = member() !== undefined;
    if (asVoiceroomError(cause).code !== "unauthorized") {
      throw cause;
    }
    forgetToken();
    if (wasMember) {
      throw cause;
    }
    await becomeGuest(name);
    return work();
  }
}

/** What anybody may ask where guests are allowed: a token that has run out must not be in its way. */
export async function asAnybody<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (asVoiceroomError(cause).code !== "unauthorized" || !client.token || member()) {
      throw cause;
    }
    forgetToken();
    return work();
  }
}

/* Of a moderator of the whole house: by a token of the operator's own, for as long as the window lives. */
const MODERATOR = "voicerooms.moderator";

export function savedModerator(): string | undefined {
  return sessionStorage.getItem(MODERATOR) ?? undefined;
}

export function saveModerator(token: string | undefined): void {
  if (token) {
    sessionStorage.setItem(MODERATOR, token);
  } else {
    sessionStorage.removeItem(MODERATOR);
  }
}

/** The microphone that the person chose on this device. */
export function savedMicrophone(): string | undefined {
  return localStorage.getItem(MICROPHONE) ?? undefined;
}

export function saveMicrophone(deviceId: string): void {
  localStorage.setItem(MICROPHONE, deviceId);
}

export function saveResume(room: string, token: string): void {
  sessionStorage.setItem(RESUME + room, token);
}

export function savedResume(room: string): string | undefined {
  return sessionStorage.getItem(RESUME + room) ?? undefined;
}

export function forgetResume(room: string): void {
  sessionStorage.removeItem(RESUME + room);
}

/** A link to send to others; with the join code, if this window came by one, for they need it too. */
export function shareLink(room: string): string {
  const url = new URL(location.origin);
  if (joinCode) {
    url.searchParams.set("code", joinCode);
  }
  url.hash = `/room/${room}`;
  return url.href;
}

/** Browser tests reach the library through `window.voicerooms`, only where the address says ?e2e=1. */
export function exposeForTests(members: object): void {
  if (new URLSearchParams(location.search).get("e2e") === "1") {
    const page = window as { voicerooms?: object };
    page.voicerooms = { ...page.voicerooms, ...members };
  }
}

exposeForTests({ client });
