"""SQL models: files of `dbt_like_sql`, their dependencies, and how they are built and tested."""
