"""What a Linux desktop offers over D-Bus: its sleep, its players, its notifications, its keys."""
