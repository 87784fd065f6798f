"""Whether trainers and servers make the same tokens of a conversation as we do."""
