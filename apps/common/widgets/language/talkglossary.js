// What the words and numbers of the talking canvas mean, one click away.

export const TALK_GLOSSARY = {
  latent: {
    title: 'Latent',
    text: 'A direction in the numbers that one layer of the model holds at each token, found by a sparse autoencoder: a few of thousands are on at a time. What one stands for is guessed from the texts that switch it on.',
  },
  sae: {
    title: 'Sparse autoencoder, from text alone',
    text: 'A small network that rewrites a layer’s numbers as a few latents and back. This one was trained while the model read text: it has never seen what the model makes of a picture. That its latents light up on pictures at all is the finding.',
  },
  model: {
    title: 'How the model sees',
    text: 'A vision tower turns the picture into one token for each patch; they stand before the words in what the language model reads. It then says one word after another, each with everything before it in view.',
  },
  label: {
    title: 'Label and its scores',
    text: 'The concept at whose words the latent is on most exclusively, in text: F1 is the harmonic mean of precision (how often, when it is on, the concept is there) and recall (how often, when the concept is there, it is on), from 0 to 1, on texts that did not choose the label. AUROC: how often a word of the concept has more of the latent than another word; 0.5 is chance. Below 0.5 it is said as “perhaps”, below 0.1 as “hardly”.',
  },
  typical: {
    title: 'Typical activation',
    text: 'A latent’s mean activation at the text tokens where it is on. 2× typical: twice as much. Amounts in the rack count in it too.',
  },
  heat: {
    title: 'The heatmap',
    text: 'Brightness says how strongly the latent is on at each patch, and below the picture at each word. Each latent has its own scale, from 0 to its maximum, so two heatmaps must be compared by their numbers alone.',
  },
  columns: {
    title: 'The columns',
    text: 'Original: the model as it is. Reconstruction only: the autoencoder’s copy in the layer’s place at the ticked tokens, nothing turned; how far it is from the original says how far the autoencoder can be trusted there. Steered: with the latents turned. All begin from the same seed.\nStruck out: only the original says it. Underlined: only this column says it.',
  },
  perplexity: {
    title: 'Perplexity',
    text: 'How strange the words are for the unsteered model when it does not see the picture: exp of the mean of −log p, per token. 1 would be certain; compare it with the original’s. A steered text that has become much stranger was damaged, not only steered.',
  },
  how: {
    title: 'How a latent is turned',
    text: 'Add: so much more (or less) of its direction is written, whether or not it was on. Multiply: times what it was. Set to: this value at every token where it acts. Switch off: 0. The direction is the latent’s row of the decoder, without its bias.',
  },
  where: {
    title: 'At which tokens',
    text: 'Image: the tokens that came from the picture. Prompt: the words that were given, with the frame around them. Generated: the words that the model says itself.',
  },
  when: {
    title: 'In which passes',
    text: 'Prefill: the one pass over everything that was given, picture included. Decode: the passes after it, one for each word that was said. The first word is already chosen at the end of the prefill.',
  },
  error: {
    title: 'Keep the error',
    text: 'The copy is not perfect. Kept: the layer’s own numbers stay, and only what turning changes is added. Left out: the copy takes their place, with its mistakes.',
  },
  control: {
    title: 'Controls',
    text: 'Any push of that size may change an answer. Random latents: as many others, drawn by the seed, move every token as far as yours do. Opposite sign: your latents, turned the other way. What only your column does is theirs.',
  },
  manner: {
    title: 'How words are chosen',
    text: 'Temperature 0: always the likeliest word, so nothing is left to chance. Above: a word is drawn, the more freely the higher it is; the seed makes the draws repeatable, and is the same in every column.',
  },
  variance: {
    title: 'Explained variance',
    text: 'How much of the layer’s numbers the autoencoder’s copy gets right here: 100 % is perfect, 0 % no better than always giving the mean, below 0 is worse than that. Text is what it was trained on; on image tokens it is usually far lower.',
  },
  l0: { title: 'L0', text: 'How many latents are on at one token, on average.' },
  map: {
    title: 'Latents by tokens',
    text: 'One row for each latent, one column for each token: first the patches of the picture row by row, then the words. All rows have one scale, in typical activations. Arrow keys move through it.',
  },
  gaze: {
    title: 'Attention to the picture',
    text: 'Each head of a layer spreads 100 % of its attention over all tokens before it. Shown is what it paid to each patch in the pass that chose the word, and how much of the 100 % went to the picture altogether. Where a head looks does not prove that the word depends on it.',
  },
  search: {
    title: 'Find a latent',
    text: 'By label: what it is called in text. By contrast: what is on at some patch of this picture and less at every patch of another one. By brush: paint where it should be on, and where not. Amounts are in typical activations.',
  },
  written: {
    title: 'Words that it writes',
    text: 'The latent’s direction, made of length 1, read out straight by the model’s last layer: which words become likelier, which less. In logits; what the layers between make of it is not counted, so only order and sign say much.',
  },
};
