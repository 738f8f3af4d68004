/* room-menu.tsx - the room as a whole: for hosts and moderators. */

import { useEffect, useState } from "preact/hooks";
import { asVoiceroomError } from "@voicerooms/client";
import type { Ban, Room, RoomState, VoiceroomError } from "@voicerooms/client";
import { useNotices } from "../notices.js";
import { dateText, msg, t } from "../i18n.js";
import { Action } from "../ui/action.js";
import { AnalyticsView } from "../ui/analytics.js";
import { Dialog } from "../ui/dialog.js";
import { FormError } from "../ui/failure.js";
import { AuditLog } from "./audit.js";

type View = "menu" | "settings" | "bans" | "audit" | "figures" | "end";

const titles: Record<View, string> = {
  menu: msg("Manage the room"),
  settings: msg("Change title and topic"),
  bans: msg("Bans"),
  audit: msg("Who did what"),
  figures: msg("Figures"),
  end: msg("End the room for all…"),
};

export function RoomMenu({ room, state, onClose }: { room: Room; state: RoomState; onClose: () => void }) {
  const notices = useNotices();
  const [view, setView] = useState<View>("menu");
  const host = room.self?.role === "host";
  return (
    <Dialog title={t(titles[view])} onClose={onClose}>
      {view === "menu" && (
        <div class="acts">
          <Action class="button wide" run={() => room.muteAll()} done={() => notices.say(t("All speakers are muted."))}>
            {t("Mute all speakers")}
          </Action>
          <Action class="button wide" run={() => room.lock(!state.room.locked)} done={onClose}>
            {state.room.locked ? t("Unlock: let people in again") : t("Lock: nobody new comes in")}
          </Action>
          <button type="button" class="button wide" onClick={() => setView("settings")}>
            {t("Change title and topic")}
          </button>
          <button type="button" class="button wide" onClick={() => setView("bans")}>
            {t("Bans")}
          </button>
          <button type="button" class="button wide" onClick={() => setView("audit")}>
            {t("Who did what")}
          </button>
          <button type="button" class="button wide" onClick={() => setView("figures")}>
            {t("Figures")}
          </button>
          {host && (
            <button type="button" class="button danger wide" onClick={() => setView("end")}>
              {t("End the room for all…")}
            </button>
          )}
        </div>
      )}
      {view === "settings" && <Settings room={room} state={state} onClose={onClose} />}
      {view === "bans" && <Bans room={room} />}
      {view === "audit" && <AuditLog room={room} />}
      {view === "figures" && <AnalyticsView room={room.id} />}
      {view === "end" && <End room={room} back={() => setView("menu")} />}
    </Dialog>
  );
}

function Settings({ room, state, onClose }: { room: Room; state: RoomState; onClose: () => void }) {
  const [error, setError] = useState<VoiceroomError>();
  const [busy, setBusy] = useState(false);
  const save = async (event: Event) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const text = (name: string) => String(form.get(name) ?? "").trim();
    setBusy(true);
    try {
      await room.update({
        title: text("title"),
        topic: text("topic"),
        description: text("description"),
        entry: form.get("speak") ? "speak" : "listen",
        capacity: Number(text("capacity")) || undefined,
        slow_hand_s: Number(text("slow")),
      });
      onClose();
    } catch (cause) {
      setError(asVoiceroomError(cause));
      setBusy(false);
    }
  };
  return (
    <form class="form" onSubmit={(event) => void save(event)}>
      <label class="field">
        <span>{t("Title")}</span>
        <input name="title" required maxLength={100} defaultValue={state.room.title} autoFocus autoComplete="off" />
      </label>
      <label class="field">
        <span>{t("Topic")}</span>
        <input name="topic" maxLength={100} defaultValue={state.room.topic} autoComplete="off" />
      </label>
      <label class="field">
        <span>{t("Description")}</span>
        <textarea name="description" maxLength={1000} defaultValue={state.room.description} />
      </label>
      <label class="check">
        <input type="checkbox" name="speak" defaultChecked={state.room.entry === "speak"} />
        <span>{t("Who comes in may speak at once")}</span>
      </label>
      <div class="pair">
        <label class="field">
          <span>{t("Places")}</span>
          <input name="capacity" type="number" min={1} max={100000} defaultValue={String(state.room.capacity)} />
        </label>
        <label class="field">
          <span>
            {t("Seconds between hands")} <em>{t("0: none")}</em>
          </span>
          <input name="slow" type="number" min={0} max={3600} defaultValue={String(state.room.slow_hand_s)} />
        </label>
      </div>
      <FormError error={error} />
      <div class="row end">
        <button class="button primary" aria-busy={busy} disabled={busy}>
          {t("Save")}
        </button>
      </div>
    </form>
  );
}

function Bans({ room }: { room: Room }) {
  const [bans, setBans] = useState<Ban[]>();
  const [error, setError] = useState<VoiceroomError>();
  const load = () => room.bans().then(setBans, (cause) => setError(asVoiceroomError(cause)));
  useEffect(() => void load(), [room]);
  if (error) {
    return <FormError error={error} />;
  }
  if (!bans) {
    return <p class="muted">{t("Loading…")}</p>;
  }
  return bans.length === 0 ? (
    <p class="muted">{t("Nobody is banned.")}</p>
  ) : (
    <ul class="bans">
      {bans.map((ban) => (
        <li key={ban.id}>
          <span class="grow">
            <strong>{ban.name}</strong>
            <small class="muted">
              {ban.reason || t("No reason given")} · {t("by {name}", { name: ban.by })} ·{" "}
              {ban.until ? t("until {time}", { time: dateText(ban.until) }) : t("for ever")}
            </small>
          </span>
          <Action class="button small" label={t("Lift the ban of {name}", { name: ban.name })} run={() => room.unban(ban.id)} done={() => void load()}>
            {t("Lift")}
          </Action>
        </li>
      ))}
    </ul>
  );
}

function End({ room, back }: { room: Room; back: () => void }) {
  const [reason, setReason] = useState("");
  return (
    <form class="form" onSubmit={(event) => event.preventDefault()}>
      <p>{t("Everyone is disconnected. The room can't be opened again.")}</p>
      <label class="field">
        <span>
          {t("A word to all")} <em>{t("optional")}</em>
        </span>
        <input value={reason} maxLength={200} autoFocus onInput={(event) => setReason(event.currentTarget.value)} />
      </label>
      <div class="row end">
        <button type="button" class="button" onClick={back}>
          {t("Back")}
        </button>
        <Action class="button danger" run={() => room.end(reason.trim())}>
          {t("End the room")}
        </Action>
      </div>
    </form>
  );
}
