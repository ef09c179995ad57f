"""Carries plans out: submit, drive, decide, cancel, recover, reconcile, operate. Files are verbs.

It moves nothing but through ledger.append, and starts nothing but through gate.admit and a connector.
"""
