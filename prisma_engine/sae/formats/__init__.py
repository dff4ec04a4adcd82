"""Everybody's files: each format is a room that turns a folder into a config and tensors, and runs nothing in it."""
