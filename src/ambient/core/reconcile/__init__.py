"""The loop that brings what is to what is wanted: loop.py, and its four concerns.

life.py: place, phase, end. care.py: the token. desired.py: repositories, workflow, model.
handover.py: runs. Each concern is level-triggered, has its own back-off, and starves no other.
"""
