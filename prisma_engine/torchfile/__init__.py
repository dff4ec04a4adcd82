"""Files that `torch.save` wrote, read without running anything in them; each reader says what its files may mention."""
