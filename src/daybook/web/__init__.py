"""What every route shares: errors, pages, sizes of bodies, request ids and logs."""
