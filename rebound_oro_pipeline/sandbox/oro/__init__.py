"""OroCommerce's back-office REST API imitated: state in SQLite, behaviour as recorded from a real one."""
