// IEEE 754 half precision to numbers; browsers without Float16Array need it, so everybody uses it.

let halfTable = null;

/** The number that 16 bits of half precision stand for, with subnormals, infinities and NaN. */
export function halfToNumber(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Float32Array of a Uint16Array of half-precision bits; one table look-up a value. */
export function decodeHalf(bits) {
  halfTable ??= Float32Array.from({ length: 65536 }, (_, i) => halfToNumber(i));
  const out = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = halfTable[bits[i]];
  return out;
}
