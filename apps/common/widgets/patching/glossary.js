// What every word of the widget means, in plain words.

export const PATCHING_GLOSSARY = {
  clean: {
    title: 'Clean and corrupt picture',
    text: 'The clean picture is where activations come from. The corrupt one is the picture that is run, here usually the clean one with something '
      + 'hidden. If one part of the clean run, put into the corrupt run, brings the clean answer back, that part carries what was hidden.',
  },
  patched: {
    title: 'Corrupt, patched',
    text: 'The corrupt picture is run again, but the parts listed as chips are not computed: their numbers are copied from the run on the clean picture. '
      + 'Everything after them is computed as usual. The arrows compare with the corrupt run.',
  },
  metric: {
    title: 'Difference of two logits',
    text: 'A logit is the score that the model gives a class; the class with the highest one is its answer. The line shows the score of one class less '
      + 'that of the other: 0 is a tie, and a difference of 1 makes the leader e ≈ 2.7 times as likely.',
  },
  sweep: {
    title: 'One experiment a cell',
    text: 'Each cell is one run of the model in which only that part is taken from the other picture. 0 %: nothing changed. 100 %: the answer is all the way where '
      + 'the other picture has it. Purple: it moved the other way. Parts of one answer need not add up to 100 %.',
  },
  site: {
    title: 'What is put in',
    text: 'Inside a head: q is what a token looks for, k what it can be found by, v what it hands over, and z what it has gathered from all that it read. '
      + 'The attention and the MLP of a layer each add something to the stream that carries every token through the layers.',
  },
  token: {
    title: 'At which tokens',
    text: 'The picture is cut into patches, and each is a token. CLS is one more token that stands for the whole picture: the answer is read from it, so at the last '
      + 'layers it is the one that matters.',
  },
  directions: {
    title: 'Is it enough? Is it needed?',
    text: 'Denoise: put the clean part into the corrupt run. If the clean answer comes back, this part is enough. Noise: put the corrupt part into the clean run. '
      + 'If the answer breaks, this part is needed. With a stand-in elsewhere a part can be enough but not needed, or the other way round; such cells are marked.',
  },
  preview: {
    title: 'The estimate (attribution patching)',
    text: 'Gradient times difference of activations: all cells at once for the price of four runs. Right where the model is nearly linear, wrong where it saturates. '
      + 'It is hatched, exact numbers replace it as they arrive, and the correlation says how good it was.',
  },
  scale: {
    title: 'Share of the way, or logits',
    text: 'Share: 0 % is the run as it was, 100 % the other picture’s, in both directions. Logits: the difference of the two logits itself, after the patch.',
  },
  flip: {
    title: 'Flip it with the fewest',
    text: 'Searches for the smallest set of parts whose numbers, taken from the clean picture, change the answer for the corrupt one. All single parts are tried, then '
      + 'sets are built step by step, then all pairs and triples where that is affordable. It says which of these was done.',
  },
  general: {
    title: 'Is it general?',
    text: 'One picture proves little. The same parts are put in for many other pairs of pictures, and as a control as many heads drawn at random. Flipped: the clean '
      + 'picture’s answer is ahead of the other one. Intervals: 95 %, Wilson for rates, bootstrap for means. The pictures where it fails are shown first.',
  },
  evolution: {
    title: 'The answer, layer by layer',
    text: 'Between layers each token carries a vector, the residual stream. Reading it out early, with the model’s own last norm and classifier, tells what it would '
      + 'answer if it stopped there. Points: before each layer, after its attention (mid), and at the end.',
  },
  dla: {
    title: 'Who writes the answer (direct logit attribution)',
    text: 'The final stream is a sum of what every part wrote to it, and with the last norm’s divisor held fixed the logits are linear in it. So the difference of logits '
      + 'splits exactly into parts. It counts only what a part writes directly, not what later parts make of it.',
  },
  closure: {
    title: 'Does it add up?',
    text: 'The sum of all bars against the difference of logits that the model really gave. What is left is rounding, or a part was forgotten.',
  },
  reads: {
    title: 'What a head reads',
    text: 'Attention: how CLS shares out 100 % of its attention in this head. Contribution: what the head adds to the difference of logits by each patch that it reads; '
      + 'green speaks for the first class, purple for the second.',
  },
};
