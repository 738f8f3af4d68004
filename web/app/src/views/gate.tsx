/* gate.tsx - the way into one room: the door with a name, the room itself, and what is said after it. */

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { asVoiceroomError } from "@voicerooms/client";
import type { Room, RoomInfo, RoomOver, VoiceroomError } from "@voicerooms/client";
import { asAnybody, asGuest, client, exposeForTests, forgetResume, savedMicrophone, savedName, savedResume, saveResume } from "../identity.js";
import { t } from "../i18n.js";
import { goTo, readRoute } from "../route.js";
import { Avatar, seedOf } from "../ui/avatar.js";
import { Failure, FormError } from "../ui/failure.js";
import { IconLock } from "../ui/icons.js";
import { NameField } from "../ui/name-field.js";
import { TopBar } from "../ui/topbar.js";
import { Waves } from "../ui/waves.js";
import { settings } from "../settings.js";
import { ScheduleActs } from "../ui/schedule.js";
import { Over } from "./over.js";
import { SoundCheck } from "./sound-check.js";
import { RoomView } from "../room/room-view.js";
import { stageLine } from "./browse.js";

/* Who has just made a room has said already that he wants in. */
let expected: { room: string; passcode: string | undefined } | undefined;

export function expectEntry(room: string, passcode: string | undefined): void {
  expected = { room, passcode };
}

type Stage =
  | { at: "door" }
  | { at: "returning" }
  | { at: "inside"; room: Room }
  | { at: "over"; over: RoomOver; ran: boolean };

export function RoomGate({ id }: { id: string }) {
  const [stage, setStage] = useState<Stage>(() => (savedResume(id) || expected?.room === id ? { at: "returning" } : { at: "door" }));
  const [error, setError] = useState<VoiceroomError>();
  const inside = useRef<Room | undefined>(undefined);

  const enter = useCallback(
    async (name: string, passcode: string | undefined) => {
      setError(undefined);
      const resumeToken = savedResume(id);
      try {
        const work = () => client.join(id, { passcode, resumeToken, microphone: { ...settings().microphone, deviceId: savedMicrophone() } });
        const room = resumeToken ? await work() : await asGuest(name, work);
        follow(room, setStage);
        inside.current = room;
        setStage({ at: "inside", room });
      } catch (cause) {
        const failure = asVoiceroomError(cause);
        if (!failure.retryable) {
          forgetResume(id);
        }
        /* An old place that can't be taken again is no error for the person: the door is open. */
        const outdated = resumeToken !== undefined && ["unauthorized", "gone"].includes(failure.code);
        setError(outdated ? undefined : failure);
        setStage({ at: "door" });
      }
    },
    [id],
  );

  useEffect(() => {
    if (stage.at === "returning") {
      const passcode = expected?.room === id ? expected.passcode : undefined;
      expected = undefined;
      void enter(savedName(), passcode);
    }
    /* Going back in the browser leaves the room. */
    return () => {
      const room = inside.current;
      if (room && room.status !== "over") {
        forgetResume(id);
        void room.leave();
      }
    };
  }, []);

  switch (stage.at) {
    case "inside":
      return <RoomView room={stage.room} />;
    case "over":
      return <Over room={id} over={stage.over} ran={stage.ran} again={() => setStage({ at: "door" })} />;
    case "returning":
      return (
        <div class="page">
          <TopBar />
          <main class="empty" aria-busy="true">
            <Waves />
            <h1 class="pulse">{t("Going in…")}</h1>
          </main>
        </div>
      );
    default:
      return <Door id={id} error={error} enter={enter} />;
  }
}

function follow(room: Room, setStage: (stage: Stage) => void): void {
  saveResume(room.id, room.resumeToken);
  room.on("resumeToken", (token) => saveResume(room.id, token));
  room.on("over", (over) => {
    forgetResume(room.id);
    if (over.reason === "left") {
      /* Who went on to another room by its address is there already. */
      const route = readRoute(location.hash);
      if (route.view === "room" && route.id === room.id) {
        goTo({ view: "browse" });
      }
    } else {
      setStage({ at: "over", over, ran: room.self?.role === "host" || room.self?.role === "moderator" });
    }
  });
  exposeForTests({ room });
}

interface DoorProps {
  id: string;
  error: VoiceroomError | undefined;
  enter: (name: string, passcode: string | undefined) => Promise<void>;
}

function Door({ id, error, enter }: DoorProps) {
  const [info, setInfo] = useState<RoomInfo>();
  const [missing, setMissing] = useState<VoiceroomError>();
  const [busy, setBusy] = useState(false);
  const look = () => {
    setMissing(undefined);
    asAnybody(() => client.getRoom(id)).then(setInfo, (cause) => {
      const failure = asVoiceroomError(cause);
      /* Where guests need a link's code, a room can't be shown before the name was given; the door still opens. */
      if (failure.code !== "unauthorized") {
        setMissing(failure);
      }
    });
  };
  useEffect(look, [id]);
  /* What can be done before the click is. A refusal has used it up; who was banned will not try again. */
  const mayTry = !error || error.retryable || error.code === "wrong-passcode";
  useEffect(() => {
    if (mayTry) {
      void client.prepare();
    }
  }, [error]);
  useEffect(() => {
    document.title = info ? `${info.title} · Voicerooms` : "Voicerooms";
  }, [info]);
  const submit = async (event: Event) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    setBusy(true);
    await enter(String(form.get("name") ?? "").trim(), String(form.get("passcode") ?? "") || undefined);
    setBusy(false);
  };
  if (missing) {
    return (
      <div class="page">
        <TopBar />
        <main class="column">
          <Failure error={missing} whole>
            {missing.retryable && (
              <button class="button" onClick={look}>
                {t("Try again")}
              </button>
            )}
            <a class="button primary" href="#/">
              {t("All rooms")}
            </a>
          </Failure>
        </main>
      </div>
    );
  }
  const needsPasscode = info?.has_passcode || error?.code === "wrong-passcode";
  return (
    <div class="page">
      <TopBar />
      <main class="column narrow door">
        <div class="door-card">
          <h1 dir="auto">{info?.title ?? t("Join the room")}</h1>
          {info?.topic && (
            <p class="lead" dir="auto">
              {info.topic}
            </p>
          )}
          {info?.description && <p dir="auto">{info.description}</p>}
          {info && (
            <p class="door-stage">
              <span class="faces">
                {(info.on_stage ?? []).slice(0, 5).map((person) => (
                  <Avatar key={person.participant} name={person.name} seed={seedOf(person.name)} size="s" />
                ))}
              </span>
              <span>{stageLine(info)}</span>
            </p>
          )}
          {info && <ScheduleActs room={info} />}
          {info?.locked && (
            <p class="chip">
              <IconLock /> {t("Locked: only who was inside can come back")}
            </p>
          )}
          <form class="form" onSubmit={(event) => void submit(event)}>
            <NameField autoFocus />
            {needsPasscode && (
              <label class="field">
                <span>{t("Passcode")}</span>
                <input name="passcode" type="password" required maxLength={64} autoComplete="off" />
              </label>
            )}
            <FormError error={error} />
            <button class="button primary wide" aria-busy={busy} disabled={busy || info?.phase === "ended"}>
              {info?.phase === "ended" ? t("This room is over") : info?.entry === "speak" ? t("Join") : t("Join and listen")}
            </button>
            <p class="hint">
              {info?.entry === "speak"
                ? t("You can speak at once. Your browser asks for the microphone.")
                : t("You come in as a listener. The microphone is asked for only when you go on stage.")}
            </p>
          </form>
          <SoundCheck />
        </div>
      </main>
    </div>
  );
}
