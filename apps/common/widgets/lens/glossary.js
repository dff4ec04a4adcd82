// What every number and word of the widget means, in plain words.

export const GLOSSARY = {
  lens: {
    title: 'The lens, in plain words',
    text: 'Every patch of the picture travels through the model as a list of numbers, the residual stream; each block adds to it. '
      + 'The lens stops at a layer, puts each patch through the model’s own final norm and classification head, and asks: if the '
      + 'model had to answer from this patch now, which class would it name? The model was trained to answer only at the end, '
      + 'so early answers are a reading, not a belief.',
  },
  cls: {
    title: 'CLS, the whole picture',
    text: 'An extra token that stands for no patch. It gathers what the patches found, and the model’s own answer is read from it '
      + 'after the last block. Other models have further such tokens (distillation, registers) or none.',
  },
  layer: {
    title: 'Layer labels',
    text: '“0_pre” is the patch before the first block. “3_mid” is after the attention of block 3, “4_pre” is after the whole of '
      + 'block 3 and before block 4. “final” is after the last block, where the model’s own answer is read.',
  },
  logit: {
    title: 'Logit (no unit)',
    text: 'The raw score that the head gives a class. Higher is more; only differences between classes count: a class that leads '
      + 'by 1 logit is e ≈ 2.7 times as probable.',
  },
  probability: {
    title: 'Probability (%)',
    text: 'The logits of all classes turned into shares that sum to 100 % (softmax). Of what this patch’s reading says, not how '
      + 'often it is right.',
  },
  least: {
    title: 'Sure patches only',
    text: 'A patch that shows nothing in particular still has a best class, at a low probability. Only patches whose first class '
      + 'reaches this probability are shown. For our own model the page starts at the value that was chosen on other scenes to '
      + 'tell objects from background; at 0 % every patch speaks.',
  },
  margin: {
    title: 'Margin (logits)',
    text: 'For the first class: by how many logits it leads the second. For the others: how far they lie behind the first.',
  },
  rank: {
    title: 'Rank',
    text: 'The place of a class when all classes are sorted by logit: 1st is what the lens names. Shades follow the logarithm of the rank.',
  },
  trajectory: {
    title: 'Trajectory',
    text: 'How the classes that this patch ends with rise and fall over the layers. Only the five best classes of each layer are '
      + 'kept, so a line is broken where its class is not among them; a searched class is known everywhere.',
  },
  classes: {
    title: 'Classes at this layer',
    text: 'How many of the patches that are shown name each class first; prefix tokens are not counted.',
  },
  iou: {
    title: 'IoU and pixel accuracy',
    text: 'IoU (intersection over union, 0 to 1): pixels that the lens and the true mask both give a class, divided by pixels that '
      + 'either gives it, averaged over the classes. Pixel accuracy: the share of pixels named right, background included. A patch '
      + 'names its first class where its probability passes a threshold that was chosen on other scenes, else background. '
      + 'Dashed: the best constant answer, one and the same for every pixel. The band is the 95 % interval of the mean over held-out scenes.',
  },
};
