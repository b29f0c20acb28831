"""The light index: which blocks of which log may hold a message id, for those who keep their files."""
