// QR codes (ISO/IEC 18004): byte mode, error correction level L, versions 1 to 20. Enough for an
// address or a magnet link with a few trackers.

/** Error correction bytes of one block, by version, at level L. */
const CORRECTION = [7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28];
/** Number of blocks, by version, at level L. */
const BLOCKS = [1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 6, 6, 7, 8];
/** The two bits that name level L. */
const LEVEL_L = 1;

/** The modules of a code, row by row, `true` for dark; `null` when the text is too long. */
export function encodeQr(text: string): boolean[][] | null {
  const data = new TextEncoder().encode(text);
  const version = smallestVersion(data.length);
  if (version === null) return null;
  const codewords = withCorrection(dataCodewords(data, version), version);
  let best: Grid | null = null;
  let lowest = Infinity;
  for (let mask = 0; mask < 8; mask += 1) {
    const grid = new Grid(version);
    grid.drawFunctionPatterns();
    grid.drawCodewords(codewords, mask);
    grid.drawFormat(mask);
    const penalty = grid.penalty();
    if (penalty < lowest) {
      lowest = penalty;
      best = grid;
    }
  }
  return best && best.rows();
}

function smallestVersion(length: number): number | null {
  for (let version = 1; version <= CORRECTION.length; version += 1) {
    const header = 4 + lengthBits(version);
    if (header + length * 8 <= dataLength(version) * 8) return version;
  }
  return null;
}

function lengthBits(version: number): number {
  return version < 10 ? 8 : 16;
}

/** Modules left for data and correction, in bits, of which whole bytes are used. */
function rawBits(version: number): number {
  let bits = (16 * version + 128) * version + 64;
  if (version >= 2) {
    const alignments = Math.floor(version / 7) + 2;
    bits -= (25 * alignments - 10) * alignments - 55;
    if (version >= 7) bits -= 36;
  }
  return bits;
}

function dataLength(version: number): number {
  return Math.floor(rawBits(version) / 8) - at(CORRECTION, version - 1) * at(BLOCKS, version - 1);
}

function dataCodewords(data: Uint8Array, version: number): Uint8Array {
  const length = dataLength(version);
  const bits: number[] = [];
  const push = (value: number, width: number) => {
    for (let bit = width - 1; bit >= 0; bit -= 1) bits.push((value >>> bit) & 1);
  };
  push(4, 4);
  push(data.length, lengthBits(version));
  for (const byte of data) push(byte, 8);
  push(0, Math.min(4, length * 8 - bits.length));
  push(0, (8 - (bits.length % 8)) % 8);
  for (let pad = 0xec; bits.length < length * 8; pad ^= 0xec ^ 0x11) push(pad, 8);
  const bytes = new Uint8Array(length);
  bits.forEach((bit, index) => {
    bytes[index >> 3] = at(bytes, index >> 3) | (bit << (7 - (index & 7)));
  });
  return bytes;
}

/** Splits data into blocks, adds Reed-Solomon correction to each, and interleaves them. */
function withCorrection(data: Uint8Array, version: number): Uint8Array {
  const blocks = at(BLOCKS, version - 1);
  const correction = at(CORRECTION, version - 1);
  const total = Math.floor(rawBits(version) / 8);
  const shortBlocks = blocks - (total % blocks);
  const shortLength = Math.floor(total / blocks) - correction;
  const divisor = generator(correction);
  const parts: { data: Uint8Array; correction: Uint8Array }[] = [];
  let start = 0;
  for (let block = 0; block < blocks; block += 1) {
    const end = start + shortLength + (block < shortBlocks ? 0 : 1);
    const part = data.subarray(start, end);
    parts.push({ data: part, correction: remainder(part, divisor) });
    start = end;
  }
  const result: number[] = [];
  for (let index = 0; index <= shortLength; index += 1) {
    for (const part of parts) if (index < part.data.length) result.push(at(part.data, index));
  }
  for (let index = 0; index < correction; index += 1) {
    for (const part of parts) result.push(at(part.correction, index));
  }
  return Uint8Array.from(result);
}

