"""Load on the whole service, and an account of every comment: what was sent, what came of it, and what is missing."""
