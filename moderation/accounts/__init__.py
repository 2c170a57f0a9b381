"""Who may do what: accounts, sessions, tokens, roles. Kept in Redis beside the queue; names never leave it, ids do."""
