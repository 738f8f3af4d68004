/* room-menu.tsx - the room as a whole: for hosts and moderators. */

import { useEffect, useState } from "preact/hooks";
import { asVoiceroomError } from "@voicerooms/client";
import type { Ban, Room, RoomState, VoiceroomError } from "@voicerooms/client";
import { useNotices } from "../notices.js";
import { Action } from "../ui/action.js";
import { Dialog } from "../ui/dialog.js";
import { FormError } from "../ui/failure.js";

export function RoomMenu({ room, state, onClose }: { room: Room; state: RoomState; onClose: () => void }) {
  const notices = useNotices();
  const [view, setView] = useState<"menu" | "settings" | "bans" | "end">("menu");
  const host = room.self?.role === "host";
  return (
    <Dialog title="Manage the room" onClose={onClose}>
      {view === "menu" && (
        <div class="acts">
          <Action class="button wide" run={() => room.muteAll()} done={() => notices.say("All speakers are muted.")}>
            Mute all speakers
          </Action>
          <Action class="button wide" run={() => room.lock(!state.room.locked)} done={onClose}>
            {state.room.locked ? "Unlock: let people in again" : "Lock: nobody new comes in"}
          </Action>
          <button type="button" class="button wide" onClick={() => setView("settings")}>
            Change title and topic
          </button>
          <button type="button" class="button wide" onClick={() => setView("bans")}>
            Bans
          </button>
          {host && (
            <button type="button" class="button danger wide" onClick={() => setView("end")}>
              End the room for all…
            </button>
          )}
        </div>
      )}
      {view === "settings" && <Settings room={room} state={state} onClose={onClose} />}
      {view === "bans" && <Bans room={room} />}
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
        <span>Title</span>
        <input name="title" required maxLength={100} defaultValue={state.room.title} autoFocus autoComplete="off" />
      </label>
      <label class="field">
        <span>Topic</span>
        <input name="topic" maxLength={100} defaultValue={state.room.topic} autoComplete="off" />
      </label>
      <label class="field">
        <span>Description</span>
        <textarea name="description" maxLength={1000} defaultValue={state.room.description} />
      </label>
      <label class="check">
        <input type="checkbox" name="speak" defaultChecked={state.room.entry === "speak"} />
        <span>Who comes in may speak at once</span>
      </label>
      <FormError error={error} />
      <div class="row end">
        <button class="button primary" aria-busy={busy} disabled={busy}>
          Save
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
    return <p class="muted">Loading…</p>;
  }
  return bans.length === 0 ? (
    <p class="muted">Nobody is banned.</p>
  ) : (
    <ul class="bans">
      {bans.map((ban) => (
        <li key={ban.id}>
          <span class="grow">
            <strong>{ban.name}</strong>
            <small class="muted">
              {ban.reason || "No reason given"} · by {ban.by} ·{" "}
              {ban.until ? `until ${new Date(ban.until).toLocaleString([], { dateStyle: "medium", timeStyle: "short" })}` : "for ever"}
            </small>
          </span>
          <Action class="button small" label={`Lift the ban of ${ban.name}`} run={() => room.unban(ban.id)} done={() => void load()}>
            Lift
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
      <p>Everyone is disconnected. The room can't be opened again.</p>
      <label class="field">
        <span>
          A word to all <em>optional</em>
        </span>
        <input value={reason} maxLength={200} autoFocus onInput={(event) => setReason(event.currentTarget.value)} />
      </label>
      <div class="row end">
        <button type="button" class="button" onClick={back}>
          Back
        </button>
        <Action class="button danger" run={() => room.end(reason.trim())}>
          End the room
        </Action>
      </div>
    </form>
  );
}
