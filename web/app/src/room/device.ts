/* device.ts - what the phone or the system around the page knows of the room: media keys and the lock screen, the screen
 * kept awake while one speaks, the audio route. All of it is a courtesy: where it is missing nothing else changes. */

import { useEffect } from "preact/hooks";
import { isOnStage } from "@voicerooms/client";
import type { Room, RoomState } from "@voicerooms/client";
import { useSpeakingSelf } from "./use-room.js";

type MediaSessionMore = MediaSession & { setMicrophoneActive?: (active: boolean) => unknown };

export function useDevice(room: Room, state: RoomState): void {
  const stage = room.self !== undefined && isOnStage(room.self);
  useMediaSession(room, state.room.title, stage, room.selfOpen);
  useWakeLock(useSpeakingSelf(room));
  useEffect(() => {
    /* iOS: playback keeps the good sound and goes on with the screen off; play-and-record is for who speaks. */
    const audio = (navigator as { audioSession?: { type: string } }).audioSession;
    if (audio) {
      audio.type = stage ? "play-and-record" : "playback";
    }
  }, [stage]);
}

function useMediaSession(room: Room, title: string, stage: boolean, open: boolean): void {
  useEffect(() => {
    const session = navigator.mediaSession as MediaSessionMore | undefined;
    if (!session) {
      return undefined;
    }
    session.metadata = new MediaMetadata({ title, artist: "Voicerooms", artwork: [{ src: "/icon.svg", type: "image/svg+xml" }] });
    session.playbackState = "playing";
    const toggle = () => void (room.selfOpen ? room.mute() : room.unmute()).catch(() => {});
    const acts: [string, (() => void) | null][] = [
      ["togglemicrophone", stage ? toggle : null],
      ["hangup", () => void room.leave()],
      ["stop", () => void room.leave()],
    ];
    acts.forEach(([name, run]) => handle(session, name, run));
    return () => {
      acts.forEach(([name]) => handle(session, name, null));
      session.metadata = null;
      session.playbackState = "none";
    };
  }, [room, title, stage]);
  useEffect(() => {
    void (navigator.mediaSession as MediaSessionMore | undefined)?.setMicrophoneActive?.(stage && open);
  }, [stage, open]);
}

function handle(session: MediaSession, name: string, run: (() => void) | null): void {
  try {
    session.setActionHandler(name as MediaSessionAction, run);
  } catch {
    /* A browser that does not know this act. */
  }
}

function useWakeLock(wanted: boolean): void {
  useEffect(() => {
    if (!wanted || !("wakeLock" in navigator)) {
      return undefined;
    }
    let lock: WakeLockSentinel | undefined;
    let over = false;
    /* The system takes it when the page is hidden: asked for again when it is shown. */
    const ask = () => {
      if (document.visibilityState === "visible") {
        navigator.wakeLock.request("screen").then(
          (got) => (over ? void got.release() : void (lock = got)),
          () => {},
        );
      }
    };
    ask();
    document.addEventListener("visibilitychange", ask);
    return () => {
      over = true;
      document.removeEventListener("visibilitychange", ask);
      void lock?.release();
    };
  }, [wanted]);
}
