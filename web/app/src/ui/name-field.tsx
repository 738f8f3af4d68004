/* name-field.tsx - under which name one goes in: a guest chooses it, a member's stands in his token. */

import { member, savedName } from "../identity.js";
import { t } from "../i18n.js";

export function NameField({ autoFocus }: { autoFocus?: boolean }) {
  const known = member();
  return known ? (
    <p>{t("You come in as {name}.", { name: known.name })}</p>
  ) : (
    <label class="field">
      <span>{t("Your name")}</span>
      <input name="name" required maxLength={60} autoComplete="nickname" defaultValue={savedName()} autoFocus={autoFocus} />
    </label>
  );
}
