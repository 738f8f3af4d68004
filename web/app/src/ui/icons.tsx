/* icons.tsx - one weight, one grid of 24; decorative, the control beside carries the name. */

import type { ComponentChildren } from "preact";

function Icon({ children }: { children: ComponentChildren }) {
  return (
    <svg
      class="icon"
      viewBox="0 0 24 24"
      aria-hidden="true"
      fill="none"
      stroke="currentColor"
      stroke-width="1.8"
      stroke-linecap="round"
      stroke-linejoin="round"
    >
      {children}
    </svg>
  );
}

export const IconMic = () => (
  <Icon>
    <rect x="9" y="3" width="6" height="11" rx="3" />
    <path d="M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3" />
  </Icon>
);

export const IconMicOff = () => (
  <Icon>
    <path d="M9 9v2a3 3 0 0 0 4.8 2.4M15 10.5V6a3 3 0 0 0-5.7-1.3M5.5 11.5a6.5 6.5 0 0 0 10.6 5M18.3 13a6.5 6.5 0 0 0 .2-1.5M12 18v3M4 4l16 16" />
  </Icon>
);

export const IconHand = () => (
  <Icon>
    <path d="M8 12.5V6a1.5 1.5 0 0 1 3 0v5M11 11V4.5a1.5 1.5 0 0 1 3 0V11M14 11V6a1.5 1.5 0 0 1 3 0v8.5a6.5 6.5 0 0 1-12.2 3.1l-2-4A1.4 1.4 0 0 1 5.200 12.200L8 15" />
  </Icon>
);

export const IconChat = () => (
  <Icon>
    <path d="M4 6.500A2.500 2.500 0 0 1 6.500 4h11A2.500 2.500 0 0 1 20 6.500v7a2.500 2.500 0 0 1-2.500 2.500H11l-4.500 4v-4A2.500 2.500 0 0 1 4 13.500z" />
  </Icon>
);

export const IconSmile = () => (
  <Icon>
    <circle cx="12" cy="12" r="8.500" />
    <path d="M8.500 14a4.200 4.200 0 0 0 7 0M9 9.500v.01M15 9.500v.01" />
  </Icon>
);

export const IconLeave = () => (
  <Icon>
    <path d="M14 4H6.500A1.500 1.500 0 0 0 5 5.500v13A1.500 1.500 0 0 0 6.500 20H14M10 12h10M16.500 8.500 20 12l-3.500 3.500" />
  </Icon>
);

export const IconLock = () => (
  <Icon>
    <rect x="5" y="10.500" width="14" height="9.500" rx="2" />
    <path d="M8.500 10.500V7.500a3.500 3.500 0 0 1 7 0v3" />
  </Icon>
);

export const IconShare = () => (
  <Icon>
    <path d="M10 14a4 4 0 0 0 5.700 0l3-3a4 4 0 0 0-5.700-5.700l-.8.8M14 10a4 4 0 0 0-5.700 0l-3 3a4 4 0 0 0 5.700 5.700l.8-.8" />
  </Icon>
);

export const IconMore = () => (
  <Icon>
    <path d="M5.500 12h.01M12 12h.01M18.500 12h.01" stroke-width="3" />
  </Icon>
);

export const IconClose = () => (
  <Icon>
    <path d="M6 6l12 12M18 6 6 18" />
  </Icon>
);

export const IconSearch = () => (
  <Icon>
    <circle cx="11" cy="11" r="6.500" />
    <path d="m16 16 4 4" />
  </Icon>
);

export const IconPlus = () => (
  <Icon>
    <path d="M12 5v14M5 12h14" />
  </Icon>
);

export const IconBack = () => (
  <Icon>
    <path d="M15 5l-7 7 7 7" />
  </Icon>
);

export const IconPeople = () => (
  <Icon>
    <circle cx="9" cy="8.500" r="3.500" />
    <path d="M2.500 19.500a6.500 6.500 0 0 1 13 0M16 5.300a3.500 3.500 0 0 1 0 6.400M18 14a6.500 6.500 0 0 1 3.500 5.500" />
  </Icon>
);

export const IconSend = () => (
  <Icon>
    <path d="M4 12 20 4l-5 16-3.500-6.500z" />
  </Icon>
);

export const IconSound = () => (
  <Icon>
    <path d="M4 9.500v5h3.500L12 19V5L7.500 9.500zM15.500 9a4 4 0 0 1 0 6M18 6.500a7.500 7.500 0 0 1 0 11" />
  </Icon>
);

export const IconSettings = () => (
  <Icon>
    <path d="M4 7h9M19 7h1M4 17h1M11 17h9" />
    <circle cx="16" cy="7" r="2.500" />
    <circle cx="8" cy="17" r="2.500" />
  </Icon>
);

export const IconCalendar = () => (
  <Icon>
    <rect x="4" y="5.500" width="16" height="14.500" rx="2.500" />
    <path d="M4 10h16M8.500 3v4M15.500 3v4" />
  </Icon>
);

export const IconBell = () => (
  <Icon>
    <path d="M6 16.500V11a6 6 0 0 1 12 0v5.500l1.500 1.500h-15zM10 20.500a2.200 2.200 0 0 0 4 0" />
  </Icon>
);

/** One to three bars of three. */
export const IconBars = ({ bars }: { bars: number }) => (
  <svg class="icon bars" viewBox="0 0 24 24" aria-hidden="true" fill="currentColor">
    {[8, 13, 18].map((height, index) => (
      <rect key={height} class={index < bars ? "" : "off"} x={3.500 + index * 6.500} y={21 - height} width="4" height={height} rx="1.500" />
    ))}
  </svg>
);
