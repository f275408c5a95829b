"""Use cases. They raise core.errors only, check values but never roles, and know no transport."""
