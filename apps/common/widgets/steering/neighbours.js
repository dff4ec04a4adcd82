// A latent that writes nearly the same direction as another: one line of a list.

import { make } from '../shared/dom.js';
import { factsOf, latentName } from './columns.js';
import { labelNodes } from './latentlist.js';

/** The line; `open(index)` goes to the latent. A label that came with it counts before the one in the table. */
export function neighbourItem(scene, { index, cosine, label }, open) {
  const facts = { ...factsOf(scene.assets.columns, index), ...(label ? { label } : {}) };
  return make(
    'li',
    {},
    make(
      'button',
      { type: 'button', class: 'pl-neighbour', onclick: () => open(index) },
      make('strong', { text: latentName(index) }),
      make('span', { class: 'pl-latentlabel' }, ...labelNodes(scene, facts)),
      make('span', { class: 'pl-num', text: `cosine ${cosine.toFixed(2).replace('-', '−')}` }),
    ),
  );
}
