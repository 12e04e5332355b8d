"""Where published files come from: records of it, signed, and published beside them."""
