import { mount } from '../widgets/attention.js';
import { answerFor } from './answered.js';
import { createHeads } from './heads.js';
import { startPage } from './page.js';
import { fetchBuffer, fetchValue, once } from './values.js';

const headsAt = once(async (home) => {
  const [run] = (await fetchValue(`${home}value.json`)).runs;
  const nTokens = run.n_prefix + run.grid[0] * run.grid[1];
  return createHeads({ nTokens, nLayers: run.n_layers, nHeads: run.n_heads, load: (layer) => fetchBuffer(`${home}layer/${layer}`) });
});

answerFor(/^(.*\/data\/attention\/[^/]+\/)((?:maps|token|exact)\/.+)$/, async ([, home, name]) => (await headsAt(home)).file(name));
startPage({ mount, folder: 'attention', options: { canOpen: false } });
