"""What is true: runs, steps, approvals, artifacts and the chained events that led to them.

append.py is the only writer; all SQL of the product lives in this room.
"""
