"""The ledger's schema, step by step; alembic runs these, oldest first."""
