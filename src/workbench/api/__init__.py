"""The door for people and programs: HTTP, server-sent events and the terminal's WebSocket.

Only this room imports FastAPI. It decides nothing about runs: it asks engine, and reads ledger.
"""
