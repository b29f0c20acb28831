"""Several hosts: the system's ssh, what crosses it, and what runs there."""
