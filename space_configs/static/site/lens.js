import { mount } from '../widgets/lens.js';
import { answerFor } from './answered.js';
import { classFile } from './classes.js';
import { startPage } from './page.js';
import { fetchBuffer, fetchValue, once } from './values.js';

const logitsAt = once(async (url) => new Float32Array(await fetchBuffer(url)));
const valueAt = once(fetchValue);

answerFor(/^(.*\/data\/lens\/[^/]+\/)class\/(\d+)$/, async ([, home, index]) => {
  const [logits, { meta }] = await Promise.all([logitsAt(`${home}logits`), valueAt(`${home}value.json`)]);
  return classFile(logits, meta.n_classes, Number(index));
});
startPage({ mount, folder: 'lens' });