/** Multiplies in GF(256) modulo x^8 + x^4 + x^3 + x^2 + 1. */
function multiply(left: number, right: number): number {
  let product = 0;
  for (let bit = 7; bit >= 0; bit -= 1) {
    product = (product << 1) ^ ((product >>> 7) * 0x11d);
    product ^= ((right >>> bit) & 1) * left;
  }
  return product;
}

function generator(degree: number): Uint8Array {
  const result = new Uint8Array(degree);
  result[degree - 1] = 1;
  let root = 1;
  for (let index = 0; index < degree; index += 1) {
    for (let place = 0; place < degree; place += 1) {
      result[place] = multiply(at(result, place), root) ^ (result[place + 1] ?? 0);
    }
    root = multiply(root, 2);
  }
  return result;
}

function remainder(data: Uint8Array, divisor: Uint8Array): Uint8Array {
  const result = new Uint8Array(divisor.length);
  for (const byte of data) {
    const factor = byte ^ at(result, 0);
    result.copyWithin(0, 1);
    result[result.length - 1] = 0;
    for (let index = 0; index < result.length; index += 1) {
      result[index] = at(result, index) ^ multiply(at(divisor, index), factor);
    }
  }
  return result;
}

const MASKS: ((x: number, y: number) => boolean)[] = [
  (x, y) => (x + y) % 2 === 0,
  (_x, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

/** The square of modules while it is being drawn. */
class Grid {
  readonly size: number;
  private readonly dark: Uint8Array;
  private readonly fixed: Uint8Array;

  constructor(private readonly version: number) {
    this.size = version * 4 + 17;
    this.dark = new Uint8Array(this.size * this.size);
    this.fixed = new Uint8Array(this.size * this.size);
  }

  rows(): boolean[][] {
    return Array.from({ length: this.size }, (_, y) =>
      Array.from({ length: this.size }, (_, x) => this.get(x, y)),
    );
  }

  drawFunctionPatterns(): void {
    for (let index = 0; index < this.size; index += 1) {
      this.fix(6, index, index % 2 === 0);
      this.fix(index, 6, index % 2 === 0);
    }
    for (const [x, y] of [[3, 3], [this.size - 4, 3], [3, this.size - 4]] as const) this.drawFinder(x, y);
    const places = this.alignments();
    const last = places.length - 1;
    places.forEach((x, column) =>
      places.forEach((y, row) => {
        const finder = (column === 0 && row === 0) || (column === 0 && row === last) || (column === last && row === 0);
        if (!finder) this.drawAlignment(x, y);
      }),
    );
    this.drawFormat(0);
    this.drawVersion();
  }

  /** Places the codewords in the zigzag of the standard, flipped by a mask. */
  drawCodewords(codewords: Uint8Array, mask: number): void {
    const flips = MASKS[mask] as (x: number, y: number) => boolean;
    let bit = 0;
    for (let right = this.size - 1; right >= 1; right -= 2) {
      if (right === 6) right = 5;
      const upwards = ((right + 1) & 2) === 0;
      for (let step = 0; step < this.size; step += 1) {
        const y = upwards ? this.size - 1 - step : step;
        for (const x of [right, right - 1]) {
          if (this.fixed[y * this.size + x]) continue;
          const value = bit < codewords.length * 8 && ((at(codewords, bit >> 3) >>> (7 - (bit & 7))) & 1) === 1;
          bit += 1;
          this.dark[y * this.size + x] = Number(value !== flips(x, y));
        }
      }
    }
  }

  drawFormat(mask: number): void {
    const data = (LEVEL_L << 3) | mask;
    let rest = data;
    for (let index = 0; index < 10; index += 1) rest = (rest << 1) ^ ((rest >>> 9) * 0x537);
    const bits = ((data << 10) | rest) ^ 0x5412;
    const bit = (index: number) => ((bits >>> index) & 1) === 1;
    for (let index = 0; index <= 5; index += 1) this.fix(8, index, bit(index));
    this.fix(8, 7, bit(6));
    this.fix(8, 8, bit(7));
    this.fix(7, 8, bit(8));
    for (let index = 9; index < 15; index += 1) this.fix(14 - index, 8, bit(index));
    for (let index = 0; index < 8; index += 1) this.fix(this.size - 1 - index, 8, bit(index));
    for (let index = 8; index < 15; index += 1) this.fix(8, this.size - 15 + index, bit(index));
    this.fix(8, this.size - 8, true);
  }

  /** How hard to read: runs, blocks, finder look-alikes and imbalance cost points. */
  penalty(): number {
    const size = this.size;
    let points = 0;
    for (const get of [(a: number, b: number) => this.get(b, a), (a: number, b: number) => this.get(a, b)]) {
      for (let line = 0; line < size; line += 1) {
        let run = 0;
        let history = 0;
        for (let place = 0; place < size; place += 1) {
          run = place > 0 && get(line, place) === get(line, place - 1) ? run + 1 : 1;
          if (run === 5) points += 3;
          else if (run > 5) points += 1;
          history = ((history << 1) | Number(get(line, place))) & 0x7ff;
          if (place >= 10 && (history === 0x5d || history === 0x5d0)) points += 40;
        }
      }
    }
    let darkCount = 0;
    for (let y = 0; y < size; y += 1) {
      for (let x = 0; x < size; x += 1) {
        const here = this.get(x, y);
        if (here) darkCount += 1;
        if (x > 0 && y > 0 && here === this.get(x - 1, y) && here === this.get(x, y - 1) && here === this.get(x - 1, y - 1)) {
          points += 3;
        }
      }
    }
    return points + Math.floor(Math.abs((darkCount * 20) / (size * size) - 10)) * 10;
  }

  private drawFinder(centreX: number, centreY: number): void {
    for (let y = -4; y <= 4; y += 1) {
      for (let x = -4; x <= 4; x += 1) {
        const ring = Math.max(Math.abs(x), Math.abs(y));
        this.fix(centreX + x, centreY + y, ring !== 2 && ring !== 4);
      }
    }
  }

  private drawAlignment(centreX: number, centreY: number): void {
    for (let y = -2; y <= 2; y += 1) {
      for (let x = -2; x <= 2; x += 1) {
        this.fix(centreX + x, centreY + y, Math.max(Math.abs(x), Math.abs(y)) !== 1);
      }
    }
  }

  private drawVersion(): void {
    if (this.version < 7) return;
    let rest = this.version;
    for (let index = 0; index < 12; index += 1) rest = (rest << 1) ^ ((rest >>> 11) * 0x1f25);
    const bits = (this.version << 12) | rest;
    for (let index = 0; index < 18; index += 1) {
      const value = ((bits >>> index) & 1) === 1;
      const far = this.size - 11 + (index % 3);
      const near = Math.floor(index / 3);
      this.fix(far, near, value);
      this.fix(near, far, value);
    }
  }

  private alignments(): number[] {
    if (this.version === 1) return [];
    const amount = Math.floor(this.version / 7) + 2;
    const step = Math.ceil((this.version * 4 + 4) / (amount * 2 - 2)) * 2;
    const places = [6];
    for (let place = this.size - 7; places.length < amount; place -= step) places.splice(1, 0, place);
    return places;
  }

  private get(x: number, y: number): boolean {
    return this.dark[y * this.size + x] === 1;
  }

  private fix(x: number, y: number, value: boolean): void {
    if (x < 0 || y < 0 || x >= this.size || y >= this.size) return;
    this.dark[y * this.size + x] = Number(value);
    this.fixed[y * this.size + x] = 1;
  }
}

function at(list: ArrayLike<number>, index: number): number {
  return list[index] ?? 0;
}
