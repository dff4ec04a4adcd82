"""Cat–Dog Patching: which heads decide between two answers, shown by putting one picture's activations into another."""
