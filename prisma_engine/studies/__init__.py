"""Studies: measurements over many pictures that a note in `docs/` rests on, each a command that prints its numbers.

attention_scores   what part of attention scores says who reads whom; where a head's structure stands out best
causal_attention   what a model answers when attention may only read backwards
corner_tokens      the four corners: how long their vectors are, what is in them, what the answer loses without them
head_controls      how many heads would be named in networks that have learned nothing, or have lost their positions
object_attention   whether rollout, plain and value-weighted attention of CLS find the object
training_curves    how lens and heads came to be, at each kept step of a training
mean_patterns      chosen heads' patterns, averaged, for a gallery
pair_patching      which heads decide between two answers on one pair of pictures, and the fewest that flip them
general_patching   whether chosen heads flip other pictures too, beside heads that were not chosen
samples, answers, separation, patching_pairs, patching_trials, flip_rates, command: what they share
"""
