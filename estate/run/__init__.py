"""One run over the estate: its options, lock, record, and how it ends."""
