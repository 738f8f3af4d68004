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
  const [view, setView] = useState<"menu" | "bans" | "end">("menu");
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
      {view === "bans" && <Bans room={room} />}
      {view === "end" && <End room={room} back={() => setView("menu")} />}
    </Dialog>
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
