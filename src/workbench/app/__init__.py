"""Builds everything once. Only this room reads config and chooses concrete adapters.

home.py knows the folder, house.py opens the rooms, serve.py runs the server, offline.py answers without one.
"""
