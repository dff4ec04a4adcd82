"""Models of ours as other tools open them: timm, transformers, and ONNX for browsers."""
