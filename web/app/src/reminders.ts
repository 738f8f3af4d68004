/* reminders.ts - "remind me" of a scheduled room: said in the page, and by the system where it may, ten minutes before
 * and at the start. Kept on this device, and at the server for who has a name there (remind.ts). The calendar file
 * reminds where no page is open. */

import { useEffect, useState } from "preact/hooks";

const KEY = "voicerooms.reminders";
const EARLY_MS = 10 * 60_000;
const LOOK_MS = 15_000;

export interface Reminder {
  room: string;
  title: string;
  startsAt: string;
  /** How often it was said: 0, 1 (early), 2 (started). */
  said: number;
}

export const listeners = new Set<() => void>();

export function reminders(): Reminder[] {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "[]") as Reminder[];
  } catch {
    return [];
  }
}

export function keep(all: readonly Reminder[]): void {
  localStorage.setItem(KEY, JSON.stringify(all));
  listeners.forEach((listener) => listener());
}

export function remind(room: string, title: string, startsAt: string): void {
  keep([...reminders().filter((one) => one.room !== room), { room, title, startsAt, said: 0 }]);
  /* Asked for in the click that wants it; "no" leaves the notice in the page. */
  if (typeof Notification !== "undefined" && Notification.permission === "default") {
    Notification.requestPermission().catch(() => {});
  }
}

export function forget(room: string): void {
  keep(reminders().filter((one) => one.room !== room));
}

export function useReminded(room: string): boolean {
  const look = () => reminders().some((one) => one.room === room);
  const [on, setOn] = useState(look);
  useEffect(() => {
    const update = () => setOn(look());
    update();
    listeners.add(update);
    return () => void listeners.delete(update);
  }, [room]);
  return on;
}

/** What is due at `now`, and what stays to be kept. Pure. */
export function due(all: readonly Reminder[], now: number): { say: { reminder: Reminder; started: boolean }[]; keep: Reminder[] } {
  const say: { reminder: Reminder; started: boolean }[] = [];
  const left: Reminder[] = [];
  for (const one of all) {
    const start = Date.parse(one.startsAt);
    if (now >= start) {
      if (now < start + 6 * EARLY_MS) {
        say.push({ reminder: one, started: true });
      }
    } else if (now >= start - EARLY_MS && one.said === 0) {
      say.push({ reminder: one, started: false });
      left.push({ ...one, said: 1 });
    } else {
      left.push(one);
    }
  }
  return { say, keep: left };
}

/** Looks while the page is open. */
export function watchReminders(tell: (reminder: Reminder, started: boolean) => void): () => void {
  const look = () => {
    const all = reminders();
    const { say, keep: left } = due(all, Date.now());
    if (say.length > 0 || left.length !== all.length) {
      keep(left);
    }
    say.forEach(({ reminder, started }) => tell(reminder, started));
  };
  look();
  const timer = setInterval(look, LOOK_MS);
  return () => clearInterval(timer);
}
