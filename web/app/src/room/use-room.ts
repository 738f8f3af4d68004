/* use-room.ts - a room's typed events as the state of components. */

import { useEffect, useState } from "preact/hooks";
import { levelStep } from "@voicerooms/client";
import type { ChatMessage, MicrophoneStatus, Quality, Room, RoomState, RoomStatus } from "@voicerooms/client";

const SOUND_PATIENCE_MS = 5_000;

export function useRoomState(room: Room): RoomState {
  /* The own mute is no part of the state object, so a change is counted instead of compared. */
  const [, tick] = useState(0);
  useEffect(() => room.on("state", () => tick((count) => count + 1)), [room]);
  return room.state;
}

export function useRoomStatus(room: Room): RoomStatus {
  const [status, setStatus] = useState(room.status);
  useEffect(() => {
    setStatus(room.status);
    return room.on("status", setStatus);
  }, [room]);
  return status;
}

export function useMicrophone(room: Room): MicrophoneStatus {
  const [status, setStatus] = useState(room.microphone);
  useEffect(() => {
    setStatus(room.microphone);
    return room.on("microphone", setStatus);
  }, [room]);
  return status;
}

/** True once sound has been missing for a while although the room itself answers: mostly a network without UDP. */
export function useSoundMissing(room: Room): boolean {
  const [missing, setMissing] = useState(false);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = () => {
      clearTimeout(timer);
      if (room.mediaState === "connected") {
        setMissing(false);
      } else {
        timer = setTimeout(() => setMissing(room.mediaState !== "connected"), SOUND_PATIENCE_MS);
      }
    };
    look();
    const stop = room.on("media", look);
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [room]);
  return missing;
}

/** How loud one person speaks, in steps 0..4. Only the one tile is drawn again, ten times a second. */
export function useLevel(room: Room, participant: number, heard: boolean): number {
  const [step, setStep] = useState(0);
  useEffect(() => {
    if (!heard) {
      setStep(0);
      return undefined;
    }
    const show = (levels: Room["speaking"]) => {
      const level = levels.get(participant);
      setStep(level === undefined ? 0 : Math.max(1, levelStep(level)));
    };
    /* Only changes are told: who comes to look in the middle of a word starts from what is. */
    show(room.speaking);
    return room.on("speaking", show);
  }, [room, participant, heard]);
  return step;
}

export function useQuality(room: Room): Quality {
  const [quality, setQuality] = useState(room.quality);
  useEffect(() => {
    setQuality(room.quality);
    return room.on("quality", setQuality);
  }, [room]);
  return quality;
}

/** Does the own person speak now, with a minute's patience: for what should not go on and off with each word. */
export function useSpeakingSelf(room: Room): boolean {
  const [speaks, setSpeaks] = useState(false);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = (levels: Room["speaking"]) => {
      if (levels.has(room.selfParticipant)) {
        clearTimeout(timer);
        timer = setTimeout(() => setSpeaks(false), 60_000);
        setSpeaks(true);
      }
    };
    const stop = room.on("speaking", look);
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [room]);
  return speaks;
}

export function useChat(room: Room): readonly ChatMessage[] {
  const [log, setLog] = useState<readonly ChatMessage[]>([...room.chatLog]);
  useEffect(() => {
    const update = () => setLog([...room.chatLog]);
    const stops = [room.on("chat", update), room.on("chatDeleted", update)];
    return () => stops.forEach((stop) => stop());
  }, [room]);
  return log;
}

/** The newest reaction of each person, for a few seconds. */
export function useReactions(room: Room): ReadonlyMap<number, { text: string; id: number }> {
  const [shown, setShown] = useState<ReadonlyMap<number, { text: string; id: number }>>(new Map());
  useEffect(() => {
    let counter = 0;
    return room.on("reaction", ({ who, reaction }) => {
      counter += 1;
      const id = counter;
      setShown((old) => new Map(old).set(who, { text: reaction, id }));
      setTimeout(() => {
        setShown((old) => {
          if (old.get(who)?.id !== id) {
            return old;
          }
          const next = new Map(old);
          next.delete(who);
          return next;
        });
      }, 3_500);
    });
  }, [room]);
  return shown;
}
