"""Fixtures for every folder, and how long a property may take: as long as it takes.

A machine that is busy with something else generates examples slowly; that says nothing of the code.
"""

from hypothesis import HealthCheck, settings

from support.postgres import postgres

__all__ = ["postgres"]

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
