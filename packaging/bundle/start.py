"""What the launcher of the archive starts. It is called ``logscan`` there, for the messages."""

from logscan.__main__ import main

main()
