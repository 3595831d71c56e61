// A soak as a picture: what it took of memory over time, one line a process.

export interface PlotSeries {
  readonly name: string;
  /** Minutes since the beginning, and MiB. */
  readonly points: (readonly [minute: number, mib: number])[];
}

const WIDTH = 860;
const HEIGHT = 360;
const LEFT = 60;
const RIGHT = 20;
const TOP = 40;
const BOTTOM = 45;
const COLORS = ['#1f77b4', '#d62728', '#2ca02c', '#9467bd'];
const TICKS = 6;

/** @returns SVG, readable on a bright and on a dark page. The scale of memory begins at 0: a line that looks flat is flat. */
export function plotMemory(title: string, series: readonly PlotSeries[]): string {
  const all = series.flatMap(({ points }) => points);
  const minutes = Math.max(1, ...all.map(([minute]) => minute));
  const mib = niceCeiling(Math.max(1, ...all.map(([, value]) => value)));
  const x = (minute: number): number => LEFT + ((WIDTH - LEFT - RIGHT) * minute) / minutes;
  const y = (value: number): number => HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * value) / mib;
  const text = (at: readonly [number, number], anchor: string, words: string, size = 12): string =>
    `<text x="${at[0].toFixed(1)}" y="${at[1].toFixed(1)}" font-size="${size}" text-anchor="${anchor}">${escapeXml(words)}</text>`;
  const steps = Array.from({ length: TICKS + 1 }, (_, i) => i / TICKS);
  const grid = steps.flatMap((part) => [
    `<path d="M${LEFT} ${y(mib * part).toFixed(1)}H${WIDTH - RIGHT}" stroke="#ddd"/>`,
    text([LEFT - 8, y(mib * part) + 4], 'end', String(Math.round(mib * part))),
    text([x(minutes * part), HEIGHT - BOTTOM + 18], 'middle', (minutes * part).toFixed(minutes < TICKS ? 1 : 0)),
  ]);
  const lines = series.flatMap(({ name, points }, i) => {
    const color = COLORS[i % COLORS.length] ?? '#000';
    const path = points.map(
      ([minute, value], n) => `${n === 0 ? 'M' : 'L'}${x(minute).toFixed(1)} ${y(value).toFixed(1)}`,
    );
    const at = LEFT + 10 + 200 * i;
    return [
      `<path d="${path.join('')}" fill="none" stroke="${color}" stroke-width="1.5"/>`,
      `<path d="M${at} ${TOP - 8}h18" stroke="${color}" stroke-width="3"/>`,
      text([at + 24, TOP - 4], 'start', name),
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" fill="#222">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text([WIDTH / 2, 18], 'middle', title, 14),
    ...grid,
    ...lines,
    text([WIDTH / 2, HEIGHT - 8], 'middle', 'minutes'),
    text([8, TOP - 22], 'start', 'MiB'),
    '</svg>\n',
  ].join('\n');
}

/** One, two or five times a power of ten, times TICKS parts that are whole. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value / TICKS));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one * TICKS >= value) ?? value / TICKS;
  return step * TICKS;
}

function escapeXml(text: string): string {
  return text.replace(/[&<>]/g, (character) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[character] ?? character);
}
