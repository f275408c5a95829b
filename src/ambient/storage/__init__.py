"""SessionStore, EventLog and TokenStore on SQL, one code for SQLite and PostgreSQL."""
