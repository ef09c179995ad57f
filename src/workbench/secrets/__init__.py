"""Secrets: kept enciphered, released to one step at a time, and masked in all that it prints."""
