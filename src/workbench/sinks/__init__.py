"""What leaves the house by itself. Each sink tails the ledger; none writes to it."""
