/* action.tsx - a button whose work takes time and can fail: busy while it runs, a notice when it failed. */

import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import { useNotices } from "../notices.js";

interface Props {
  run: () => Promise<unknown>;
  done?: () => void;
  class?: string;
  label?: string;
  pressed?: boolean;
  disabled?: boolean;
  autoFocus?: boolean;
  children: ComponentChildren;
}

export function Action({ run, done, class: kind = "button", label, pressed, disabled, autoFocus, children }: Props) {
  const [busy, setBusy] = useState(false);
  const running = useRef(false);
  const notices = useNotices();
  const click = async () => {
    if (running.current) {
      return;
    }
    running.current = true;
    setBusy(true);
    try {
      await run();
      done?.();
    } catch (cause) {
      notices.fail(cause);
    } finally {
      running.current = false;
      setBusy(false);
    }
  };
  return (
    <button
      type="button"
      class={kind}
      aria-label={label}
      aria-pressed={pressed}
      aria-busy={busy}
      disabled={disabled}
      autoFocus={autoFocus}
      onClick={() => void click()}
    >
      {children}
    </button>
  );
}
