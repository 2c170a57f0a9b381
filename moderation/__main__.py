"""`python -m moderation`, and the `moderation` command."""

from moderation.cli import main

if __name__ == "__main__":
    main()
