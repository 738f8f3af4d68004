/* may.ts - which acts to offer. The server decides; this only keeps buttons away that it would refuse. */

import { isOnStage } from "@voicerooms/client";
import type { Participant, Role } from "@voicerooms/client";
import { msg, t } from "../i18n.js";

export interface Offers {
  mute: boolean;
  liftMute: boolean;
  askUnmute: boolean;
  promote: boolean;
  invite: boolean;
  demote: boolean;
  makeModerator: boolean;
  transferHost: boolean;
  remove: boolean;
}

export function isModerator(person: Participant | undefined): boolean {
  return person?.role === "moderator" || person?.role === "host";
}

export function offersFor(self: Participant | undefined, other: Participant): Offers {
  const moderator = isModerator(self) && self?.participant !== other.participant;
  const host = self?.role === "host" && self.participant !== other.participant;
  const stage = isOnStage(other);
  const outranks = moderator && !other.creator && other.role !== "host" && (other.role !== "moderator" || host);
  return {
    mute: outranks && stage && !other.muted_by_moderator,
    liftMute: moderator && other.muted_by_moderator,
    askUnmute: moderator && stage && other.muted_by_self && !other.muted_by_moderator,
    promote: moderator && !stage && other.hand !== null,
    invite: moderator && !stage && other.hand === null && !other.invited,
    demote: outranks && stage,
    makeModerator: host && (other.role === "speaker" || other.role === "listener"),
    transferHost: host && other.role !== "host",
    remove: outranks,
  };
}

const roles = { host: msg("Host"), moderator: msg("Moderator"), speaker: msg("Speaker"), listener: msg("Listener") };

export function roleName(role: Role): string {
  return t(roles[role]);
}
