"""``python -m logscan``."""

from logscan._cli import main

main()
