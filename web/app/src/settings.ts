/* settings.ts - what the person prefers on this device: kept in localStorage, told to whoever listens. */

import { useEffect, useState } from "preact/hooks";
import type { MicrophoneOptions } from "@voicerooms/client";

export interface Settings {
  language: string;
  /** Who comes, goes and writes is said to screen readers. */
  announce: boolean;
  shortcuts: boolean;
  /** One key each, as KeyboardEvent.key in lower case. */
  keys: { mute: string; talk: string; hand: string; help: string };
  /** On stage one is silent except while the key is held. */
  pushToTalk: boolean;
  microphone: MicrophoneOptions;
}

export const DEFAULTS: Settings = {
  language: "",
  announce: true,
  shortcuts: true,
  keys: { mute: "m", talk: " ", hand: "r", help: "?" },
  pushToTalk: false,
  microphone: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
};

const KEY = "voicerooms.settings";
const listeners = new Set<(settings: Settings) => void>();
let current = read();

function read(): Settings {
  try {
    const stored = JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Settings>;
    return {
      ...DEFAULTS,
      ...stored,
      keys: { ...DEFAULTS.keys, ...stored.keys },
      microphone: { ...DEFAULTS.microphone, ...stored.microphone },
    };
  } catch {
    /* Storage is closed to us, or holds something else: then nothing is remembered, and all works. */
    return DEFAULTS;
  }
}

export function settings(): Settings {
  return current;
}

export function change(part: Partial<Settings>): void {
  current = { ...current, ...part };
  try {
    localStorage.setItem(KEY, JSON.stringify(current));
  } catch {
    /* As above. */
  }
  listeners.forEach((listener) => listener(current));
}

export function useSettings(): Settings {
  const [shown, setShown] = useState(current);
  useEffect(() => {
    setShown(current);
    listeners.add(setShown);
    return () => void listeners.delete(setShown);
  }, []);
  return shown;
}

/** A key as it is written on keyboards. */
export function keyName(key: string): string {
  return key === " " ? "Space" : key.length === 1 ? key.toUpperCase() : key;
}
