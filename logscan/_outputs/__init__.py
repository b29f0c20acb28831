"""Where failures go beside the screen: files, mail, chat, metrics, commands."""
