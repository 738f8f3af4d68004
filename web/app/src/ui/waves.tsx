/* waves.tsx - the mark of the house where a view has little else to show. */

const heights = [14, 30, 52, 72, 44, 60, 34, 18];

export function Waves() {
  return (
    <svg class="waves" viewBox="0 0 160 80" aria-hidden="true">
      {heights.map((height, index) => (
        <rect key={index} class={`wave-${index % 4}`} x={10 + index * 19} y={40 - height / 2} width="8" height={height} rx="4" />
      ))}
    </svg>
  );
}
