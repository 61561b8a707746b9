// Figures as people read them. Sizes are in powers of 1000, as browsers and shops give them.

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** A size: `1.24 GB`. */
export function bytes(value: number): string {
  if (!Number.isFinite(value) || value < 0) return '–';
  let unit = 0;
  let scaled = value;
  while (scaled >= 999.5 && unit < UNITS.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  if (unit === 0) return scaled === 1 ? '1 byte' : `${Math.round(scaled)} bytes`;
  const digits = scaled >= 99.95 ? 0 : scaled >= 9.995 ? 1 : 2;
  return `${scaled.toFixed(digits)} ${UNITS[unit]}`;
}

/** A rate: `3.1 MB/s`. */
export function rate(value: number): string {
  if (!(value >= 1)) return '0 kB/s';
  return value < 1000 ? '1 kB/s' : `${bytes(value)}/s`;
}

/** A fraction in whole percent, never 100 % before it is whole. */
export function percent(fraction: number): string {
  return `${wholePercent(fraction)} %`.replace(' ', '\u202f');
}

/** A fraction as a whole number from 0 to 100; 100 only when it is whole. */
export function wholePercent(fraction: number): number {
  if (!(fraction > 0)) return 0;
  return fraction >= 1 ? 100 : Math.min(99, Math.floor(fraction * 100));
}

/** A length of time, roughly: `2 min`, `1 h 20 min`. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–';
  if (seconds < 1) return '1 s';
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) {
    const rest = minutes % 60;
    return rest === 0 ? `${hours} h` : `${hours} h ${rest} min`;
  }
  return `${Math.round(hours / 24)} days`;
}

/** A number of things: `1 file`, `3 files`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString('en')} ${number === 1 ? one : many}`;
}
