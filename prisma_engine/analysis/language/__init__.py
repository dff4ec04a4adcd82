"""What latents of a language model are about: concepts of tokens, labels with scores, contexts that they fire in."""
