"""emoji-llava: a LLaVA of three million parameters that learned to speak from text and to see from emoji scenes."""
