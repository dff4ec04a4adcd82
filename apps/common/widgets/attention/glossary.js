// What every word of the widget means, in plain words; metrics and head types bring their own texts with the data.

export const TOUR_GLOSSARY = {
  head: {
    title: 'A head',
    text: 'In every layer the tokens read each other: each head compares a patch’s query with every token’s key, and turns the scores into shares '
      + 'that sum to 100 %. Layers and heads are counted from 0, as in code; rows and columns of patches from 1.',
  },
  cls: {
    title: 'CLS, tokens, and other words here',
    text: 'Token: one piece that the model works on; each patch of the picture is one. CLS: one more token that belongs to no patch; it reads the picture, '
      + 'and where the model has one the answer is mostly read off it.\nLogit: the number that a model gives a class before all are turned into per cent; '
      + 'one more means about 2.7 times as likely.\nLocked: chosen by a click, so that it stays while you look at other heads; pointing at other '
      + 'patches still previews them, and Esc lets go.',
  },
  wall: {
    title: 'The wall',
    text: 'One thumbnail a head: rows are layers, columns heads. Point at one to see it everywhere, click to keep it, Esc to let go. '
      + 'Each has its own scale, so brightness cannot be compared between thumbnails.',
  },
  pattern: {
    title: 'Pattern (share of attention, %)',
    text: 'softmax over keys of the scores: row i says how token i shares out 100 % of its attention in this head.',
  },
  scores: {
    title: 'Scores (logits, before the softmax)',
    text: 'q · k / √d_head for each pair of tokens. What is the same all along a row vanishes in the softmax: only differences within a row count.',
  },
  rank: {
    title: 'Rank difference (percentage points)',
    text: 'Sort all cells of the matrix by score, and again by pattern: the difference of the two places, in per cent of all cells. Within one row the '
      + 'order is always the same, since the softmax keeps it; what differs is how rows compare. Green: higher by score than by pattern.',
  },
  value: {
    title: 'Value-weighted attention (length)',
    text: 'Pattern times the length of what the key would hand over, ‖v · W_O‖, in units of the residual stream. A token that is read much but hands '
      + 'over little is pale here: the pattern says where a head reads, this says how much is really moved.',
  },
  scale: {
    title: 'Linear or log',
    text: 'Log shows log10, so that 1 % and 0.1 % are as far apart as 10 % and 1 %; shares below a millionth count as a millionth. Scores need none: '
      + 'they are the logarithm of the pattern, up to a constant in each row.',
  },
  norm: {
    title: 'Each row, or the whole matrix',
    text: 'Each row: every row of the matrix spans all colours by itself, and on the picture both inks reach full strength at their own largest value. '
      + 'Whole matrix: one range for all, so that strengths can be compared between patches.',
  },
  unit: {
    title: 'One head, the mean, the rollout',
    text: 'Mean: the average over the heads of this layer. Rollout (Abnar and Zuidema 2020): ½ mean pattern + ½ identity of every layer up to this one, '
      + 'multiplied; a rough guess at where information came from, which ignores values and MLPs.',
  },
  paint: {
    title: 'On the picture',
    text: 'Blue: what the selected patch reads. Orange: who reads it. With both, the patch is blue and a disc in its middle orange. A patch that reads itself far more than any other one is left out of the scale. The strength is the '
      + 'opacity. Lens: the class that each patch would name at this layer.',
  },
  caveat: {
    title: 'What this does not show',
    text: 'Where a head reads is not what it does: what is moved depends on the values, other heads may cancel it, and the residual connection carries the '
      + 'patch itself along. To learn what matters for the answer, change it and see.',
  },
  types: {
    title: 'Head types',
    text: 'Each type is a template. A head’s score is the share of its attention, averaged over many pictures, that falls where the template says; '
      + 'chance is the same for shuffled keys. A head is named only where it is far above chance.',
  },
  scatter: {
    title: 'All heads by two metrics',
    text: 'Each point is a head, darker in early layers, lighter in late ones. Points, thumbnails and the matrix share one selection. With a second run, '
      + 'the dashed line leads to where the same head lies there.',
  },
};
