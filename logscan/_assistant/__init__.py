"""Tools for assistants: what ``logscan mcp`` lets a language model ask, bounded, masked and read-only."""
