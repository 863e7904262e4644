"""PostgreSQL: connections, units of work, and response schemas compiled to SQL."""
