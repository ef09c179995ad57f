"""The roadmap's own gates and numbers, computed from the ledger. It changes nothing."""
