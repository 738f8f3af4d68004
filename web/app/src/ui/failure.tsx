/* failure.tsx - a whole view that could not be shown: what happened, what to do, and a way on. */

import type { ComponentChildren } from "preact";
import type { VoiceroomError } from "@voicerooms/client";
import { t } from "../i18n.js";
import { whatHappened } from "../text.js";
import { Waves } from "./waves.js";

interface Props {
  error: VoiceroomError;
  /** The view has no other title. */
  whole?: boolean;
  children?: ComponentChildren;
}

export function Failure({ error, whole, children }: Props) {
  const text = whatHappened(error).replace(/\.$/, "");
  return (
    <div class="empty" role="alert">
      {whole && <Waves />}
      {whole ? <h1>{text}</h1> : <h2>{text}</h2>}
      <p>{t(error.whatToDo)}</p>
      <div class="row center">{children}</div>
    </div>
  );
}

/** The same beside a form. */
export function FormError({ error }: { error: VoiceroomError | undefined }) {
  return error ? (
    <div class="form-error" role="alert">
      <strong>{whatHappened(error)}</strong> {t(error.whatToDo)}
      {error.fields.length > 0 && (
        <ul>
          {error.fields.map((field) => (
            <li key={field.pointer}>
              {field.pointer.replace(/^\//, "")}: {field.detail}
            </li>
          ))}
        </ul>
      )}
    </div>
  ) : null;
}
