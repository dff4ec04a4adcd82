// The rack: which latents are turned, how, how far and where.

export const MOST = 10;
export const HOWS = [
  { id: 'add', title: 'add', unit: '× typical', meaning: 'adds this much to what the latent is' },
  { id: 'scale', title: 'multiply', unit: '× as it is', meaning: 'multiplies what the latent is; 0 switches it off, 1 leaves it' },
  { id: 'clamp', title: 'set to', unit: '× typical', meaning: 'sets the latent to this value everywhere it acts' },
  { id: 'ablate', title: 'switch off', unit: '', meaning: 'sets the latent to 0' },
];
const WHERES = {
  all: [
    ['all', 'everywhere'],
    ['cls', 'at CLS'],
    ['patches', 'at all patches'],
    ['list', 'at the selected patches'],
  ],
  cls: [['cls', 'at CLS']],
  patches: [
    ['patches', 'at all patches'],
    ['list', 'at the selected patches'],
  ],
};
const NEW_AMOUNT = 5;

/** Where an SAE that was trained on these tokens can be steered, or only where is `offered`: [{id, title}]. */
export function whereChoices(tokens, nPrefix, offered = null) {
  return (WHERES[tokens] ?? WHERES.all).filter(([id]) => (id !== 'cls' || nPrefix > 0) && (offered?.includes(id) ?? true)).map(([id, title]) => ({ id, title }));
}

/** An amount kept within −10 … 10, with at most two decimals; 0 for what is no number. */
export function keptAmount(amount) {
  const value = Number(amount);
  return Number.isFinite(value) ? Math.round(100 * Math.max(-MOST, Math.min(MOST, value))) / 100 + 0 : 0;
}

/** A chip as it is sent; null for a latent that there is not. */
export function cleanChip({ latent, how, amount }, dSae) {
  if (!Number.isInteger(latent) || latent < 0 || latent >= dSae) return null;
  return { latent, how: HOWS.some(({ id }) => id === how) ? how : 'add', amount: how === 'ablate' ? 0 : keptAmount(amount ?? NEW_AMOUNT) };
}

/** Whether a chip changes anything. */
export function isTurned({ how, amount }) {
  return how === 'ablate' || how === 'clamp' || (how === 'scale' ? amount !== 1 : amount !== 0);
}

/** The whole rack as it is sent with `steer`. */
export function rackOf({ chips, where, rackTokens, keepError, lens }) {
  return {
    chips: chips.map(({ latent, how, amount }) => ({ latent, how, amount })),
    where,
    tokens: where === 'list' ? [...rackTokens] : null,
    keep_error: keepError,
    lens,
  };
}

/** One text for each different rack. */
export function rackKey(rack) {
  if (!rack) return rackKey({ chips: [], where: 'all', tokens: null, keep_error: true, lens: 'final' });
  const chips = rack.chips.map(({ latent, how, amount }) => [latent, how, how === 'ablate' ? 0 : keptAmount(amount)]);
  return JSON.stringify([chips, rack.where, rack.where === 'list' ? (rack.tokens ?? []) : null, rack.keep_error, rack.lens]);
}

/** The same without the point of the lens: two racks alike in this change the answer alike. */
export function effectKey(rack) {
  return rackKey(rack && { ...rack, lens: 'final' });
}

/** "latent 512 up by 5× typical", "latent 3 switched off". */
export function chipWords({ latent, how, amount }) {
  const size = `${String(Math.abs(amount))}×`;
  const sign = amount < 0 ? '−' : '';
  return `latent ${latent} ${
    {
      add: `${amount < 0 ? 'down' : 'up'} by ${size} typical`,
      scale: `multiplied by ${sign}${Math.abs(amount)}`,
      clamp: `set to ${sign}${size} typical`,
      ablate: 'switched off',
    }[how]
  }`;
}

/** Where a rack acts, in words. */
export function whereWords({ where, tokens }) {
  if (where !== 'list') return { all: 'everywhere', cls: 'at CLS', patches: 'at all patches' }[where] ?? 'everywhere';
  const count = tokens?.length ?? 0;
  return `at ${count} selected ${count === 1 ? 'token' : 'tokens'}`;
}
