"""The encoder and the decoder around a tokenizer's bottleneck."""
