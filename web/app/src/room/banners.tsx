/* banners.tsx - what needs the person now, above everything else in the room. */

import { useEffect, useState } from "preact/hooks";
import type { Room, RoomState } from "@voicerooms/client";
import { client } from "../identity.js";
import { t } from "../i18n.js";
import { Action } from "../ui/action.js";
import { IconSound } from "../ui/icons.js";
import { useSpeaksMuted } from "./muted-speech.js";
import { useMicrophone, useRoomStatus, useSoundMissing } from "./use-room.js";

export function Banners({ room, state }: { room: Room; state: RoomState }) {
  const status = useRoomStatus(room);
  const microphone = useMicrophone(room);
  const soundMissing = useSoundMissing(room);
  const [blocked, setBlocked] = useState(room.audioBlocked);
  const [asked, setAsked] = useState<number>();
  useEffect(() => {
    setBlocked(room.audioBlocked);
    const stops = [room.on("audioBlocked", setBlocked), room.on("unmuteAsked", ({ by }) => setAsked(by))];
    return () => stops.forEach((stop) => stop());
  }, [room]);
  const self = room.self;
  const mutedByOneself = self !== undefined && self.role !== "listener" && !room.selfOpen && !self.muted_by_moderator;
  const speaksMuted = useSpeaksMuted(room, mutedByOneself && status === "live");
  const asker = asked === undefined ? undefined : (state.participants.get(asked)?.name ?? t("A moderator"));
  return (
    <div class="banners">
      {status === "reconnecting" && (
        <div class="banner warn" role="status">
          <span class="spinner" aria-hidden="true" />
          <p class="grow">
            <strong>{t("The connection was lost.")}</strong> {t("You come back by yourself, in the same role and as muted as before.")}
          </p>
        </div>
      )}
      {soundMissing && status !== "reconnecting" && (
        <div class="banner warn" role="status">
          <span class="spinner" aria-hidden="true" />
          <p class="grow">
            <strong>{t("There is no sound yet.")}</strong>{" "}
            {t("The room answers, but the voice connection does not come up. It is tried again by itself; if it stays so, this network blocks UDP: use another one, or ask whoever runs it.")}
          </p>
        </div>
      )}
      {blocked && (
        <div class="banner">
          <p class="grow">
            <strong>{t("The browser holds the sound back.")}</strong>
          </p>
          <Action class="button primary" run={() => room.resumeAudio()} done={() => setBlocked(false)}>
            <IconSound /> {t("Tap to hear")}
          </Action>
        </div>
      )}
      {self?.invited && self.role === "listener" && (
        <div class="banner" role="alert">
          <p class="grow">
            <strong>{t("You are invited to speak.")}</strong> {t("If you accept, your browser asks for the microphone.")}
          </p>
          <Action class="button" run={() => room.declineInvitation()}>
            {t("Not now")}
          </Action>
          <Action class="button primary" run={() => room.acceptInvitation()}>
            {t("Go on stage")}
          </Action>
        </div>
      )}
      {asker && self && !room.selfOpen && !self.muted_by_moderator && self.role !== "listener" && (
        <div class="banner" role="alert">
          <p class="grow">
            <strong>{t("{name} asks you to unmute.", { name: asker })}</strong>
          </p>
          <button type="button" class="button" onClick={() => setAsked(undefined)}>
            {t("Stay muted")}
          </button>
          <Action class="button primary" run={() => room.unmute()} done={() => setAsked(undefined)}>
            {t("Unmute")}
          </Action>
        </div>
      )}
      {speaksMuted && (
        <div class="banner warn" role="status">
          <p class="grow">
            <strong>{t("You speak while you are muted.")}</strong> {t("Nobody hears it.")}
          </p>
          <Action class="button" run={() => room.unmute()}>
            {t("Unmute")}
          </Action>
        </div>
      )}
      {microphone.state === "failed" && microphone.error && (
        <div class="banner warn" role="alert">
          <p class="grow">
            <strong>{t("Nobody hears you: the microphone is not available.")}</strong> {t(microphone.error.whatToDo)}
          </p>
          <Action class="button" run={() => room.retryMicrophone()}>
            {t("Try again")}
          </Action>
        </div>
      )}
      {state.room.phase === "scheduled" && self?.role === "host" && (
        <div class="banner">
          <p class="grow">
            <strong>{t("The room has not begun.")}</strong>
          </p>
          <Action class="button primary" run={() => client.startRoom(room.id)}>
            {t("Start now")}
          </Action>
        </div>
      )}
    </div>
  );
}
