"""ReBound's legacy API imitated: returns that move on with time, state in SQLite."""
