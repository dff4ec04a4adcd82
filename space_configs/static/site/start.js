// The first page: the lens in small, on the picture that the lens opens with.

import { mount } from '../widgets/lens.js';
import { fetchValue } from './values.js';

const element = document.getElementById('miniature');
const value = await fetchValue(new URL(`data/lens/${element.dataset.picture}/value.json`, document.baseURI).href);
mount({ element, value: { ...value, nonce: 1 } });
