/* panel.tsx - beside the people: the queue of hands for those who moderate, and the chat for all. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { ChatMessage, Hand, Room, RoomState } from "@voicerooms/client";
import { useNotices } from "../notices.js";
import { Action } from "../ui/action.js";
import { Avatar } from "../ui/avatar.js";
import { IconClose, IconSend } from "../ui/icons.js";
import { t, timeText } from "../i18n.js";
import { isModerator } from "./may.js";

interface Props {
  room: Room;
  state: RoomState;
  chat: readonly ChatMessage[];
  open: boolean;
  onClose: () => void;
}

export function Panel({ room, state, chat, open, onClose }: Props) {
  const moderator = isModerator(room.self);
  return (
    <aside id="panel" class={`panel ${open ? "open" : ""}`} aria-label={t("Hands and chat")}>
      <button type="button" class="icon-button panel-close" aria-label={t("Close hands and chat")} onClick={onClose}>
        <IconClose />
      </button>
      {(moderator || state.hands.length > 0) && <Hands room={room} hands={state.hands} moderator={moderator} />}
      <Chat room={room} chat={chat} moderator={moderator} />
    </aside>
  );
}

function Hands({ room, hands, moderator }: { room: Room; hands: readonly Hand[]; moderator: boolean }) {
  return (
    <section class="hands" aria-labelledby="hands-title">
      <h2 id="hands-title">
        {t("Raised hands")} <span class="tally">{hands.length}</span>
      </h2>
      {hands.length === 0 && <p class="muted">{t("Nobody waits to speak.")}</p>}
      <ol>
        {hands.map((hand) => (
          <li key={hand.participant} class="hand-row">
            <span class="place">{hand.position}</span>
            <Avatar name={hand.name} seed={hand.participant} size="s" />
            <span class="grow">{hand.participant === room.selfParticipant ? t("{name} (you)", { name: hand.name }) : hand.name}</span>
            {moderator && (
              <>
                <Action
                  class="icon-button"
                  label={t("Decline {name}", { name: hand.name })}
                  run={() => room.declineHand(hand.participant)}
                >
                  <IconClose />
                </Action>
                <Action
                  class="button primary small"
                  label={t("Accept {name}", { name: hand.name })}
                  run={() => room.promote(hand.participant)}
                >
                  {t("Accept")}
                </Action>
              </>
            )}
          </li>
        ))}
      </ol>
    </section>
  );
}

function Chat({ room, chat, moderator }: { room: Room; chat: readonly ChatMessage[]; moderator: boolean }) {
  const list = useRef<HTMLOListElement>(null);
  const atEnd = useRef(true);
  useEffect(() => {
    const element = list.current;
    if (element && atEnd.current) {
      element.scrollTop = element.scrollHeight;
    }
  }, [chat]);
  return (
    <section class="chat" aria-labelledby="chat-title">
      <h2 id="chat-title">{t("Chat")}</h2>
      <ol
        ref={list}
        class="messages"
        tabIndex={0}
        aria-label={t("Messages")}
        onScroll={(event) => {
          const box = event.currentTarget;
          atEnd.current = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
        }}
      >
        {chat.length === 0 && <li class="muted">{t("Nothing written yet. Messages are seen by everyone here and kept nowhere.")}</li>}
        {chat.map((message) => (
          <Message key={message.id} room={room} message={message} moderator={moderator} />
        ))}
      </ol>
      <ChatInput room={room} />
    </section>
  );
}

function Message({ room, message, moderator }: { room: Room; message: ChatMessage; moderator: boolean }) {
  const mine = message.who === room.selfParticipant;
  return (
    <li class={`message ${mine ? "mine" : ""}`}>
      <p class="message-head">
        <strong>{mine ? t("You") : message.name}</strong>
        <time dateTime={message.at}>{timeText(message.at)}</time>
        {(mine || moderator) && (
          <Action class="icon-button tiny" label={t("Delete the message of {name}", { name: message.name })} run={() => room.deleteChat(message.id)}>
            <IconClose />
          </Action>
        )}
      </p>
      <p class="message-text" dir="auto">{message.text}</p>
    </li>
  );
}

function ChatInput({ room }: { room: Room }) {
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const notices = useNotices();
  const send = async (event: Event) => {
    event.preventDefault();
    const words = text.trim();
    if (!words || busy) {
      return;
    }
    setBusy(true);
    try {
      await room.chat(words);
      setText("");
    } catch (cause) {
      notices.fail(cause);
    }
    setBusy(false);
  };
  return (
    <form class="chat-form" onSubmit={(event) => void send(event)}>
      <label class="grow">
        <span class="hidden">{t("Message")}</span>
        <input
          value={text}
          maxLength={500}
          placeholder={t("Write to everyone")}
          autoComplete="off"
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      <button class="round small" aria-label={t("Send")} aria-busy={busy} disabled={text.trim() === ""}>
        <IconSend />
      </button>
    </form>
  );
}
