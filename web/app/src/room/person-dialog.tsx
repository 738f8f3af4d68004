/* person-dialog.tsx - what can be done about one person. */

import { useState } from "preact/hooks";
import type { Participant, Room } from "@voicerooms/client";
import { useNotices } from "../notices.js";
import { Action } from "../ui/action.js";
import { Avatar } from "../ui/avatar.js";
import { Dialog } from "../ui/dialog.js";
import { MicrophoneChoice } from "./microphone-choice.js";
import { msg, t, timeText } from "../i18n.js";
import { offersFor, roleName } from "./may.js";

interface Props {
  room: Room;
  person: Participant;
  onClose: () => void;
}

type Form = "none" | "kick" | "ban" | "report";

export function PersonDialog({ room, person, onClose }: Props) {
  const [form, setForm] = useState<Form>("none");
  const self = room.self;
  const mine = self?.participant === person.participant;
  return (
    <Dialog title={mine ? t("{name} (you)", { name: person.name }) : person.name} onClose={onClose}>
      <div class="person-card">
        <Avatar name={person.name} seed={person.participant} size="l" />
        <p>
          <strong>{person.creator ? t("{role}, opened this room", { role: roleName(person.role) }) : roleName(person.role)}</strong>
          <br />
          <span class="muted">{presence(person)}</span>
        </p>
      </div>
      {form === "none" && <Acts room={room} person={person} onClose={onClose} choose={setForm} />}
      {form !== "none" && <ReasonForm kind={form} room={room} person={person} onClose={onClose} back={() => setForm("none")} />}
    </Dialog>
  );
}

function presence(person: Participant): string {
  const time = timeText(person.joined_at);
  const mute = person.role === "listener" ? "" : person.muted_by_moderator ? `${t("Muted by a moderator")}. ` : person.muted ? `${t("Muted")}. ` : "";
  return mute + (person.guest ? t("Guest, here since {time}", { time }) : t("Here since {time}", { time }));
}

function Acts({ room, person, onClose, choose }: Props & { choose: (form: Form) => void }) {
  const self = room.self;
  const id = person.participant;
  if (self?.participant === id) {
    return (
      <div class="acts">
        {person.role !== "listener" && <MicrophoneChoice room={room} />}
        {person.role !== "listener" && (
          <Action run={() => room.stepDown()} done={onClose} class="button wide">
            {t("Leave the stage")}
          </Action>
        )}
        {person.role === "listener" && <p class="muted">{t("You are listening. Raise your hand to speak.")}</p>}
      </div>
    );
  }
  const offers = offersFor(self, person);
  const act = (show: boolean, name: string, run: () => Promise<void>, kind = "button wide") =>
    show && (
      <Action run={run} done={onClose} class={kind}>
        {name}
      </Action>
    );
  return (
    <div class="acts">
      {person.role !== "listener" && <Volume room={room} participant={id} />}
      {act(offers.promote, t("Bring on stage"), () => room.promote(id), "button primary wide")}
      {act(offers.promote, t("Decline the hand"), () => room.declineHand(id))}
      {act(offers.invite, t("Invite to speak"), () => room.invite(id), "button primary wide")}
      {act(offers.mute, t("Mute"), () => room.mutePerson(id))}
      {act(offers.liftMute, t("Lift the mute"), () => room.unmutePerson(id))}
      {act(offers.askUnmute, t("Ask to unmute"), () => room.askUnmute(id))}
      {act(offers.makeModerator, t("Make moderator"), () => room.makeModerator(id))}
      {act(offers.demote, person.role === "moderator" ? t("Take back to listeners") : t("Move to listeners"), () => room.demote(id))}
      {act(offers.transferHost, t("Hand the room over"), () => room.transferHost(id))}
      {offers.remove && (
        <div class="row">
          <button type="button" class="button danger grow" onClick={() => choose("kick")}>
            {t("Remove…")}
          </button>
          <button type="button" class="button danger grow" onClick={() => choose("ban")}>
            {t("Ban…")}
          </button>
        </div>
      )}
      <button type="button" class="button quiet wide" onClick={() => choose("report")}>
        {t("Report…")}
      </button>
    </div>
  );
}

function Volume({ room, participant }: { room: Room; participant: number }) {
  const [percent, setPercent] = useState(Math.round((room.volumes.get(participant) ?? 1) * 100));
  const set = (value: number) => {
    setPercent(value);
    room.volumes.set(participant, value / 100);
  };
  return (
    <label class="field">
      <span>
        {t("Volume")} <em>{t("for you: {n} %", { n: percent })}</em>
      </span>
      <input type="range" min={0} max={100} step={5} value={percent} onInput={(event) => set(Number(event.currentTarget.value))} />
    </label>
  );
}

const durations = [
  { s: 3600, name: msg("1 hour") },
  { s: 86_400, name: msg("1 day") },
  { s: 604_800, name: msg("1 week") },
  { s: 0, name: msg("For ever") },
];

interface ReasonProps extends Props {
  kind: Exclude<Form, "none">;
  back: () => void;
}

function ReasonForm({ kind, room, person, onClose, back }: ReasonProps) {
  const [reason, setReason] = useState("");
  const [duration, setDuration] = useState(86_400);
  const [byAddress, setByAddress] = useState(false);
  const notices = useNotices();
  const id = person.participant;
  const run = async () => {
    if (kind === "kick") {
      await room.kick(id, reason.trim());
    } else if (kind === "ban") {
      await room.ban(id, { reason: reason.trim(), durationS: duration, byAddress });
    } else {
      await room.report(id, reason.trim());
      notices.say(t("Reported. The moderators can see it."));
    }
  };
  return (
    <form class="form" onSubmit={(event) => event.preventDefault()}>
      <p>{t(explain[kind])}</p>
      <label class="field">
        <span>{t("Reason")} {kind !== "report" && <em>{t("optional, {name} sees it", { name: person.name })}</em>}</span>
        <input value={reason} maxLength={200} autoFocus onInput={(event) => setReason(event.currentTarget.value)} />
      </label>
      {kind === "ban" && (
        <>
          <label class="field">
            <span>{t("How long")}</span>
            <select value={duration} onChange={(event) => setDuration(Number(event.currentTarget.value))}>
              {durations.map((choice) => (
                <option key={choice.s} value={choice.s}>
                  {t(choice.name)}
                </option>
              ))}
            </select>
          </label>
          <label class="check">
            <input type="checkbox" checked={byAddress} onChange={(event) => setByAddress(event.currentTarget.checked)} />
            <span>{t("Also ban the network address; others who share it can't come in either")}</span>
          </label>
        </>
      )}
      <div class="row end">
        <button type="button" class="button" onClick={back}>
          {t("Back")}
        </button>
        <Action run={run} done={onClose} class="button danger" disabled={kind === "report" && reason.trim() === ""}>
          {t(verbs[kind])}
        </Action>
      </div>
    </form>
  );
}

const explain = {
  kick: msg("They leave the room now and may come back."),
  ban: msg("They leave the room now and can't come back."),
  report: msg("Say what is wrong; it goes to those who run this room."),
};

const verbs = { kick: msg("Remove"), ban: msg("Ban"), report: msg("Report") };
