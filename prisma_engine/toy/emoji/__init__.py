"""The training of emoji-vit: image-level labels, patches taught in windows to say what they themselves show."""
