/* audit.tsx - who did what in this room, newest first: for those who answer for it. */

import { useEffect, useState } from "preact/hooks";
import { asVoiceroomError } from "@voicerooms/client";
import type { AuditEntry, Room, VoiceroomError } from "@voicerooms/client";
import { msg, t, timeText } from "../i18n.js";
import { FormError } from "../ui/failure.js";

const acts: Record<string, string> = {
  "room:create": msg("opened the room"),
  "room:start": msg("began the room"),
  "room:end": msg("ended the room"),
  "room:update": msg("changed the room"),
  "room:lock": msg("locked or unlocked"),
  "room:mute": msg("muted {target}"),
  "room:unmute": msg("lifted the mute of {target}"),
  "room:mute-all": msg("muted all speakers"),
  "room:ask-unmute": msg("asked {target} to unmute"),
  "room:promote": msg("brought {target} on stage"),
  "room:demote": msg("moved {target} to the listeners"),
  "room:invite": msg("invited {target} to speak"),
  "room:accept": msg("accepted an invitation"),
  "room:hand-lower": msg("declined the hand of {target}"),
  "room:make-moderator": msg("made {target} moderator"),
  "room:transfer-host": msg("handed the room to {target}"),
  "room:kick": msg("removed {target}"),
  "room:ban": msg("banned {target}"),
  "room:unban": msg("lifted the ban of {target}"),
  "room:report": msg("reported {target}"),
  "room:chat-delete": msg("deleted a message of {target}"),
};

/** What an entry says, without who and when. */
export function actText(entry: AuditEntry): string {
  const text = acts[entry.act] ?? acts[`room:${entry.act}`];
  const target = entry.target || t("someone");
  return text ? t(text, { target }) : `${entry.act} ${entry.target ?? ""}`.trim();
}

export function AuditLog({ room }: { room: Room }) {
  const [entries, setEntries] = useState<AuditEntry[]>();
  const [error, setError] = useState<VoiceroomError>();
  useEffect(() => {
    room.audit().then(setEntries, (cause) => setError(asVoiceroomError(cause)));
  }, [room]);
  if (error) {
    return <FormError error={error} />;
  }
  if (!entries) {
    return <p class="muted">{t("Loading…")}</p>;
  }
  if (entries.length === 0) {
    return <p class="muted">{t("Nothing has been done yet.")}</p>;
  }
  return (
    <ol class="audit" tabIndex={0} aria-label={t("Who did what")}>
      {entries.map((entry, index) => (
        <li key={index}>
          <time dateTime={entry.at}>{timeText(entry.at)}</time>
          <span>
            <strong dir="auto">{entry.by || t("The system")}</strong> {actText(entry)}
            {entry.reason && (
              <small class="muted" dir="auto">
                {entry.reason}
              </small>
            )}
          </span>
        </li>
      ))}
    </ol>
  );
}
