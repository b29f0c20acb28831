"""The grammar of one log entry: layouts, the parser, columns."""
