// What every word of the widget means, in plain words.

export const STEERING_GLOSSARY = {
  latent: {
    title: 'Latent',
    text:
      'A layer of this network describes each patch by a list of numbers. The sparse autoencoder rewrites that list as a sum of a few directions out of many. ' +
      'Each direction is a latent; its activation says how much of it there is. Many latents are on for one kind of thing, but nobody chose what: that is found.',
  },
  sae: {
    title: 'Sparse autoencoder (SAE)',
    text: 'A small network trained to copy what a layer of the big one says, through a code in which only a few entries may be on at once. What it cannot copy is its error.',
  },
  typical: {
    title: '× typical',
    text:
      'Activations of different latents are not on one scale. So each is given in units of what is typical for that latent: its usual activation at the tokens where it is on. ' +
      '1× is ordinary, 5× is strong.',
  },
  label: {
    title: 'Label and F1',
    text:
      'On pictures with known objects, the class whose patches agree best with where the latent is on. F1 is between 0 and 1: 1 means on at all patches of that class and nowhere else. ' +
      'The class was chosen on one half of the pictures and scored on the other. Below 0.5 take it as a hint; without a class that fits there is no label.',
  },
  variance: {
    title: 'Explained variance',
    text: 'How much of the layer’s numbers the reconstruction gets right: 100 % is perfect, 0 % no better than always giving the mean, below 0 is worse than that. Squared error over squared deviation from the mean.',
  },
  l0: { title: 'L0', text: 'How many latents are on at one token, on average.' },
  heat: {
    title: 'The heatmap',
    text:
      'Brightness says how strongly the latent is on at each patch. Each latent has its own scale, from 0 to its maximum in this picture, which is written beside it. ' +
      'So two heatmaps must not be compared by brightness, only by their numbers.',
  },
  effect: {
    title: 'Direct effect',
    text:
      'What the latent puts on the logit of the watched class by itself: activation × the direction that it writes · the direction that the classifier reads, through the last norm with its divisor held fixed. ' +
      'At CLS after the last layer it is a real part of the answer; at patches it is what the logit lens reads there. What later layers make of it is not counted.',
  },
  pool: {
    title: 'Strongest, or sum',
    text: 'A latent can be on at several of the selected tokens. “Strongest” takes the largest of its activations, “sum” adds them up, so that large things count more. Direct effects are treated alike.',
  },
  deciles: {
    title: 'Pictures across the range',
    text: 'Pictures on which the latent is on, ordered by its largest activation there and cut into ten equal groups; one picture of each. The strongest alone would make every latent look cleaner than it is.',
  },
  histogram: {
    title: 'Histogram',
    text: 'How many tokens had which activation, over many pictures. Both axes are logarithmic: each step up is ten times as many tokens. The line is this picture’s maximum.',
  },
  writes: {
    title: 'Classes that it writes',
    text: 'The latent’s direction read out straight by the classifier, at the latent’s typical activation: which logits go up, which go down. A rule of thumb for early layers, where later ones still change it.',
  },
  neighbours: {
    title: 'Nearest latents',
    text: 'Those whose written directions point most nearly the same way. Cosine 1: the same direction; 0: unrelated. Two very near ones often do one job.',
  },
  search: {
    title: 'Search by example',
    text: 'Paint patches where the latent should fire, and others where it should not. The score is its mean activation here minus there, in units of its typical activation. It is computed in your browser.',
  },
  how: {
    title: 'How a latent is turned',
    text:
      'Add: so much more (or less) than it was. Multiply: times what it was. Set to: this value at every token where it acts. Switch off: 0. Amounts are in units of its typical activation, or times itself.\n' +
      'Adding also acts where the latent was off.',
  },
  where: {
    title: 'Where',
    text: 'At which tokens the latents are turned: everywhere, at CLS (the token that the answer is read from), at all patches, or at the ones that you selected on the picture.',
  },
  error: {
    title: 'Keep the error',
    text: 'The reconstruction is not perfect. Kept: the layer’s own numbers stay, and only what turning changes is added, so nothing turned changes nothing. Left out: the reconstruction takes their place, with its mistakes.',
  },
  columns: {
    title: 'Three runs',
    text:
      'Original: the network as it is. Reconstruction only: the SAE’s copy in place of the layer, nothing turned; how far it is from the original is how far the SAE can be trusted. ' +
      'Steered: with the latents turned. The coloured bars compare logits with the original.',
  },
  lens: {
    title: 'Dogit lens',
    text: 'The classifier read out at each patch, at this point of the network, as the emoji of its best class: paler where it is less sure. White rings: other than in the original run; left out where most patches are.',
  },
  watched: {
    title: 'Watched logit',
    text: 'A logit is the score that the network gives a class; the highest is its answer. One class is watched: its logit is told in all three runs, and effects are measured on it.',
  },
  controls: {
    title: 'Controls',
    text:
      'Any push of that size may change an answer. So random latents write something of the same length at the same tokens, many times: the effect should lie outside of what they do. ' +
      'And turned the other way, the effect should go the other way.',
  },
  general: {
    title: 'On other pictures',
    text: 'One picture proves little. The same dials are turned on many others, and as a control random latents of the same length. Intervals hold 95 %. The pictures where it did least are shown.',
  },
  compare: {
    title: 'Two SAEs',
    text: 'For each token the share of its numbers that a reconstruction misses: squared error over squared distance from the mean. Bright: much is missed. Both maps have one scale.',
  },
  topk: { title: 'k', text: 'With a TopK activation exactly the k largest latents stay on at each token; the others are set to 0.' },
  alive: {
    title: 'Alive',
    text: 'The share of latents that were on at least once on the held-out pictures. The others are dead: trained, but never used.',
  },
  dense: {
    title: 'Dense',
    text: 'The share of latents that are on at very many tokens. A latent that is nearly always on says little about what is there.',
  },
  accuracy: {
    title: 'Accuracy',
    text: 'Share of held-out pictures answered correctly: by the network as it is, and with the reconstruction in place of the layer.',
  },
  agreement: {
    title: 'Same answer',
    text: 'Share of pictures for which the network gives the same answer with the reconstruction in place of the layer.',
  },
  kl: {
    title: 'KL divergence (nats)',
    text: 'How far the answers with the reconstruction are from the network’s own, as distributions over classes: 0 is the same.',
  },
  mse: { title: 'MSE', text: 'Mean squared error of the reconstruction, in the layer’s own units.' },
  cosine: { title: 'Cosine', text: 'Mean cosine between a token’s numbers and their reconstruction: 1 is the same direction.' },
};
