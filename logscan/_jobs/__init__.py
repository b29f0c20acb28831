"""Jobs: one file per command, of the same name; each joins the stages for its command and for the library."""
