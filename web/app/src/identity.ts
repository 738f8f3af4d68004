/* identity.ts - who the person in this window is, and what a reload needs to come back.
 *
 * sessionStorage: the guest's token and the resume token live as long as the window, no longer, and two
 * windows are two people. localStorage holds only the name, to fill it in next time. */

import { asVoiceroomError, VoiceRooms } from "@voicerooms/client";

const NAME = "voicerooms.name";
const TOKEN = "voicerooms.token";
const TOKEN_NAME = "voicerooms.token-name";
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

export function savedName(): string {
  return sessionStorage.getItem(TOKEN_NAME) ?? localStorage.getItem(NAME) ?? "";
}

/** Make sure that requests go out under `name`. A token that we have is kept while the name stays. */
export async function becomeGuest(name: string): Promise<void> {
  if (client.token && sessionStorage.getItem(TOKEN_NAME) === name) {
    return;
  }
  client.setToken(undefined);
  const guest = await client.guest(name, joinCode);
  sessionStorage.setItem(TOKEN, guest.token);
  sessionStorage.setItem(TOKEN_NAME, name);
  localStorage.setItem(NAME, name);
}

/** Run `work` as `name`; a token that the server no longer takes is replaced once. */
export async function asGuest<T>(name: string, work: () => Promise<T>): Promise<T> {
  await becomeGuest(name);
  try {
    return await work();
  } catch (cause) {
    if (asVoiceroomError(cause).code !== "unauthorized") {
      throw cause;
    }
    sessionStorage.removeItem(TOKEN_NAME);
    await becomeGuest(name);
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
